"""Prediction files and manifests as people write them: whatever the dialect, the same predictions; else what it is."""

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from counted_tracks import Frames, task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abawbench.contracts import DataError, Track, UsageError
from abawbench.contracts.problems import Problems
from abawbench.contracts.text import name_kind, read_table
from abawbench.harness.score.prediction_files import FilePredictions, read_prediction_file
from abawbench_plugins.databases._manifest import read_manifest

NAMES = ("a", "Smith, J", "b;c", 'd "e"')

TRACKS = [Frames(name, 2) for name in NAMES]


def read(path: Path, name: str, tracks: Sequence[Track] = TRACKS, **options: str) -> FilePredictions:
    return read_prediction_file(path, task(name), tracks, **options)  # type: ignore[arg-type]


def quoted(cell: str, always: bool, delimiter: str) -> str:
    needs = always or any(mark in cell for mark in (delimiter, '"', "\n", ","))
    return '"' + cell.replace('"', '""') + '"' if needs else cell


def write(rows: Sequence[Sequence[str]], delimiter: str, always: bool, index: str) -> str:
    """A table in a dialect; ``index`` says who numbered its rows."""
    numbered = [["" if not place and index != "none" else str(place), *row] for place, row in enumerate(rows)]
    lines = [
        delimiter.join(quoted(cell, always or (index != "none" and not k), delimiter) for k, cell in enumerate(row))
        for row in (rows if index == "none" else numbered)
    ]
    if index == "bare":  # R's write.table: no name for the row numbers
        lines[0] = delimiter.join(quoted(cell, True, delimiter) for cell in rows[0])
    return "\n".join(lines) + "\n"


dialects = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t"]),
        "always": st.booleans(),
        "index": st.sampled_from(["none", "named", "bare"]),
        "sep": st.booleans(),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        "comma": st.booleans(),
        "blank": st.sampled_from(["", "\n\n"]),
    }
)


def put(path: Path, rows: Sequence[Sequence[str]], how: dict[str, object]) -> None:
    delimiter = str(how["delimiter"])
    if how["comma"] and delimiter != ",":
        rows = [rows[0], *([cell if "/" in cell else cell.replace(".", ",") for cell in row] for row in rows[1:])]
    text = write(rows, delimiter, bool(how["always"]), str(how["index"])) + str(how["blank"])
    if how["sep"]:
        text = f"sep={delimiter}\n{text}"
    path.write_bytes(text.replace("\n", str(how["end"])).encode(str(how["encoding"])))


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(how=dialects, values=st.lists(st.integers(-1000, 1000), min_size=16, max_size=16))
def test_every_dialect_is_the_plain_file(tmp_path: Path, how: dict[str, object], values: list[int]) -> None:
    cells = [f"{value / 1000:.3f}" for value in values]
    rows = [[name, str(frame), *cells[4 * k + 2 * frame :][:2]] for k, name in enumerate(NAMES) for frame in (0, 1)]
    put(tmp_path / "p.csv", [["track", "frame", "valence", "arousal"], *rows], how)
    found = read(tmp_path / "p.csv", "va")
    expected = np.array(cells, dtype=np.float64).reshape(4, 2, 2)
    np.testing.assert_array_equal(np.stack([one.decisions for one in found.tracks]), expected)
    official = [[f"{row[0]}/{int(row[1]) + 1:05d}.jpg", *row[2:]] for row in rows]
    put(tmp_path / "p.txt", [["image_location", "valence", "arousal"], *official], how)
    found = read(tmp_path / "p.txt", "va")
    assert found.form == "official"
    np.testing.assert_array_equal(np.stack([one.decisions for one in found.tracks]), expected)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(how=dialects)
