"""Parsed annotations are kept between processes, and never believed when the file may be another."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abawbench.contracts.problems import Problems
from abawbench_plugins.databases import _parsed, aff_wild2
from abawbench_plugins.databases._listings import read_listing
from abawbench_plugins.databases._parsed import ParsedFiles
from abawbench_plugins.databases.aff_wild2 import open_database

OLD = 1_700_000_000


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache; even the smallest file is worth keeping."""
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_parsed, "LEAST", 0)
    return tmp_path / "cache" / "parsed"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "texts" / "a.txt"
    path.parent.mkdir()
    path.write_text("1 2 3")
    os.utime(path, (OLD, OLD))
    return path


def read(path: Path, purpose: str = "numbers") -> tuple[list[int], bool]:
    """The numbers of a file, and whether it was parsed for them."""
    parsed: list[Path] = []

    def parse() -> dict[str, Any]:
        parsed.append(path)
        return {"n": np.array([int(word) for word in path.read_text().split()])}

    with ParsedFiles(purpose, path.parent) as files:
        return files.get(path, parse)["n"].tolist(), bool(parsed)


def test_a_file_is_parsed_once(text: Path) -> None:
    assert read(text) == ([1, 2, 3], True)
    assert read(text) == ([1, 2, 3], False)


@pytest.mark.parametrize("change", ["size", "time", "purpose"])
def test_another_file_is_parsed_anew(text: Path, change: str) -> None:
    read(text)
    if change == "size":
        text.write_text("1 2 3 4")
        os.utime(text, (OLD, OLD))
    if change == "time":
        text.write_text("3 2 1")
        os.utime(text, (OLD + 5, OLD + 5))
    numbers, parsed = read(text, "other" if change == "purpose" else "numbers")
    assert parsed
    assert numbers == [int(word) for word in text.read_text().split()]


def test_an_edit_that_keeps_size_and_time_is_seen(text: Path) -> None:
    read(text)
    text.write_text("7 8 9")
    os.utime(text, (OLD, OLD))
    assert read(text) == ([7, 8, 9], True)
    assert read(text) == ([7, 8, 9], False)


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty", "foreign", "gone"])
def test_a_damaged_cache_is_as_good_as_none(text: Path, kept: Path, damage: str) -> None:
    read(text)
    (file,) = kept.iterdir()
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "one bit":
        data[-40] ^= 1
        file.write_bytes(data)
    else:
        file.write_bytes({"truncated": bytes(data[:-9]), "empty": b"", "foreign": b"x" * 500}[damage])
    assert read(text) == ([1, 2, 3], True)
    assert read(text) == ([1, 2, 3], False)


def test_the_cache_of_another_folder_is_not_believed(text: Path, kept: Path, tmp_path: Path) -> None:
    read(text)
    (file,) = kept.iterdir()
    other = tmp_path / "others" / "a.txt"
    other.parent.mkdir()
    other.write_text("4 5 6")
    os.utime(other, (OLD, OLD))
    read(other)
    (second,) = (path for path in kept.iterdir() if path != file)
    second.write_bytes(file.read_bytes())
    assert read(other) == ([4, 5, 6], True)


def test_other_parsers_make_the_cache_worthless(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(text)
    monkeypatch.setattr(_parsed, "_parsers", lambda: "another version")
    assert read(text) == ([1, 2, 3], True)


def test_small_folders_are_not_kept(text: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parsed, "LEAST", 1000)
    read(text)
    assert not kept.exists()


def test_a_cache_that_cannot_be_written_does_no_harm(text: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True)
    kept.write_text("a file where the folder should be")
    assert read(text) == ([1, 2, 3], True)


def test_what_cannot_be_parsed_is_not_kept(text: Path, kept: Path) -> None:
    text.write_text("one")
    os.utime(text, (OLD, OLD))
    with pytest.raises(ValueError):
        read(text)
    assert not kept.exists()


@pytest.mark.parametrize(
    ("label", "folder", "rows"),
    [
        ("va", "VA_Estimation_Challenge", "valence,arousal\n0.25,-0.5\n-5,-5\n1,1\n"),
        (
            "expr",
            "EXPR_Recognition_Challenge",
            "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other\n7\n-1\n0\n",
        ),
        ("au", "AU_Detection_Challenge", "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26\n" + "1" + ",0" * 11),
    ],
)
def test_labels_read_back_are_those_parsed(disk: Any, label: str, folder: str, rows: str, monkeypatch: Any) -> None:
    path = disk.put(f"8th_ABAW_Annotations/{folder}/Train_Set/a.txt", rows)
    bad = disk.put(f"8th_ABAW_Annotations/{folder}/Train_Set/b.txt", rows + "nonsense\n")
    for file in (path, bad):
        os.utime(file, (OLD, OLD))

    def labels() -> tuple[Any, list[str]]:
        database = open_database([disk.root])
        (one,) = database.tracks(label, "train")
        return one.known, [str(problem) for problem in database.problems.items]

    first, problems = labels()
    read_before = aff_wild2.read_annotation
    parsed: list[str] = []
    monkeypatch.setattr(aff_wild2, "read_annotation", lambda p, f: parsed.append(p.name) or read_before(p, f))
    second, problems_again = labels()
    assert parsed == ["b.txt"]
    assert problems_again == problems != []
    assert (second.values == first.values).all()
    assert second.values.dtype == first.values.dtype
    assert second.mask.tolist() == first.mask.tolist()


def test_a_template_read_back_gives_the_same_frames(disk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = disk.put(
        "CVPR_8th_ABAW_VA_test_set_sample.txt", "image_location,x\nb/00001.jpg,0\nb/00002.jpg,0\na/00004.jpg,0\n"
    )
    os.utime(path, (OLD, OLD))

    def frames() -> list[Any]:
        return [list(one.track.frame_names()) for one in open_database([disk.root]).tracks("va", "test")]

    first = frames()
    monkeypatch.setattr(aff_wild2, "read_listing", lambda *_: pytest.fail("parsed again"))
    assert frames() == first == [["a/00004.jpg"], ["b/00001.jpg", "b/00002.jpg"]]


@pytest.mark.parametrize("row", [
    "a/00003.jpg,1", "a/00003.JPG,1", " a/00003.jpg,1", "a/3.jpg,1", "a/000003.jpg,1", "a/frame-3.jpg,1",
    "b/00003.jpg,1",
    "a/0000\u0663.jpg,1", "a/00003.png,1", "a/00003.jpg,x/00004.jpg,1", "/00003.jpg,1",
])  # fmt: skip
def test_the_short_way_through_a_template_reads_what_the_long_way_reads(tmp_path: Path, row: str) -> None:
    file = tmp_path / "t.txt"
    file.write_text(f"image_location,x\na/00001.jpg,1\na/00002.jpg,1\n{row}\na/00009.jpg,1\n")
    met = Problems(), Problems()
    short, long = (read_listing(file, problems, values) for values, problems in zip((False, True), met, strict=True))
    assert {name: one.numbers.tolist() for name, one in short.items()} == {
        name: one.numbers.tolist() for name, one in long.items()
    }
    assert [str(problem) for problem in met[0].items] == [str(problem) for problem in met[1].items]
