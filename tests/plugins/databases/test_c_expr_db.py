"""C-EXPR-DB: released without labels, read with labels for those who have them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abawbench.contracts.errors import DataError
from abawbench_plugins.databases.c_expr_db import open_database

HEADER = (
    "image_location,Fearfully_Surprised,Happily_Surprised,Sadly_Surprised,Disgustedly_Surprised,Angrily_Surprised,"
    "Sadly_Fearful,Sadly_Angry\n"
)


@pytest.mark.parametrize("name", ["CVPR_8th_ABAW_CE_test_set_sample.txt", "CVPR_6th_ABAW_CE_test_set_example.txt"])
def test_the_unlabelled_release_opens_with_only_a_test_split(disk: Any, name: str) -> None:
    disk.put(name, HEADER + "02/00001.jpg,0\n01/00001.jpg,0\n01/00002.jpg,0\n")
    disk.images("cropped_aligned/01", "00002.jpg")
    disk.images("cropped_aligned/02", "00001.jpg")
    database = open_database([disk.root])
    assert database.splits("ce") == ["test"]
    assert database.splits("expr") == ()
    first, second = database.tracks("ce", "test")
    assert (first.track.id, first.track.n_frames, first.track.rate, first.labels) == ("01", 2, 30, None)
    assert first.track.frame_mask().tolist() == [False, True]
    assert list(second.track.frame_names()) == ["02/00001.jpg"]
    with pytest.raises(DataError, match=r"no labels/train\.txt"):
        database.tracks("ce", "train")


@pytest.mark.parametrize("faces", ["cropped_aligned/", ""])
def test_labels_in_the_form_of_the_template_give_train_and_val(disk: Any, faces: str) -> None:
    disk.put("labels/train.txt", HEADER + "01/00001.jpg,6\n01/00002.jpg,-1\n01/00003.jpg,7\n01/00004.jpg,0\n")
    disk.put("labels/val.txt", HEADER + "135-24-1920x1080_left/00001.jpg,3\n")
    disk.images(f"{faces}01", "00001.jpg", "00004.jpg")
    disk.images(f"{faces}135-24-1920x1080_left", "00001.jpg")
    database = open_database([disk.root])
    assert database.splits("ce") == ["train", "val"]
    (one,) = database.tracks("ce", "train")
    labels = one.known
    assert labels.values[labels.mask].tolist() == [6, 0]
    assert labels.mask.tolist() == [True, False, False, True]
    assert one.track.frame_mask().tolist() == [True, False, False, True]
    images, mask = one.track.frames(np.array([0, 1]))
    assert images.shape == (2, 8, 8, 3)
    assert mask.tolist() == [True, False]
    (other,) = database.tracks("ce", "val")
    assert (other.track.subject, other.track.rate) == ("135-24-1920x1080", 30)
    assert all("are assumed" in problem.what for problem in database.problems.items)


def test_labels_of_the_test_set_come_before_the_template(disk: Any) -> None:
    disk.put("CVPR_8th_ABAW_CE_test_set_sample.txt", HEADER + "01/00001.jpg,0\n")
    disk.put("labels/test.txt", HEADER + "01/00001.jpg,5\n")
    disk.images("01", "00001.jpg")
    labels = open_database([disk.root]).tracks("ce", "test")[0].known
    assert labels is not None
    assert labels.values.tolist() == [5]


def test_a_frame_the_rows_skip_keeps_its_number(disk: Any) -> None:
    disk.put("labels/train.txt", HEADER + "01/00007.jpg,2\n01/00003.jpg,1\n")
    disk.images("01", "00003.jpg", content=disk.jpeg(250, 0, 0))
    disk.images("01", "00007.jpg", content=disk.jpeg(0, 0, 250))
    (one,) = open_database([disk.root]).tracks("ce", "train")
    labels = one.known
    assert labels.values.tolist() == [1, 2]
    assert list(one.track.frame_names()) == ["01/00003.jpg", "01/00007.jpg"]
    assert one.track.frames(np.array([0]))[0][0, 0, 0].tolist() == pytest.approx([250, 0, 0], abs=6)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("02/00001.jpg,\n", 3),
        ("02/00001.jpg,joy\n", 3),
        ("02/00001.jpg,1,2\n", 3),
        ("02/00001.jpg,1\n02/000", 4),
        ("02/00001.jpg,1\n\n02/00003.jpg,1\n", 4),
        ("02/00001.jpg,1\n02/00001.jpg,2\n", None),
    ],
)
def test_a_malformed_row_skips_its_track_only(disk: Any, rows: str, line: int | None) -> None:
    disk.put("labels/train.txt", HEADER + "01/00001.jpg,4\n" + rows)
    disk.images("01", "00001.jpg")
    disk.images("02", "00001.jpg")
    database = open_database([disk.root])
    assert [one.track.id for one in database.tracks("ce", "train")] == ["01"]
    assert line in [problem.line for problem in database.problems.items]
    assert {Path(problem.file).name for problem in database.problems.items} == {"train.txt"}


def test_missing_folders_are_explained(disk: Any) -> None:
    disk.put("notes.txt", "nothing")
    with pytest.raises(DataError, match=r"no labels/train\.txt and no \*CE_test_set_sample\.txt"):
        open_database([disk.root])
    disk.put("labels/val.txt", HEADER + "01/00001.jpg,4\n")
    (one,) = open_database([disk.root]).tracks("ce", "val")
    with pytest.raises(DataError, match=r"no folder cropped_aligned with images for the tracks of val\.txt"):
        one.track.frames(np.array([0]))


def test_folders_and_rows_that_do_not_meet_are_counted(disk: Any) -> None:
    disk.put("labels/train.txt", HEADER + "01/00001.jpg,4\n02/00001.jpg,4\n")
    disk.images("cropped_aligned/01", "00001.jpg")
    disk.images("cropped_aligned/03", "00001.jpg")
    database = open_database([disk.root])
    assert [one.track.frame_mask().tolist() for one in database.tracks("ce", "train")] == [[True], [False]]
    whats = " ".join(problem.what for problem in database.problems.items)
    assert "no image folder for track 02" in whats
    assert "1 image folder(s) without annotation or test list (03)" in whats


def test_the_sound_lies_in_videos(disk: Any) -> None:
    disk.put("labels/train.txt", HEADER + "01/00001.jpg,4\n")
    disk.images("cropped_aligned/01", "00001.jpg")
    disk.sound("videos/01.mp4", np.zeros(1600, dtype=np.float32), 16000, "aac")
    (one,) = open_database([disk.root]).tracks("ce", "train")
    sound = one.track.audio()
    assert sound is not None
    assert sound[1] == 16000


def test_frames_are_timed_by_the_rate_of_the_video_where_there_is_one(disk: Any) -> None:
    disk.put("labels/train.txt", HEADER + "01/00001.jpg,4\n02/00001.jpg,4\n")
    disk.film("videos/01.mp4", 3, rate=15)
    with_video, without = open_database([disk.root]).tracks("ce", "train")
    assert (with_video.track.rate, without.track.rate) == (15, 30)
    np.testing.assert_allclose(with_video.track.times(), [0.5 / 15])


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(
            st.sampled_from(["01/00001.jpg,1", "01/00002.jpg,2", "01/00002.jpg", "/1.jpg,", "02/", ",", "", "x", "\0"])
        ).map(lambda rows: "\n".join(rows).encode()),
    )
)
def test_no_label_file_does_worse_than_a_problem(fresh: Any, body: bytes) -> None:
    disk = fresh()
    disk.put("labels/train.txt", HEADER.encode() + body)
    disk.images("cropped_aligned/01", "00001.jpg")
    database = open_database([disk.root])
    try:
        tracks = database.tracks("ce", "train")
    except DataError:
        return
    for one in tracks:
        track = one.track
        assert track.n_frames == len(one.known.values) > 0
        assert len(set(track.frame_names())) == track.n_frames