def test_a_manifest_in_every_dialect_is_the_plain_one(tmp_path: Path, how: dict[str, object]) -> None:
    rows = [[name, str(f), "val", f"0.{k}{f}", f"-0.{k}", "NA"] for k, name in enumerate(NAMES) for f in (1, 2)]
    put(tmp_path / "manifest.csv", [["track", "frame", "split", "valence", "arousal", "rate"], *rows], how)
    manifest, labels = read_manifest(tmp_path / "manifest.csv", Problems())
    assert manifest.ids == list(NAMES)
    assert np.isnan(manifest.rates).all()
    assert labels["va"].values.tolist() == [[float(row[3]), float(row[4])] for row in rows]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(b"a,b", mtime=0), "a gzip archive"),
        (b"\x93NUMPY\x01", "a NumPy array"),
        (b"\x80\x04\x95", "a Python pickle"),
        (b"PAR1....", "a Parquet file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook"),
        (b"a\0b", "a binary file"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"p\.csv: this is {kind}.*; "):
        read(tmp_path / "p.csv", "va")
    with pytest.raises(DataError, match=rf"p\.csv: this is {kind}"):
        read_manifest(tmp_path / "p.csv", Problems())


def test_archives_are_told_apart(tmp_path: Path) -> None:
    for member, kind in (("xl/workbook.xml", ".xlsx"), ("a.npy", ".npz"), ("m/data.pkl", "PyTorch"), ("p.csv", "zip")):
        with ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(member, "x")
        found = name_kind((tmp_path / "x.zip").read_bytes())
        assert found is not None
        assert kind in found[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("track,frame,valence,arousal\na,0,0,1,0,2\n", r":2: expected 4 columns, found 6"),
        ('track,frame,valence,arousal\na,0,"0.1,0.2\n', r":2: not readable as CSV"),
        ("track,frame,valence,arousal\na,0,1.5,0\n", r":2: valence 1.5 is outside -1 to 1"),
        ("image_location,valence,arousal\na/00001.jpg,0,-7\n", r":2: arousal -7 is outside -1 to 1"),
        ("track,frame,score_valence,score_arousal\na,0,0,3\n", r":2: arousal 3 is outside"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "p.csv", "va")


def test_latin_text_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"track,frame,valence,arousal\ncaf\xe9,0,0,0\n")
    with pytest.raises(DataError, match=r"p\.csv:2: not UTF-8 text"):
        read(tmp_path / "p.csv", "va")


@pytest.mark.parametrize(
    "text", ["track,frame,class\na,0,happiness\na,1,4\n", "H\na/00001.jpg,Happiness\na/00002.jpg,4\n"]
)
def test_classes_are_given_by_name_or_number(tmp_path: Path, text: str) -> None:
    header = ",".join(["image_location", *task("expr").outputs])
    (tmp_path / "p.txt").write_text(text.replace("H", header, 1) if text.startswith("H") else text)
    assert read(tmp_path / "p.txt", "expr", TRACKS[:1]).tracks[0].decisions.tolist() == [4, 4]


def test_an_unknown_class_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("track,frame,class\na,0,Hapiness\n")
    with pytest.raises(DataError, match=r"p\.csv:2: 'Hapiness' is no class.*did you mean 'Happiness'"):
        read(tmp_path / "p.csv", "expr")


def test_a_misspelt_track_is_named_whole_with_its_nearest(tmp_path: Path) -> None:
    name = "video_of_the_first_" + "x" * 120
    (tmp_path / "p.csv").write_text(f"track,frame,valence,arousal\n{name}y,0,0,0\n")
    with pytest.raises(DataError, match=f"has no track '{name}y'; did you mean '{name}'"):
        read(tmp_path / "p.csv", "va", [Frames(name, 1)])


@pytest.mark.parametrize("form", ["csv", "txt"])
def test_surplus_rows_are_passed_over_and_counted(tmp_path: Path, form: str) -> None:
    rows = [f"a,{k},0.{k},0" if form == "csv" else f"a/{k + 1:05d}.jpg,0.{k},0" for k in range(5)]
    other = "z,0,0,0" if form == "csv" else "z/00001.jpg,0,0"
    header = "track,frame,valence,arousal" if form == "csv" else "image_location,valence,arousal"
    (tmp_path / f"p.{form}").write_text("\n".join([header, *rows, other]) + "\n")
    with pytest.raises(DataError, match=r":4: track 'a' has no frame .*it has 2.*4 row.s. .*--surplus ignore"):
        read(tmp_path / f"p.{form}", "va", TRACKS[:1])
    found = read(tmp_path / f"p.{form}", "va", TRACKS[:1], surplus="ignore")
    assert found.surplus == 4
    assert found.tracks[0].decisions[:, 0].tolist() == [0, 0.1]


