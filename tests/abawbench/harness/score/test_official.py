"""Official files from anybody's predictions, and what is found in those that somebody wrote."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from click.testing import CliRunner, Result

from abawbench import cli
from abawbench.api import check_submission, fill_template
from abawbench.contracts import DataError, Decided, Task, Template
from abawbench.harness.score.official import official_form
from abawbench.plugins import Plugins

FRAME_NAMES = [f"{video}/{n:05d}.jpg" for video in ("v1", "v2_left") for n in range(1, 6)]
NAMES = {
    "emi": ["00017", "00018", "00020"],
    "ah": [f"82/1/82_v1.mp4/frame-{n}.jpg" for n in range(4)] + [f"83/1/83_v1.mp4/frame-{n}.jpg" for n in range(3)],
    "ah-video": ["82/1/82_v1.mp4", "83/1/83_v1.mp4", "84/2/84_v2.mp4"],
}
TASKS = ("va", "expr", "au", "ce", "emi", "ah", "ah-video", "mtl", "vd")


def task_of(name: str) -> Task:
    task: Task = Plugins().get("task", name).build()
    return task


def scores_for(task: Task, rows: int) -> np.ndarray:
    random = np.random.default_rng(3)
    if task.parts:
        return np.concatenate([scores_for(part, rows) for part in task.parts], axis=1)
    drawn = random.random((rows, len(task.outputs))).round(4)
    if task.kind == "regression":
        return drawn
    return drawn if task.kind == "multilabel" else (drawn / drawn.sum(axis=1, keepdims=True)).round(6)


def write_template(folder: Path, name: str) -> Path:
    """A template as a challenge gives it, with placeholders."""
    task, names = task_of(name), NAMES.get(name, FRAME_NAMES)
    form = official_form(task)
    empty = np.zeros((len(names), len(task.outputs)))
    header = None if form.header is None else ",".join(form.header)
    path = folder / f"template.{'zip' if name == 'vd' else 'txt'}"
    form.write(path, Template(names, header), Decided(task.decide(empty), None))
    return path


def write_foreign(folder: Path, name: str) -> tuple[Path, np.ndarray]:
    """Predictions as a stranger's CSV: track, frame from 0 and scores, the rows in no order."""
    task, names = task_of(name), NAMES.get(name, FRAME_NAMES)
    scores, path = scores_for(task, len(names)), folder / "foreign.csv"
    tracks = [n if task.level == "track" else n.rpartition("/")[0] for n in names]
    frames = [tracks[:i].count(track) for i, track in enumerate(tracks)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["track", "frame", *(f"score_{output}" for output in task.outputs)])
        for i in np.random.default_rng(1).permutation(len(names)):
            writer.writerow([tracks[i], frames[i], *scores[i].tolist()])
    return path, scores


@pytest.mark.parametrize("name", TASKS)
def test_foreign_predictions_become_the_official_file(name: str, tmp_path: Path) -> None:
    template, (foreign, scores) = write_template(tmp_path, name), write_foreign(tmp_path, name)
    out = tmp_path / ("out.zip" if name == "vd" else "out.txt")
    done = fill_template(foreign, template, out, name)
    assert done.rows == len(scores)
    assert check_submission(out, template, name).findings == ()
    read = official_form(task_of(name)).read(out).predicted.decisions
    np.testing.assert_allclose(read, task_of(name).decide(scores))


def test_a_template_with_probabilities_wants_probabilities(tmp_path: Path) -> None:
    template = tmp_path / "template.txt"
    template.write_text("".join(f"{name},0.5,0.5,1\n" for name in NAMES["ah-video"]))
    foreign, _ = write_foreign(tmp_path, "ah-video")
    fill_template(foreign, template, tmp_path / "out.txt", "ah-video")
    assert check_submission(tmp_path / "out.txt", template, "ah-video").findings == ()
    foreign.write_text("track,class\n" + "".join(f"{name},1\n" for name in NAMES["ah-video"]))
    with pytest.raises(DataError, match="probabilities among them; give columns score_"):
        fill_template(foreign, template, tmp_path / "bare.txt", "ah-video")
    template.write_text("".join(f"{name},1\n" for name in NAMES["ah-video"]))
    (found,) = check_submission(tmp_path / "out.txt", template, "ah-video").findings
    assert "3 value(s) a row, and the template has 1" in found


def test_a_row_without_a_prediction_stops_the_file(tmp_path: Path) -> None:
    template, (foreign, _) = write_template(tmp_path, "va"), write_foreign(tmp_path, "va")
    lines = foreign.read_text().splitlines()
    foreign.write_text("\n".join(line for line in lines if not line.startswith("v1,2,")) + "\n")
    with pytest.raises(DataError, match=r"1 of the 10 rows of .* have no prediction: v1/00003\.jpg; predict every row"):
        fill_template(foreign, template, tmp_path / "out.txt", "va")
    assert not (tmp_path / "out.txt").exists()


Damage = Callable[[list[str]], list[str]]


def edit(row: int, text: str) -> Damage:
    return lambda lines: [*lines[:row], text, *lines[row + 1 :]]


def swap(lines: list[str]) -> list[str]:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


