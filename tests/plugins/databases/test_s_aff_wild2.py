"""s-Aff-Wild2: static frames with three kinds of labels, each annotated or not by itself."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench.contracts.errors import DataError
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases.s_aff_wild2 import open_database, read_rows

HEADER = "image,valence,arousal,expression,AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26\n"
ONES, NONE = ",".join("1" * 12), ",".join(["-1"] * 12)
TRAIN, VAL = "training_set_annotations.txt", "validation_set_annotations.txt"


def read(disk: Any, rows: str, name: str = TRAIN) -> Any:
    disk.put(name, HEADER + rows)
    disk.images("cropped_aligned/video45_1", "00001.jpg", "00017.jpg")
    return open_database([disk.root])


def test_each_task_is_masked_by_itself_and_ignore_codes_are_numbers(disk: Any) -> None:
    rows = [f"0.5,-0.5,3,{ONES}", f"-5.0,-5,2,{NONE}", f"-5e-05,0.1,-1,{ONES}", f"-5,0.2,-1.0,{ONES}"]
    database = read(disk, "".join(f"video45_1/{i:05d}.jpg,{row}\n" for i, row in enumerate(rows, start=1)))
    (one,) = database.tracks("mtl", "train")
    labels = one.known
    assert labels.values.shape == (4, 15)
    assert labels.mask.tolist() == [
        [True, True, True],
        [False, True, False],
        [True, False, True],
        [False, False, True],
    ]
    assert labels.annotated.all()
    assert database.problems.items == []


def test_a_row_without_any_label_is_left_out(disk: Any) -> None:
    rows = f"video45_1/00001.jpg,0,0,-1,{NONE}\nvideo45_1/00008.jpg,-5,-5,-1,{NONE}\n"
    (one,) = read(disk, rows).tracks("mtl", "train")
    assert list(one.track.frame_names()) == ["video45_1/00001.jpg"]


def test_frames_are_rows_in_the_order_of_their_numbers_and_not_consecutive(disk: Any) -> None:
    rows = "".join(f"video45_1/{n:05d}.jpg,0,0,{n % 8},{ONES}\n" for n in (17, 1, 100008))
    (one,) = read(disk, rows).tracks("mtl", "train")
    track = one.track
    assert list(track.frame_names()) == [f"video45_1/{name}.jpg" for name in ("00001", "00017", "100008")]
    assert one.known.values[:, 2].tolist() == [1, 1, 0]
    assert track.frame_mask().tolist() == [True, True, False]
    assert track.id == track.subject == "video45_1"


def test_the_names_of_edition_3_are_read_and_give_way_to_the_newer_ones(disk: Any) -> None:
    database = read(disk, f"video45_1/00001.jpg,0,0,1,{ONES}\n", "train_set.txt")
    assert database.splits("mtl") == ["train"]
    newer = read(disk, f"video45_1/00001.jpg,0,0,2,{ONES}\n")
    assert newer.tracks("mtl", "train")[0].known.values[0, 2] == 2


def test_the_test_list_may_end_its_rows_with_a_comma(disk: Any) -> None:
    database = read(disk, f"video45_1/00001.jpg,0,0,1,{ONES}\n", VAL)
    assert database.splits("mtl") == ["val"]
    disk.put("MTL.txt", "image,valence,arousal,expression,aus\nvideo45_1/00001.jpg,\nvideo45_1/00017.jpg,\n")
    database = open_database([disk.root])
    assert database.splits("mtl") == ["val", "test"]
    (one,) = database.tracks("mtl", "test")
    assert (one.track.n_frames, one.labels) == (2, None)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (f"video45_1/00003.jpg,0,0,1,{ONES},1", "15 numbers"),
        (f"video45_1/00003.jpg,0,x,1,{ONES}", "15 numbers"),
        (f"video45_1/00003.jpg,0,nan,1,{ONES}", "15 numbers"),
        (f"video45_1/00003.jpg,0,1.5,1,{ONES}", "a value of va"),
        (f"video45_1/00003.jpg,0,0,8,{ONES}", "a value of expr"),
        (f"video45_1/00003.jpg,0,0,1,2,{ONES[2:]}", "a value of au"),
        (f"video45_1/00001.jpg,0,0,1,{ONES}", "second time"),
        ("video45_1/3.png", "expected"),
    ],
)
def test_a_malformed_row_costs_its_video_and_names_the_line(disk: Any, row: str, what: str) -> None:
    database = read(disk, f"video45_1/00001.jpg,0,0,1,{ONES}\n{row}\nvideo9/00001.jpg,0,0,1,{ONES}\n")
    assert [one.track.id for one in database.tracks("mtl", "train")] == ["video9"]
    problem = next(problem for problem in database.problems.items if problem.track)
    assert (problem.line, problem.track) == (3, "video45_1")
    assert what in problem.what


def test_action_units_that_are_coded_in_part_are_noted(disk: Any) -> None:
    database = read(disk, f"video45_1/00001.jpg,0,0,1,-1,{ONES[2:]}\n")
    (one,) = database.tracks("mtl", "train")
    assert one.known.mask.tolist() == [[True, True, False]]
    assert [problem.line for problem in database.problems.items] == [2]


def test_folders_that_hold_something_else_are_refused(disk: Any) -> None:
    disk.put("readme.txt", "")
    with pytest.raises(DataError, match=r"training_set_annotations\.txt"):
        open_database([disk.root])


@given(text=st.text(alphabet='video/0123.jpg,-\n x\r"', max_size=300))
def test_whatever_the_file_holds_only_documented_errors_come(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rows") / TRAIN
    path.write_bytes(text.encode())
    for numbers, values in read_rows(path, Problems()).values():
        assert values.shape == (len(numbers), 15)
        assert (np.diff(numbers) > 0).all()
