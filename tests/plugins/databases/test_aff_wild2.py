"""Aff-Wild2 as it lies on disk, with everything that has gone wrong in public loaders."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abawbench.contracts.database import LabelledTrack
from abawbench.contracts.errors import DataError
from abawbench_plugins.databases import _image_index
from abawbench_plugins.databases.aff_wild2 import open_database

VA = "8th_ABAW_Annotations/VA_Estimation_Challenge"
EXPR = "8th_ABAW_Annotations/EXPR_Recognition_Challenge"
AU = "8th_ABAW_Annotations/AU_Detection_Challenge"
VA_HEADER = "valence,arousal\n"
EXPR_HEADER = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other\n"
AU_HEADER = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26\n"
STILLS = Path(os.environ.get("ABAWBENCH_STILLS", Path(__file__).parents[4] / "shared/data/stills-expr"))


def only(disk: Any, label: str = "va", split: str = "train") -> LabelledTrack:
    (one,) = open_database([disk.root]).tracks(label, split)
    return one


def the_problems(disk: Any, label: str = "va", split: str = "train") -> list[tuple[str, str, int | None]]:
    database = open_database([disk.root])
    database.tracks(label, split)
    return [(Path(p.file).name, p.what, p.line) for p in database.problems.items]


@pytest.fixture
def good(disk: Any) -> Any:
    """One track that is in order, so that a split is never empty."""
    disk.put(f"{VA}/Train_Set/good.txt", VA_HEADER + "0,0\n")
    disk.images("cropped_aligned/good", "00001.jpg")
    return disk


def test_the_line_after_the_header_labels_image_00001(disk: Any) -> None:
    disk.put(f"{VA}/Train_Set/7-60-1920x1080.txt", VA_HEADER + "0.5,-0.25\n-1,1\n")
    disk.images("cropped_aligned/7-60-1920x1080", "00002.jpg", content=disk.jpeg(250, 20, 20))
    disk.images("cropped_aligned/7-60-1920x1080", "00001.jpg", content=disk.jpeg(20, 20, 250))
    one = only(disk)
    track, labels = one.track, one.known
    assert labels.values.tolist() == [[0.5, -0.25], [-1, 1]]
    assert labels.mask.tolist() == [True, True]
    assert list(track.frame_names()) == ["7-60-1920x1080/00001.jpg", "7-60-1920x1080/00002.jpg"]
    images, mask = track.frames(np.array([0, 1]))
    assert images[0, 0, 0].tolist() == pytest.approx([20, 20, 250], abs=6)
    assert images[1, 0, 0].tolist() == pytest.approx([250, 20, 20], abs=6)
    assert mask.all()


def test_rows_decide_the_number_of_frames_not_images(disk: Any) -> None:
    disk.put(f"{VA}/Train_Set/a.txt", VA_HEADER + "0,0\n" * 4)
    disk.images("cropped_aligned/a", "00002.jpg", "00004.jpg", "00005.jpg", "00009.jpg")
    track = only(disk).track
    assert track.n_frames == 4
    assert track.frame_mask().tolist() == [False, True, False, True]
    images, mask = track.frames(np.array([3, 0, 3]))
    assert mask.tolist() == [True, False, True]
    assert not images[1].any()
    assert (images[0] == images[2]).all()


def test_ignore_codes_are_compared_as_numbers(disk: Any) -> None:
    rows = ["-5,-5", "-5.0,0.1", "0.1,-5.00", "-1.0,-1", "-5e-05,0.2", "0.5,-0.5"]
    disk.put(f"{VA}/Train_Set/a.txt", VA_HEADER + "\n".join(rows))
    disk.images("cropped_aligned/a", "00001.jpg")
    labels = only(disk).known
    assert labels.mask.tolist() == [False, False, False, True, True, True]


def test_expr_is_one_index_under_eight_names(disk: Any) -> None:
    disk.put(f"{EXPR}/Validation_Set/a.txt", EXPR_HEADER + "7\n-1\n0\n")
    disk.images("cropped_aligned/a", "00001.jpg")
    labels = only(disk, "expr", "val").known
    assert labels.values.tolist()[::2] == [7, 0]
    assert labels.values.dtype.kind == "i"
    assert labels.mask.tolist() == [True, False, True]


def test_an_au_row_with_any_minus_one_is_not_annotated_and_counted(disk: Any) -> None:
    ones = ",".join("1" * 12)
    disk.put(f"{AU}/Train_Set/a.txt", AU_HEADER + f"{ones}\n{','.join(['-1'] * 12)}\n0,-1,{ones[4:]}\n")
    disk.images("cropped_aligned/a", "00001.jpg")
    labels = only(disk, "au").known
    assert labels.values.shape == (3, 12)
    assert labels.mask.tolist() == [True, False, False]
    (problem,) = the_problems(disk, "au")
    assert problem[::2] == ("a.txt", 4)
    assert "1 row(s) have -1 in some columns only" in problem[1]


def test_only_left_and_right_are_people_other_endings_are_ids(disk: Any) -> None:
    names = [
        "8-30-1280x720_left",
        "8-30-1280x720_right",
        "8-30-1280x720",
        "28-30-1280x720-2",
        "video86_3",
        "video5_left",
    ]
    for name in names:
        disk.put(f"{VA}/Train_Set/{name}.txt", VA_HEADER + "0,0\n")
        disk.images(f"cropped_aligned/{name}", "00001.jpg")
    tracks = [one.track for one in open_database([disk.root]).tracks("va", "train")]
    assert [track.id for track in tracks] == sorted(names)
    assert {track.id: track.subject for track in tracks} == {
        "8-30-1280x720_left": "8-30-1280x720",
        "8-30-1280x720_right": "8-30-1280x720",
        "8-30-1280x720": "8-30-1280x720",
        "28-30-1280x720-2": "28-30-1280x720-2",
        "video86_3": "video86_3",
        "video5_left": "video5",
    }


@pytest.mark.parametrize("name", ["9-15-1920x1080", "10-60-1280x720_left", "28-24-1280x720-2", "video86_3", "451"])
def test_without_a_video_thirty_is_assumed_and_said(disk: Any, name: str) -> None:
    disk.put(f"{VA}/Train_Set/{name}.txt", VA_HEADER + "0,0\n")
    disk.images(f"cropped_aligned/{name}", "00001.jpg")
    database = open_database([disk.root])
    (one,) = database.tracks("va", "train")
    assert one.track.rate == 30
    assert "no video beside the faces: 30 frames per second are assumed" in [p.what for p in database.problems.items]


@pytest.mark.parametrize("name", ["video5", "video5_left", "9-30-1920x1080"])
def test_the_rate_is_that_of_the_video(disk: Any, name: str) -> None:
    disk.put(f"{VA}/Train_Set/{name}.txt", VA_HEADER + "0,0\n0,0\n")
    disk.images(f"cropped_aligned/{name}", "00001.jpg")
    disk.film(f"batch1/{name.removesuffix('_left')}.mp4", 3, rate=15)
    track = only(disk).track
    assert track.rate == 15
    np.testing.assert_allclose(track.times(), [0.5 / 15, 1.5 / 15])


def test_a_video_that_cannot_be_read_tells_no_rate(disk: Any) -> None:
    disk.put(f"{VA}/Train_Set/9-15-1920x1080.txt", VA_HEADER + "0,0\n")
    disk.put("batch1/9-15-1920x1080.mp4", b"no video")
    assert only(disk).track.rate == 30


def test_several_image_roots_are_merged_and_aligned_faces_win(disk: Any) -> None:
    for name in ("old", "451", "loose"):
        disk.put(f"{VA}/Train_Set/{name}.txt", VA_HEADER + "0,0\n" * 2)
    disk.images("cropped_aligned/old", "00001.jpg")
    disk.images("batch1/old", "00001.jpg", "00002.jpg")
    disk.images("cropped_aligned_new_50_vids/451", "00001.jpg", "00002.jpg")
    disk.images("cropped_new_50_vids/loose", "00002.jpg")
    files = {one.track.id: one.track.frame_files() for one in open_database([disk.root]).tracks("va", "train")}
    paths = {name: [entry and entry[0] for entry in entries] for name, entries in files.items()}
    assert paths == {
        "old": ["cropped_aligned/old/00001.jpg", None],
        "451": ["cropped_aligned_new_50_vids/451/00001.jpg", "cropped_aligned_new_50_vids/451/00002.jpg"],
        "loose": [None, "cropped_new_50_vids/loose/00002.jpg"],
    }


def test_archives_unpacked_into_a_folder_of_their_own_name_are_found(disk: Any) -> None:
    disk.put(f"8th_ABAW_Annotations/{VA}/Train_Set/a.txt", VA_HEADER + "0,0\n")
    disk.images("cropped_aligned/cropped_aligned/a", "00001.jpg")
    disk.images("cropped_aligned/cropped_aligned_new_50_vids/451", "00001.jpg")
    track = only(disk).track
    assert [entry and entry[0] for entry in track.frame_files()] == ["cropped_aligned/cropped_aligned/a/00001.jpg"]


def test_annotations_and_faces_may_lie_under_different_roots(disk: Any, tmp_path: Path) -> None:
    disk.put(f"{VA}/Train_Set/a.txt", VA_HEADER + "0,0\n")
    disk.images("pictures/cropped_aligned/a", "00001.jpg")
    tracks = open_database([disk.root / "8th_ABAW_Annotations", disk.root / "pictures"]).tracks("va", "train")
    assert tracks[0].track.frame_mask().all()


def test_frame_files_tell_size_and_time_so_that_a_changed_image_is_seen(disk: Any) -> None:
    disk.put(f"{VA}/Train_Set/a.txt", VA_HEADER + "0,0\n")
    path = disk.put("cropped_aligned/a/00001.jpg", disk.jpeg())
    status = path.stat()
    before = only(disk).track.frame_files()
    assert before == [("cropped_aligned/a/00001.jpg", status.st_size, status.st_mtime_ns)]
    path.write_bytes(disk.jpeg(size=16))
    assert only(disk).track.frame_files() != before


@pytest.mark.parametrize("folder", ["6th ABAW Annotations", "6th_ABAW_Annotations", "3rd_ABAW_Annotations"])
def test_any_edition_is_read_with_spaces_or_underscores(disk: Any, folder: str) -> None:
    disk.put(f"{folder}/EXPR_Classification_Challenge/Train_Set/a.txt", EXPR_HEADER + "3\n")
    disk.images("cropped_aligned/a", "00001.jpg")
    assert only(disk, "expr").track.n_frames == 1


def test_the_highest_edition_that_has_the_task_wins_unless_one_is_named(disk: Any) -> None:
    for edition, rows in (("6th", 1), ("10th", 2)):
        disk.put(f"{edition}_ABAW_Annotations/VA_Estimation_Challenge/Train_Set/a.txt", VA_HEADER + "0,0\n" * rows)
    disk.put(f"6th_ABAW_Annotations/{EXPR.partition('/')[2]}/Train_Set/a.txt", EXPR_HEADER + "1\n" * 3)
    disk.images("cropped_aligned/a", "00001.jpg")
    assert only(disk).track.n_frames == 2
    assert open_database([disk.root], edition=6).tracks("va", "train")[0].track.n_frames == 1
    assert only(disk, "expr").track.n_frames == 3
    with pytest.raises(DataError, match="4th_ABAW_Annotations"):
        open_database([disk.root], edition=4)


def test_strangers_among_the_files_are_counted_and_ignored(good: Any) -> None:
    good.put(f"{VA}/Train_Set/README.md", "read me")
    good.put("cropped_aligned/list.txt", "good")
    good.put("cropped_aligned/Thumbs.db", b"junk")
    good.put("cropped_aligned/good/.DS_Store", b"junk")
    good.put("cropped_aligned/good/notes.txt", "note")
    database = open_database([good.root])
    (one,) = database.tracks("va", "train")
    assert one.track.frame_mask().tolist() == [True]
    assert sorted(Path(p.file).name for p in database.problems.items) == ["README.md", "list.txt", "notes.txt"]


def test_an_annotation_without_images_stays_and_is_counted(good: Any) -> None:
    good.put(f"{VA}/Train_Set/blind.txt", VA_HEADER + "0.5,0.5\n0.5,0.5\n")
    blind, _ = open_database([good.root]).tracks("va", "train")
    assert blind.track.frame_mask().tolist() == [False, False]
    images, mask = blind.track.frames(np.array([0, 1]))
    assert images.shape == (2, 112, 112, 3)
    assert not images.any()
    assert not mask.any()
    assert blind.track.frame_files() == [None, None]
    ((name, what, _),) = the_problems(good)
    assert name == "Train_Set"
    assert "no image folder" in what


def test_image_folders_without_annotation_are_counted_once(good: Any) -> None:
    for name in ("x", "y"):
        good.images(f"cropped_aligned/{name}", "00001.jpg")
    good.put(f"{EXPR}/Train_Set/other.txt", EXPR_HEADER + "1\n")
    good.images("cropped_aligned/other", "00001.jpg")
    ((name, what, _),) = the_problems(good)
    assert name == "cropped_aligned"
    assert "2 image folder(s) without annotation or test list (x, y)" in what


def test_labels_can_be_read_without_images_but_images_cannot(disk: Any) -> None:
    disk.put(f"{VA}/Train_Set/a.txt", VA_HEADER + "0.5,0.5\n")
    one = only(disk)
    assert one.labels is not None
    with pytest.raises(DataError, match=r"no folder cropped_aligned.*unpack"):
        one.track.frame_mask()


def test_opening_what_is_not_there_says_where_and_what_to_do(disk: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one folder"):
        open_database([])
    with pytest.raises(DataError, match=r"nowhere is not a folder"):
        open_database([tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"_ABAW_Annotations.*unpack"):
        open_database([tmp_path])
    disk.put(f"{VA}/Train_Set/a.txt", VA_HEADER + "broken")
    database = open_database([disk.root])
    assert database.splits("expr") == []
    assert database.splits("smile") == ()
    with pytest.raises(DataError, match=r"EXPR_Recognition_Challenge/Validation_Set.*unpack"):
        database.tracks("expr", "val")
    with pytest.raises(DataError, match="test_set_sample"):
        database.tracks("va", "test")
    with pytest.raises(DataError, match="no label 'ce'"):
        database.tracks("ce", "train")
    with pytest.raises(DataError, match=r"Train_Set holds no usable track.*a\.txt:2"):
        database.tracks("va", "train")


@pytest.mark.parametrize(
    "name", ["CVPR_8th_ABAW_{}_test_set_sample.txt", "test_set_examples/cvpr_6th_{}_test_set_EXAMPLE.txt"]
)
@pytest.mark.parametrize(("label", "spelling"), [("va", "VA"), ("expr", "Expr"), ("expr", "EXPR"), ("au", "AU")])
def test_the_template_gives_the_test_tracks_and_their_frames(disk: Any, name: str, label: str, spelling: str) -> None:
    rows = "b_left/00001.jpg,0\nb_left/00002.jpg,0\na/00001.jpg,0\na/00002.jpg,0\na/00003.jpg,0\n"
    disk.put(name.format(spelling), f"image_location,something\n{rows}")
    disk.images("cropped_aligned/a", "00001.jpg", "00003.jpg", "00004.jpg")
    database = open_database([disk.root])
    assert database.splits(label) == ["test"]
    first, second = database.tracks(label, "test")
    assert (first.track.id, first.track.n_frames, first.labels) == ("a", 3, None)
    assert first.track.frame_mask().tolist() == [True, False, True]
    assert (second.track.id, second.track.subject, second.track.n_frames) == ("b_left", "b", 2)
    assert list(second.track.frame_names()) == ["b_left/00001.jpg", "b_left/00002.jpg"]


def test_a_template_row_that_is_cut_off_skips_its_track(disk: Any) -> None:
    disk.put(
        "CVPR_8th_ABAW_VA_test_set_sample.txt",
        "image_location,valence,arousal\na/00001.jpg,0,0\nb/00001.jpg,0,0\nb/000",
    )
    disk.images("cropped_aligned/a", "00001.jpg")
    disk.images("cropped_aligned/b", "00001.jpg")
    assert only(disk, "va", "test").track.id == "a"
    assert ("CVPR_8th_ABAW_VA_test_set_sample.txt", 4) in [
        (name, line) for name, _, line in the_problems(disk, "va", "test")
    ]


def test_a_track_of_the_release_list_that_the_template_lacks_is_counted(disk: Any) -> None:
    disk.put("CVPR_8th_ABAW_VA_test_set_sample.txt", "image_location,valence,arousal\na/00001.jpg,0,0\n")
    lists = "names_of_videos_in_each_test_set"
    disk.put(f"{lists}/Valence_Arousal_Estimation_Challenge_test_set_release.txt", "a\nmissing\n")
    disk.put(f"{lists}/Action_Unit_Detection_Challenge_test_set_release.txt", "z\n")
    disk.images("cropped_aligned/a", "00001.jpg")
    ((_, what, line),) = the_problems(disk, "va", "test")
    assert "missing has no frames" in what
    assert line == 2


def test_the_sound_is_the_bare_videos_mp4_before_avi(disk: Any) -> None:
    for name in ("v_left", "w", "silent"):
        disk.put(f"{VA}/Train_Set/{name}.txt", VA_HEADER + "0,0\n")
        disk.images(f"cropped_aligned/{name}", "00001.jpg")
    tone = 0.5 * np.sin(np.arange(800) / 5).astype(np.float32)
    disk.sound("batch1/v.mp4", tone, 16000, "aac")
    disk.put("batch1/v.avi", b"not this one")
    disk.sound("new_vids/w.avi", tone[:400], 8000, "pcm_s16le")
    tracks = {one.track.id: one.track for one in open_database([disk.root]).tracks("va", "train")}
    v, w = tracks["v_left"].audio(), tracks["w"].audio()
    assert v is not None
    assert v[1] == 16000
    assert w is not None
    assert w[1] == 8000
    np.testing.assert_allclose(w[0], tone[:400], atol=1e-4)
    assert tracks["silent"].audio() is None
    assert the_problems(disk) == []


def test_tracks_survive_pickling_and_are_parsed_once(good: Any) -> None:
    database = open_database([good.root])
    tracks = database.tracks("va", "train")
    assert database.tracks("va", "train") is tracks
    copy = pickle.loads(pickle.dumps(tracks[0]))
    shown, expected = (one.track.frames(np.array([0]))[0] for one in (copy, tracks[0]))
    np.testing.assert_array_equal(shown, expected)
    assert copy.known.mask.tolist() == [True]
    assert copy.track.frame_files() == tracks[0].track.frame_files()


def test_the_fingerprint_sees_annotations_and_not_images(good: Any, tmp_path: Path) -> None:
    before = open_database([good.root]).fingerprint()
    good.images("cropped_aligned/good", "00002.jpg")
    assert open_database([good.root]).fingerprint() == before
    moved = good.root.rename(tmp_path / "elsewhere")
    assert open_database([moved]).fingerprint() == before
    (moved / VA / "Train_Set/good.txt").write_text(VA_HEADER + "0,1\n")
    assert open_database([moved]).fingerprint() != before


def test_opening_and_labels_read_no_image_folder(good: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    list_folder = _image_index.list_folder
    monkeypatch.setattr(_image_index, "list_folder", lambda path: listed.append(str(path)) or list_folder(path))
    (one,) = open_database([good.root]).tracks("va", "train")
    folder = str(good.root / "cropped_aligned/good")
    assert folder not in listed
    one.track.frame_mask()
    one.track.frame_files()
    assert listed.count(folder) == 1


@pytest.mark.slow
@pytest.mark.skipif(not STILLS.is_dir(), reason="the real photographs are not here")
def test_real_photographs_in_the_official_layout_load() -> None:
    database = open_database([STILLS])
    assert list(database.splits("expr")) == ["train", "val"]
    train, val = database.tracks("expr", "train"), database.tracks("expr", "val")
    assert (len(train), len(val)) == (2331, 755)
    assert {one.track.id for one in train}.isdisjoint(one.track.id for one in val)
    images, mask = val[0].track.frames(np.array([0]))
    assert images.shape == (1, 112, 112, 3)
    assert mask.all()
    assert images.std() > 10
    assert database.problems.items == []


def test_a_header_of_other_words_needs_another_assumption(good: Any) -> None:
    good.put(f"{VA}/Train_Set/other.txt", "V A\n0.5,0.5\n")
    assert [one.track.id for one in open_database([good.root]).tracks("va", "train")] == ["good"]
    found = {one.track.id: one for one in open_database([good.root], annotation_header="any").tracks("va", "train")}
    assert found["other"].known.values.tolist() == [[0.5, 0.5]]
