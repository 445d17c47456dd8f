"""Annotation files that are not what they should be: one problem with file and line, never half a track."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abawbench.contracts.database import LabelledTrack
from abawbench.contracts.errors import DataError
from abawbench_plugins.databases._annotations import FORMATS, _parse, _parse_digits
from abawbench_plugins.databases.aff_wild2 import open_database

VA = "8th_ABAW_Annotations/VA_Estimation_Challenge"
EXPR = "8th_ABAW_Annotations/EXPR_Recognition_Challenge"
AU = "8th_ABAW_Annotations/AU_Detection_Challenge"
VA_HEADER = "valence,arousal\n"
EXPR_HEADER = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other\n"
AU_HEADER = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26\n"


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


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (VA_HEADER + "0.1,0.2\n0.3\n", 3, "expected 2 value"),
        (VA_HEADER + "0.1,0.2\n0.3,0.4,0.5\n", 3, "expected 2 value"),
        (VA_HEADER + "0.1,0.2\n0.3,", 3, "not made of numbers"),
        (VA_HEADER + "0.1,0.2\nx,0.1\n", 3, "not made of numbers"),
        (VA_HEADER + "nan,0.2\n", 2, "not made of numbers"),
        (VA_HEADER + "1_0,0.2\n", 2, "not made of numbers"),
        (VA_HEADER + "1e999,0.2\n", 2, "not made of numbers"),
        (VA_HEADER + "0,0\n\n0.1,0.2\n", 3, "expected 2 value"),
        (VA_HEADER + "0,0\n0,1.5\n", 3, "not allowed"),
        (VA_HEADER + "-4,0\n", 2, "not allowed"),
        ("0.1,0.2\n0.3,0.4\n", 1, "expected the header"),
        ("arousal,valence\n0.1,0.2\n", 1, "another order"),
        ("# About this folder\n\nThese files, all of them, are text.\n", 1, "expected the header"),
        (VA_HEADER, None, "no rows"),
        ("", 1, "expected the header"),
    ],
)
def test_a_broken_annotation_skips_its_whole_track_and_names_the_line(
    good: Any, content: str, line: int | None, what: str
) -> None:
    good.put(f"{VA}/Train_Set/broken.txt", content)
    good.images("cropped_aligned/broken", "00001.jpg", "00002.jpg")
    assert only(good).track.id == "good"
    (problem,) = the_problems(good)
    assert problem[::2] == ("broken.txt", line)
    assert what in problem[1]


@pytest.mark.parametrize(
    ("label", "folder", "content", "line"),
    [
        ("expr", EXPR, EXPR_HEADER + "1\n8\n", 3),
        ("expr", EXPR, EXPR_HEADER + "1.5\n", 2),
        ("expr", EXPR, EXPR_HEADER + "-2\n", 2),
        ("au", AU, AU_HEADER + ",".join("0" * 11) + ",2\n", 2),
        ("au", AU, AU_HEADER + ",".join("0" * 11) + "\n", 2),
    ],
)
def test_a_value_no_task_allows_skips_the_track(disk: Any, label: str, folder: str, content: str, line: int) -> None:
    header = {"expr": EXPR_HEADER + "1\n", "au": AU_HEADER + ",".join("0" * 12)}[label]
    disk.put(f"{folder}/Train_Set/good.txt", header)
    disk.put(f"{folder}/Train_Set/broken.txt", content)
    disk.images("cropped_aligned/good", "00001.jpg")
    disk.images("cropped_aligned/broken", "00001.jpg")
    assert only(disk, label).track.id == "good"
    ((name, _, found),) = the_problems(disk, label)
    assert (name, found) == ("broken.txt", line)


def test_windows_line_ends_byte_order_marks_and_blank_last_lines_are_fine(disk: Any) -> None:
    disk.put(f"{VA}/Train_Set/a.txt", b"\xef\xbb\xbfvalence,arousal\r\n0.5, 0.25\r\n-5,-5\r\n\r\n\n")
    disk.images("cropped_aligned/a", "00001.jpg")
    labels = only(disk).known
    assert labels.values.tolist() == [[0.5, 0.25], [-5, -5]]
    assert the_problems(disk) == []


@pytest.mark.parametrize("end", ["\r", "\r\r\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_files_saved_by_other_editors_are_read(disk: Any, encoding: str, end: str) -> None:
    disk.put(f"{VA}/Train_Set/a.txt", end.join(["valence,arousal", "0.5,0.25", "-5,-5", "0,1", ""]).encode(encoding))
    disk.put(f"{EXPR}/Train_Set/a.txt", end.join([EXPR_HEADER.strip(), "3", "-1", "7"]).encode(encoding))
    disk.images("cropped_aligned/a", "00001.jpg")
    assert only(disk).known.values.tolist() == [[0.5, 0.25], [-5, -5], [0, 1]]
    assert only(disk, "expr").known.values.tolist() == [3, -1, 7]
    assert the_problems(disk) == []


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    label=st.sampled_from(sorted(FORMATS)),
    header=st.booleans(),
    body=st.one_of(
        st.binary(max_size=60),
        st.text(alphabet="0159.,-+eE\n\r \tnaif_x\0\"'#", max_size=60).map(str.encode),
        st.lists(st.lists(st.sampled_from(["0", "1", "-1", "-5", "0.5", "", "9"]), max_size=13)).map(
            lambda rows: "\n".join(map(",".join, rows)).encode()
        ),
    ),
)
def test_no_annotation_file_does_worse_than_a_problem(fresh: Any, label: str, header: bool, body: bytes) -> None:
    disk = fresh()
    form = FORMATS[label]
    start = ",".join(form.header).encode() + b"\n" if header else b""
    folder = {"va": VA, "expr": EXPR, "au": AU}[label]
    disk.put(f"{folder}/Train_Set/a.txt", start + body)
    disk.images("cropped_aligned/a", "00001.jpg")
    database = open_database([disk.root])
    try:
        (one,) = database.tracks(label, "train")
    except DataError:
        ((name, _, _),) = [(Path(p.file).name, p.what, p.line) for p in database.problems.items]
        assert name == "a.txt"
        return
    labels = one.known
    assert one.track.n_frames == len(labels.values) == (start + body).rstrip().count(b"\n")
    kept = labels.values[labels.mask]
    assert kept.min(initial=0) >= -1
    assert kept.max(initial=0) <= (7 if label == "expr" else 1)


@given(
    rows=st.lists(
        st.lists(st.sampled_from([*"0123459", "-1", "-15", "1-1", "12", "-", ""]), min_size=1, max_size=3), min_size=1
    ),
    columns=st.integers(1, 3),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_the_fast_way_to_read_digits_agrees_with_the_slow_one_or_abstains(
    rows: list[list[str]], columns: int, end: str
) -> None:
    body = end.join(map(",".join, rows)).encode()
    fast = _parse_digits(body, columns)
    if fast is not None:
        np.testing.assert_array_equal(fast, _parse(body, columns))
    elif all(len(row) == columns and all(len(cell) == 1 and cell.isdigit() for cell in row) for row in rows):
        pytest.fail("abstained from plain digits")
