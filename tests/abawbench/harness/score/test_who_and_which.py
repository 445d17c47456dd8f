"""Names and numbers that mean the same, or seem to: accents, spellings of a person, frames counted from 1."""

from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

import pytest
from counted_tracks import Frames, task

import abawbench
from abawbench.contracts import DataError, UsageError
from abawbench.harness.score.prediction_files import FilePredictions, read_prediction_file

LONG, SHORT = 4, 3

TRACKS = [Frames(normalize("NFC", "Zoë"), LONG), Frames("ben", SHORT)]


def read(path: Path, rows: Sequence[str], **options: str) -> FilePredictions:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return read_prediction_file(path, task("va"), TRACKS, **options)  # type: ignore[arg-type]


def table(first: int, form: str = "NFC", left_out: Sequence[int] = ()) -> list[str]:
    """A row for each frame of both tracks, numbered from ``first``; its valence is its place in the track."""
    rows = [
        f"{normalize(form, one.id)},{place + first},{place / 10},0"
        for one in TRACKS
        for place in range(one.n_frames)
        if place not in left_out
    ]
    return ["track,frame,valence,arousal", *rows]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_track_is_found_however_its_accents_are_written(tmp_path: Path, form: str) -> None:
    found = read(tmp_path / "x.csv", table(0, form))
    assert found.tracks[0].decisions[:, 0].tolist() == [0, 0.1, 0.2, 0.3]
    official = [normalize(form, f"{one.id}/{n + 1:05d}.jpg,{n / 10},0") for one in TRACKS for n in range(one.n_frames)]
    found = read(tmp_path / "x.txt", ["image_location,valence,arousal", *official])
    assert found.tracks[0].decisions[:, 0].tolist() == [0, 0.1, 0.2, 0.3]


def test_a_frame_given_twice_by_two_spellings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a second time"):
        read(tmp_path / "x.csv", table(0) + table(0, "NFD")[1:5])


@pytest.mark.parametrize("surplus", ["error", "ignore"])
def test_frames_counted_from_1_are_refused(tmp_path: Path, surplus: str) -> None:
    with pytest.raises(DataError, match=r"x\.csv:5: .*it seems to count from 1.*subtract 1"):
        read(tmp_path / "x.csv", table(1), surplus=surplus)


def test_a_file_without_any_frame_0_is_told(tmp_path: Path) -> None:
    assert not read(tmp_path / "x.csv", table(0)).notes
    assert "seems to count from 1" in read(tmp_path / "x.csv", table(0, left_out=[0])).notes[0]


@pytest.mark.parametrize(
    "header", ["Track,Frame,Valence,Arousal", '"track" "frame" "valence" "arousal"', "TRACK;FRAME;valence;arousal"]
)
def test_headers_in_capitals_and_of_r_are_read(tmp_path: Path, header: str) -> None:
    delimiter = " " if header[0] == '"' else "," if "," in header else ";"
    rows = [row.replace(",", delimiter) for row in table(0)[1:]]
    if delimiter == " ":  # write.table numbers its rows, and names no column for that
        rows = [f'"{n}" "{row.split()[0]}" ' + " ".join(row.split()[1:]) for n, row in enumerate(rows, 1)]
    assert read(tmp_path / "x.csv", [header, *rows]).tracks[1].decisions[:, 0].tolist() == [0, 0.1, 0.2]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("videos/ben.mp4", "did you mean 'ben'"), (r"videos\ben.mp4", "did you mean 'ben'"), ("7", "did you mean '007'")],
)
def test_a_path_to_a_track_is_told_its_name(tmp_path: Path, name: str, hint: str) -> None:
    (tmp_path / "x.csv").write_text(f"track,frame,valence,arousal\n{name},0,0,0\n")
    with pytest.raises(DataError, match=hint):
        read_prediction_file(tmp_path / "x.csv", task("va"), [*TRACKS, Frames("007", 1)])


def test_an_official_name_of_another_form_is_told_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no frame '00000\.jpg': it has 3, '00001\.jpg' to '00003\.jpg'"):
        read(tmp_path / "x.txt", ["image_location,valence,arousal", "ben/00000.jpg,0,0"])


def test_a_table_of_a_toolkit_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "ben.csv").write_text("frame, success, AU01_c\n1, 1, 0.00\n")
    for path in (tmp_path / "ben.csv", tmp_path):
        with pytest.raises(UsageError, match="a table of openface; say so by --form openface"):
            read_prediction_file(path, task("va"), TRACKS)
    (tmp_path / "ben.csv").write_text("frame, success, AU01_c\n0, 1, 0.00\n")
    with pytest.raises(DataError, match=r"ben\.csv:2: frame 0, and openface counts frames from 1"):
        read_prediction_file(tmp_path / "ben.csv", task("au"), TRACKS, form="openface")


def test_spellings_of_one_person_are_no_independent_people(tmp_path: Path) -> None:
    spelt = ["Zoë", normalize("NFD", "Zoë"), "zoë ", "ZOË", "Zoë", "ben"]
    rows = ["track,split,subject,valence,arousal"]
    rows += [f"t{n},val,{who},{value},{-value}" for n, who in enumerate(spelt) for value in (0.1, 0.5, -0.3)]
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    predicted = tmp_path / "x.csv"
    lines = [f"t{n},{k},{value},{-value}" for n in range(6) for k, value in enumerate((0.2, 0.4, -0.2))]
    predicted.write_text("\n".join(["track,frame,valence,arousal", *lines]) + "\n", encoding="utf-8")
    found = abawbench.score(predicted, task="va", data={"manifest": str(manifest)})
    assert found.score.interval is not None
    assert found.score.interval.units == "2 subjects"
    assert found.score.interval.low is None
