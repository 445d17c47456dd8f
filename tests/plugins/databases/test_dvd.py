"""DVD: frames decoded from videos, or read from images where someone extracted them."""

import pickle
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abawbench.contracts.errors import DataError
from abawbench_plugins.databases import _video
from abawbench_plugins.databases._annotations import RowError
from abawbench_plugins.databases._video import Video
from abawbench_plugins.databases.dvd import open_database, read_table
from abawbench_plugins.tasks.archives import videos
from abawbench_plugins.tasks.vd import task


def film(path: Path, frames: int, size: tuple[int, int] = (32, 16), form: str = "mpeg4", **options: Any) -> Path:
    """A video whose frame i is as bright as 4 i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(form, rate=25, options={key: str(value) for key, value in options.items()})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        for i in range(frames):
            picture = np.full((size[1], size[0], 3), 4 * i, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def brightness(images: Any) -> list[float]:
    return [float(image.mean()) for image in images]


@pytest.fixture
def scene(disk: Any) -> Any:
    film(disk.root / "Training/videos/a b.mp4", 30)
    disk.put("Training/annotations/a b.csv", "Frame_Number,Label\n" + "".join(f"{i},{i // 16}\n" for i in range(1, 32)))
    return disk


def test_rows_count_frames_from_1_and_may_be_one_more_than_the_video_has(scene: Any) -> None:
    database = open_database([scene.root])
    assert database.splits("vd") == ["train"]
    (one,) = database.tracks("vd", "train")
    track = one.track
    assert (track.id, track.n_frames, track.rate) == ("a b", 31, 25)
    assert one.known.values.tolist() == [0] * 15 + [1] * 16
    assert track.frame_mask().tolist() == [True] * 30 + [False]
    images, mask = track.frames(np.array([30, 29, 3, 0]))
    assert mask.tolist() == [False, True, True, True]
    assert brightness(images) == pytest.approx([0, 116, 12, 0], abs=1.9)
    assert database.problems.items == []


@pytest.mark.parametrize(("name", "form", "options"), [
    ("x.mp4", "mpeg4", {"g": 7}), ("x.mp4", "mpeg4", {"g": 9, "bf": 2}), ("x.avi", "mpeg4", {"g": 12}),
])  # fmt: skip
def test_frames_anywhere_are_the_frames_of_one_pass(
    tmp_path: Path, name: str, form: str, options: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(_video, "_FAR", 5)
    video = Video(film(tmp_path / name, 60, form=form, **options))
    whole, mask = video.read(np.arange(60))
    assert mask.all()
    assert brightness(whole) == pytest.approx([4 * i for i in range(60)], abs=1.9)
    some = np.array([59, 41, 40, 2, 20, 41])
    images, found = video.read(some)
    assert found.all()
    np.testing.assert_array_equal(images, whole[some])


def test_the_older_column_name_is_read_and_others_are_not(disk: Any) -> None:
    assert read_table(disk.put("x.csv", "Frame_Num,Label\n2,1\n1,0\n"))[1].tolist() == [0, 1]
    for text in ("Frame,Label\n1,0\n", "1,0\n2,1\n", ""):
        with pytest.raises(RowError, match="Frame_Number,Label"):
            read_table(disk.put("x.csv", text))


@pytest.mark.parametrize("row", ["0,1", "2,2", "2,-1", "1,0", "x,0", "2", "2,0,1", "", "2,0.0"])
def test_a_malformed_row_costs_its_video_and_names_the_line(scene: Any, row: str) -> None:
    scene.put("Training/annotations/bad.csv", f"Frame_Number,Label\n1,0\n{row}\n3,0\n")
    database = open_database([scene.root])
    assert [one.track.id for one in database.tracks("vd", "train")] == ["a b"]
    (problem,) = database.problems.items
    assert (problem.line, problem.track, problem.file) == (3, "bad", "Training/annotations/bad.csv")


def test_extracted_images_come_before_the_video(scene: Any) -> None:
    scene.images("Training/images/a b", "00002.jpg", content=scene.jpeg(240, 0, 0))
    (one,) = open_database([scene.root]).tracks("vd", "train")
    assert np.flatnonzero(one.track.frame_mask()).tolist() == [1]
    assert one.track.frame_files()[1][0] == "Training/images/a b/00002.jpg"
    assert one.track.frames(np.array([1]))[0][0, 0, 0, 0] == pytest.approx(240, abs=6)


def test_a_changed_video_changes_the_key_of_its_frames(scene: Any) -> None:
    (one,) = open_database([scene.root]).tracks("vd", "train")
    before = one.track.frame_files()
    assert before[0][0] == "Training/videos/a b.mp4#1"
    assert before[30] is None
    film(scene.root / "Training/videos/a b.mp4", 30, size=(64, 64))
    (again,) = open_database([scene.root]).tracks("vd", "train")
    assert again.track.frame_files()[0] != before[0]


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "text"])
def test_a_video_that_is_missing_or_broken_is_a_problem_and_no_frame(scene: Any, damage: str) -> None:
    path = scene.root / "Training/videos/a b.mp4"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": path.read_bytes()[:200], "text": b"not a video"}[damage])
    database = open_database([scene.root])
    (one,) = database.tracks("vd", "train")
    images, mask = one.track.frames(np.arange(3))
    assert not mask.any()
    assert not images.any()
    assert not one.track.frame_mask().any()
    assert one.track.rate == 30
    assert database.problems.items


def test_large_frames_are_shrunk_and_keep_their_shape(tmp_path: Path) -> None:
    images, _ = Video(film(tmp_path / "x.mp4", 2, size=(1024, 512))).read(np.arange(2))
    assert images.shape == (2, 256, 512, 3)


def test_tracks_can_be_pickled(scene: Any) -> None:
    (one,) = open_database([scene.root]).tracks("vd", "train")
    track = one.track
    track.frame_mask()
    copy = pickle.loads(pickle.dumps(track))
    np.testing.assert_array_equal(copy.frames(np.arange(4))[0], track.frames(np.arange(4))[0])


def test_folders_that_hold_something_else_are_refused(disk: Any) -> None:
    disk.put("Training/videos/x.mp4", b"")
    with pytest.raises(DataError, match="Training/annotations"):
        open_database([disk.root])
    disk.put("Training/annotations/x.csv", "Frame_Number,Label\n1,0\n")
    with pytest.raises(DataError, match="Test/templates"):
        open_database([disk.root]).tracks("vd", "test")


@settings(max_examples=60)
@given(text=st.text(alphabet="Frame_Number,Label\n01 \r-x", max_size=120))
def test_whatever_the_table_holds_only_documented_errors_come(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("table") / "x.csv"
    path.write_bytes(b"Frame_Number,Label\n" + text.encode())
    try:
        numbers, labels = read_table(path)
    except RowError:
        return
    assert set(labels.tolist()) <= {0, 1}
    assert len(numbers) == len(labels) > 0


def test_tables_may_count_from_0_and_call_violence_0_by_another_assumption(scene: Any) -> None:
    scene.put("Training/annotations/a b.csv", "Frame_Number,Label\n0,0\n1,1\n2,1\n")
    (one,) = open_database([scene.root], vd_first_frame="0", vd_violent="0").tracks("vd", "train")
    assert list(one.track.frame_names()) == ["a b/00001.jpg", "a b/00002.jpg", "a b/00003.jpg"]
    assert one.known.values.tolist() == [1, 0, 0]
    assert brightness(one.track.frames(np.array([2]))[0]) == pytest.approx([8], abs=1.9)
    with pytest.raises(DataError, match="expected <frame from 1>"):
        open_database([scene.root]).tracks("vd", "train")


def test_the_frames_of_the_test_set_are_those_of_its_templates(disk: Any) -> None:
    film(disk.root / "Test/videos/b.mp4", 2)
    disk.put("Test/templates/b.csv", "Frame_Num,Label\n1,\n2\n3,0\n")
    database = open_database([disk.root])
    assert database.splits("vd") == ["test"]
    (one,) = database.tracks("vd", "test")
    assert (one.track.n_frames, one.labels) == (3, None)
    assert one.track.frame_mask().tolist() == [True, True, False]
    template = database.template("vd")
    assert template is not None
    assert videos(task()).template(template).names == list(one.track.frame_names())