DAMAGE: dict[str, tuple[str, Damage, str]] = {
    # what is wrong: task, the damage to its lines, what is said
    "a row missing": ("va", lambda lines: lines[:4] + lines[5:], r":10 is the last row, and 1 row\(s\) .* v1/00004"),
    "the end cut off": ("va", lambda lines: lines[:8], r":8 is the last row, and 3 row\(s\)"),
    "a row twice": ("va", lambda lines: [*lines, lines[2]], r":12: v1/00002.jpg a second time, first at .*:3"),
    "a frame nobody asked for": ("va", lambda lines: [*lines, "v9/00001.jpg,0,0"], r":12: 'v9/00001.jpg' is not in"),
    "two rows changed places": ("va", swap, r":4: v1/00004.jpg stands where the template has v1/00003.jpg"),
    "frames numbered from 0": ("va", edit(1, "v1/00000.jpg,0,0"), r":2: 'v1/00000.jpg' is not in the template"),
    "a header missing": ("va", lambda lines: lines[1:], r":1: expected the header image_location,valence,arousal"),
    "columns in another order": ("va", edit(0, "image_location,arousal,valence"), r":1: .* stand in another order"),
    "another header": ("va", edit(0, "image,valence,arousal"), r":1: expected the header"),
    "a value too few": ("va", edit(5, "v1/00005.jpg,0.1"), r":6: expected 2 value"),
    "a value too many": ("va", edit(5, "v1/00005.jpg,0.1,0.2,0.3"), r":6: expected 2 value"),
    "no number": ("va", edit(3, "v1/00003.jpg,0.1,high"), r":4: .* is not made of finite numbers"),
    "NaN": ("va", edit(3, "v1/00003.jpg,0.1,nan"), r":4: .* is not made of finite numbers"),
    "infinity": ("va", edit(3, "v1/00003.jpg,0.1,inf"), r":4: .* is not made of finite numbers"),
    "out of range": ("va", edit(3, "v1/00003.jpg,0.1,7"), r":4: arousal 7 is outside -1 to 1"),
    "an empty line": ("va", edit(3, ""), r":4: expected 2 value"),
    "an empty file": ("va", lambda lines: [], r":1: expected the header"),
    "a header alone": ("va", lambda lines: lines[:1], r":2: no predictions here"),
    "a class that does not exist": ("expr", edit(2, "v1/00002.jpg,8"), r":3: 8 is not allowed: .* 0 to 7"),
    "half a class": ("expr", edit(2, "v1/00002.jpg,1.5"), r":3: 1.5 is not allowed"),
    "a unit that is no bit": ("au", edit(2, "v1/00002.jpg" + ",0" * 11 + ",2"), r":3: .* is not allowed: .* 0 to 1"),
    "shares that sum to more": ("ah-video", edit(1, "83/1/83_v1.mp4,0.5,0.6,1"), r":2: .* must sum to 1|:2: expected"),
    "a leading zero lost": ("emi", edit(1, "17" + ",0.5" * 6), r":2: written '17', in the template '00017'"),
    "another video": ("ah", edit(0, "99/1/99_v1.mp4/frame-0.jpg,1"), r":1: '99/1/99_v1.mp4/frame-0.jpg' is not in"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named_with_file_and_line(what: str, tmp_path: Path) -> None:
    name, damage, said = DAMAGE[what]
    template, (foreign, _) = write_template(tmp_path, name), write_foreign(tmp_path, name)
    out = tmp_path / "sent.txt"
    fill_template(foreign, template, out, name)
    out.write_text("".join(f"{line}\n" for line in damage(out.read_text().splitlines())))
    findings = check_submission(out, template, name).findings
    assert findings
    import re

    assert any(re.search(said, one) and str(out) in one for one in findings), findings


def test_a_table_missing_in_an_archive_is_named(tmp_path: Path) -> None:
    template, (foreign, _) = write_template(tmp_path, "vd"), write_foreign(tmp_path, "vd")
    fill_template(foreign, template, tmp_path / "out.zip", "vd")
    with ZipFile(tmp_path / "out.zip") as whole, ZipFile(tmp_path / "cut.zip", "w") as cut:
        cut.writestr("v1.csv", whole.read("v1.csv"))
    (found,) = check_submission(tmp_path / "cut.zip", template, "vd").findings
    assert "5 row(s)" in found
    assert "v2_left/00001.jpg" in found
    (tmp_path / "text.zip").write_text("no archive")
    (found,) = check_submission(tmp_path / "text.zip", template, "vd").findings
    assert "not a readable zip" in found


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.group, arguments, standalone_mode=False)


def run_check(arguments: Sequence[str]) -> Result:
    return call("submit", *arguments)


def test_the_command_line_fills_and_checks(tmp_path: Path) -> None:
    template, (foreign, _) = write_template(tmp_path, "va"), write_foreign(tmp_path, "va")
    out, common = tmp_path / "out.txt", ["--template", str(template), "--task", "va"]
    done = run_check(["--predictions", str(foreign), "--out", str(out), *common])
    assert done.return_value == 0
    assert "10 rows of 2 tracks" in done.output
    assert run_check(["--check", str(out), *common]).return_value == 0
    out.write_text("".join(out.read_text().splitlines(keepends=True)[:-1]))
    done = run_check(["--check", str(out), *common])
    assert done.return_value == 1
    assert "1 finding(s)" in done.output
    assert "give one of RUN" in str(run_check(common).exception)