def test_a_file_of_surplus_rows_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("track,frame,valence,arousal\nz,0,0,0\n")
    with pytest.raises(DataError, match="has no track 'z'"):
        read(tmp_path / "p.csv", "va", surplus="ignore")


OPENFACE = " frame, timestamp, confidence, success" + "".join(
    f", AU{n:02d}_c" for n in (1, 2, 4, 6, 7, 10, 12, 15, 23, 25, 26)
)


def test_tables_of_openface_give_units_where_there_is_a_face(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{OPENFACE}\n1, 0.0, 0.98, 1{', 1' * 11}\n2, 0.03, 0.1, 0{', 0' * 11}\n")
    found = read(tmp_path / "a.csv", "au", TRACKS[:1], form="openface")
    assert found.given[0].tolist() == [True, False]
    assert found.tracks[0].decisions[0].tolist() == [1] * 9 + [0, 1, 1]
    assert any("AU24: never predicted" in note for note in found.notes)


def test_tables_of_pyfeat_give_expressions_and_units(tmp_path: Path) -> None:
    emotions = "anger,disgust,fear,happiness,sadness,surprise,neutral"
    rows = ("0,0,0.9,0.7,0.2,0,0,0,0.8,0,0.1,0.1", "1,1,0.9,0.1,0.9,0.9,0,0,0,0,0,0.1")
    (tmp_path / "a.csv").write_text("\n".join([f",frame,FaceScore,AU01,AU12,{emotions}", *rows]) + "\n")
    assert read(tmp_path / "a.csv", "expr", TRACKS[:1], form="py-feat").tracks[0].decisions.tolist() == [4, 1]
    units = read(tmp_path / "a.csv", "au", TRACKS[:1], form="py-feat").tracks[0].decisions
    assert units[:, [0, 6]].tolist() == [[1, 0], [0, 1]]


def test_tables_of_libreface_give_words_and_units(tmp_path: Path) -> None:
    units = ",".join(f"au_{n}" for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24))
    text = f",frame_idx,facial_expression,{units}\n0,0,Happiness{',1' * 12}\n1,1,Contempt{',0' * 12}\n"
    (tmp_path / "a.csv").write_text(text)
    assert read(tmp_path / "a.csv", "expr", TRACKS[:1], form="libreface").tracks[0].decisions.tolist() == [4, 7]
    found = read(tmp_path / "a.csv", "au", TRACKS[:1], form="libreface")
    assert found.tracks[0].decisions[0].tolist() == [1] * 10 + [0, 0]
    assert any("AU25, AU26: never predicted" in note for note in found.notes)


@pytest.mark.parametrize(
    ("frame", "unit", "what"), [("1.5", "1", "frame is '1.5', not a frame"), ("1", "0.9", "'0.9', not 0 or 1"),
                                ("1", "2", "AU01_c is 2, not 0 or 1"), ("1e300", "1", "not a frame")]
)  # fmt: skip
def test_numbers_of_toolkits_are_never_rounded(tmp_path: Path, frame: str, unit: str, what: str) -> None:
    (tmp_path / "a.csv").write_text(f"frame,success,AU01_c\n2,1,1\n{frame},1,{unit}\n")
    with pytest.raises(DataError, match=rf"a\.csv:3: .*{re.escape(what)}"):
        read(tmp_path / "a.csv", "au", TRACKS[:1], form="openface")


def test_a_toolkit_without_columns_for_the_task_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{OPENFACE}\n")
    with pytest.raises(UsageError, match="it has no columns for task 'va'"):
        read(tmp_path / "a.csv", "va", form="openface")
    with pytest.raises(DataError, match="this is no table of libreface"):
        read(tmp_path / "a.csv", "au", form="libreface")


def test_cells_may_hold_line_breaks(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('a,b\n1,"two\nlines"\n2,x\n')
    table = read_table(tmp_path / "x.csv")
    assert table.rows == [["1", "two\nlines"], ["2", "x"]]
    assert [table.where(row) for row in (0, 1)] == [f"{tmp_path / 'x.csv'}:{line}" for line in (2, 4)]
