"""Hume-Vidmimic2: ids that look like numbers, faces that sort like words, clips without a face."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abawbench.contracts.errors import DataError
from abawbench_plugins.databases.hume_vidmimic2 import open_database

HEADER = "Filename,Admiration,Amusement,Determination,Empathic Pain,Excitement,Joy\n"
VALUES = "0,0.25,0.5,0.75,1,0.125"


def test_ids_are_text_whatever_lost_their_zeros(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + f'00007,{VALUES}\n12,{VALUES}\n"00345",{VALUES}\n')
    for clip in ("00007", "00012", "00345"):
        disk.images(f"face_images/{clip}", "1.jpg")
    database = open_database([disk.root])
    assert [one.track.id for one in database.tracks("emi", "train")] == ["00007", "00012", "00345"]
    labels = database.tracks("emi", "train")[1].known
    assert labels is not None
    assert labels.values.tolist() == [[0, 0.25, 0.5, 0.75, 1, 0.125]]
    assert labels.mask.tolist() == [True]
    assert database.problems.items == []


def test_faces_are_in_the_order_of_their_numbers_and_thumbs_are_none(disk: Any) -> None:
    disk.put("valid_split.csv", HEADER + f"00007,{VALUES}\n")
    for number, red in ((2, 20), (10, 240), (9, 130)):
        disk.images("face_images/00007", f"{number}.jpg", content=disk.jpeg(red, 0, 0))
    disk.put("face_images/00007/Thumbs.db", b"junk")
    database = open_database([disk.root])
    (one,) = database.tracks("emi", "val")
    track = one.track
    assert track.n_frames == 3
    images, mask = track.frames(np.arange(3))
    assert images[:, 0, 0, 0].tolist() == pytest.approx([20, 130, 240], abs=6)
    assert mask.all()
    assert list(track.frame_names()) == ["00007/2.jpg", "00007/9.jpg", "00007/10.jpg"]
    assert [entry and entry[0] for entry in track.frame_files()] == [
        f"face_images/00007/{number}.jpg" for number in (2, 9, 10)
    ]
    assert database.problems.items == []


@pytest.mark.parametrize("folder", [True, False])
def test_a_clip_without_a_face_is_still_predicted_as_one_missing_frame(disk: Any, folder: bool) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n00002,{VALUES}\n")
    disk.images("face_images/00001", "1.jpg")
    if folder:
        (disk.root / "face_images/00002").mkdir()
    _, empty = open_database([disk.root]).tracks("emi", "train")
    assert empty.track.n_frames == 1
    assert empty.track.frame_mask().tolist() == [False]
    images, mask = empty.track.frames(np.array([0]))
    assert not images.any()
    assert not mask.any()
    assert empty.track.frame_files() == [None]
    assert empty.labels is not None


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("00002,0,0,0,0,0", "expected 7 values, found 6"),
        ("00002,0,0,0,0,0,0,0", "expected 7 values, found 8"),
        ("00002,0,0,0,x,0,0", "not a number in [0, 1]"),
        ("00002,0,0,0,,0,0", "not a number in [0, 1]"),
        ("00002,0,0,0,nan,0,0", "not a number in [0, 1]"),
        ("00002,0,0,0,1.5,0,0", "not a number in [0, 1]"),
        ("clip,0,0,0,0,0,0", "not an id of digits"),
        ("1,0,0,0,0,0,0", "a second time"),
        ("", "expected 7 values, found 1"),
    ],
)
def test_a_malformed_row_is_skipped_and_the_rest_goes_on(disk: Any, row: str, what: str) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n{row}\n00003,{VALUES}\n")
    for clip in ("00001", "00003"):
        disk.images(f"face_images/{clip}", "1.jpg")
    database = open_database([disk.root])
    assert [one.track.id for one in database.tracks("emi", "train")] == ["00001", "00003"]
    (problem,) = database.problems.items
    assert (Path(problem.file).name, problem.line) == ("train_split.csv", 3)
    assert what in problem.what


def test_columns_are_found_by_name_and_a_missing_one_is_an_error(disk: Any) -> None:
    names = HEADER.strip().split(",")
    table = disk.put("train_split.csv", ",".join(reversed(names)) + "\n0.6,0.5,0.4,0.3,0.2,0.1,00001\n")
    disk.images("face_images/00001", "1.jpg")
    labels = open_database([disk.root]).tracks("emi", "train")[0].known
    assert labels is not None
    assert labels.values.tolist() == [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]
    table.write_text(HEADER.replace("Empathic Pain", "Empathic-Pain"))
    with pytest.raises(DataError, match=r"train_split\.csv:1 lacks the column\(s\) Empathic Pain"):
        open_database([disk.root]).tracks("emi", "train")


def test_the_test_package_holds_no_table(disk: Any) -> None:
    disk.put("train/train_split.csv", HEADER + f"00001,{VALUES}\n")
    disk.images("train/face_images/00001", "1.jpg")
    disk.images("test/face_images/00005", "1.jpg")
    disk.put("test/audio/00006.mp3", b"")
    disk.put("test/raw/readme.txt", "stray")
    database = open_database([disk.root])
    assert database.splits("emi") == ["train", "test"]
    tracks = database.tracks("emi", "test")
    assert [(one.track.id, one.labels) for one in tracks] == [("00005", None), ("00006", None)]
    assert any("readme.txt" in problem.file for problem in database.problems.items)


def test_packages_unpacked_into_one_folder_are_told_apart_by_id(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n")
    for clip in ("00001", "00002", "12659", "12660", "17245"):
        disk.images(f"face_images/{clip}", "1.jpg")
    database = open_database([disk.root])
    assert [one.track.id for one in database.tracks("emi", "test")] == ["12660", "17245"]
    database.tracks("emi", "train")
    assert any("2 image folder(s) without annotation" in problem.what for problem in database.problems.items)


def test_a_test_list_needs_ids_only(disk: Any) -> None:
    disk.put("test_split.csv", "Filename\n00009\n")
    disk.images("face_images/00009", "1.jpg")
    disk.images("face_images/12661", "1.jpg")
    database = open_database([disk.root])
    assert database.splits("emi") == ["test"]
    assert [one.track.id for one in database.tracks("emi", "test")] == ["00009"]


def test_the_sound_is_the_mp3_or_else_that_of_the_video(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n00002,{VALUES}\n00003,{VALUES}\n")
    noise = np.zeros(3200, dtype=np.float32)
    disk.sound("audio/00001.mp3", noise, 16000, "libmp3lame")
    disk.sound("raw/00001.mp4", noise, 8000, "aac")
    disk.sound("raw/00002.mp4", noise, 8000, "aac")
    tracks = open_database([disk.root]).tracks("emi", "train")
    sounds = [one.track.audio() for one in tracks]
    assert [sound and sound[1] for sound in sounds] == [16000, 8000, None]


def test_images_are_spread_over_the_sound_because_their_rate_is_not_known(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n")
    disk.images("face_images/00001", "1.jpg", "7.jpg", "9.jpg", "12.jpg")
    (one,) = open_database([disk.root]).tracks("emi", "train")
    track = one.track
    np.testing.assert_allclose(track.times(), np.array([0.5, 1.5, 2.5, 3.5]) / 30)
    disk.sound("audio/00001.mp3", np.zeros(64_000, dtype=np.float32), 16000, "libmp3lame")
    (one,) = open_database([disk.root]).tracks("emi", "train")
    np.testing.assert_allclose(one.track.times(), [0.5, 1.5, 2.5, 3.5], atol=0.1)


def test_labels_alone_can_be_scored_and_not_seen(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n")
    (one,) = open_database([disk.root]).tracks("emi", "train")
    assert (one.track.id, one.track.n_frames) == ("00001", 1)
    assert one.known.values.shape == (1, 6)
    with pytest.raises(DataError, match="no clips in face_images, audio, raw, vit or wav2vec2"):
        one.track.frames(np.array([0]))


def test_sound_alone_is_enough(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n")
    disk.put("audio/00001.mp3", b"")
    database = open_database([disk.root])
    (one,) = database.tracks("emi", "train")
    assert one.track.n_frames == 1
    assert "no face_images folder" in database.problems.items[0].what


def test_an_empty_folder_is_not_the_database(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no train_split\.csv"):
        open_database([tmp_path])


def test_shipped_features_are_read(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n")
    disk.images("face_images/00001", "1.jpg")
    disk.put("vit/00001.pkl", pickle.dumps(np.full((3, 384), 0.5)))
    (one,) = open_database([disk.root]).tracks("emi", "train")
    track = one.track
    features = track.features("vit")
    assert (features.shape, features.dtype, float(features[0, 0])) == ((3, 384), np.float32, 0.5)
    assert track.features("wav2vec2") is None
    assert pickle.loads(pickle.dumps(track)).n_frames == 1


@pytest.mark.parametrize("kinds", [("vit", "wav2vec2"), ("wav2vec2",)])
def test_shipped_features_alone_are_enough_and_every_row_is_a_frame(disk: Any, kinds: tuple[str, ...]) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n")
    for kind, rows in zip(kinds, (5, 9), strict=False):
        disk.put(f"{kind}/00001.pkl", pickle.dumps(np.zeros((rows, 384))))
    (one,) = open_database([disk.root]).tracks("emi", "train")
    assert one.track.n_frames == 5
    assert not one.track.frame_mask().any()
    assert one.track.frame_names()[0] == "00001/1.jpg"
    assert open_database([disk.root]).splits("emi") == ["train"]


def test_a_clip_of_sound_alone_has_as_many_frames_as_would_cover_it(disk: Any) -> None:
    disk.put("train_split.csv", HEADER + f"00001,{VALUES}\n")
    disk.put("vit/00001.pkl", b"broken")
    disk.sound("audio/00001.mp3", np.zeros(32_000, dtype=np.float32), 16000, "libmp3lame")
    (one,) = open_database([disk.root]).tracks("emi", "train")
    assert one.track.n_frames == pytest.approx(60, abs=3)
    np.testing.assert_allclose(np.diff(one.track.times()), 1 / 30, rtol=0.05)


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(st.lists(st.sampled_from(["1", "0.5", "2", "-1", '"', "", "x", "00001"]), max_size=8)).map(
            lambda rows: "\n".join(map(",".join, rows)).encode()
        ),
    ),
    st.booleans(),
)
def test_no_table_does_worse_than_a_problem(fresh: Any, body: bytes, header: bool) -> None:
    disk = fresh()
    disk.put("train_split.csv", (HEADER.encode() if header else b"") + body)
    disk.images("face_images/00001", "1.jpg")
    try:
        tracks = open_database([disk.root]).tracks("emi", "train")
    except DataError:
        return
    for one in tracks:
        values = one.known.values
        assert ((values >= 0) & (values <= 1)).all()
