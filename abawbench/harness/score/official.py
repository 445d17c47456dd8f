"""The official file of a test set, without its database: filled from anybody's predictions, or checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Decided, Submission, Task, Template, Track, UsageError
from abawbench.harness.score.frame_index import Entries, FrameIndex, Surplus
from abawbench.harness.score.prediction_files import read_prediction_file, refuse_outside, submission_of
from abawbench.system.files import replace_file, sha256

SHOWN = 10
"""Findings of one kind that are spelt out."""
_FRAME = re.compile(r"^(?P<before>.*?)(?P<number>\d+)(?P<after>\.\w+)?$")


@dataclass(frozen=True)
class Filled:
    """A file that was written from predictions."""

    file: str
    sha256: str
    task: str
    edition: int
    form: str
    """Of the predictions."""
    rows: int
    tracks: int
    surplus_rows: int
    """Predictions of frames that the template does not have."""


@dataclass(frozen=True)
class Checked:
    """What is wrong with an official file; nothing where it may be sent in."""

    file: str
    template: str
    task: str
    rows: int
    findings: tuple[str, ...]


class ListedTrack(Track):
    """A track of which only the names of its frames are known."""

    rate = 30.0

    def __init__(self, name: str, frame_names: Sequence[str]) -> None:
        self.id = self.subject = name
        self._names = list(frame_names)
        self.n_frames = len(self._names)

    def frame_mask(self) -> NDArray[np.bool_]:
        """Return that there is no image."""
        return np.zeros(self.n_frames, dtype=np.bool_)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return black images."""
        return np.zeros((len(indices), 1, 1, 3), dtype=np.uint8), np.zeros(len(indices), dtype=np.bool_)

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        """Return that there is no file."""
        return [None] * self.n_frames

    def frame_names(self) -> Sequence[str]:
        """Return the names that the list has."""
        return self._names


def official_form(task: Task) -> Submission:
    """Return the form of a task's official file. Raises UsageError where none is known."""
    form = submission_of(task)
    if form is None:
        raise UsageError(f"task '{task.name}' has no official prediction file")
    return form


def tracks_of_template(form: Submission, template: Template) -> list[Track]:
    """Return the tracks that the names of a template stand for.

    Frames of a track are numbered from 1, or from 0 where the template has a frame 0; one that the template leaves out
    has a name all the same, so that predictions counted from 0 keep their place.
    """
    if form.task.level == "track":
        return [ListedTrack(form.canonical(name), [name]) for name in template.names]
    frames: dict[str, dict[int, str]] = {}
    for row, name in enumerate(template.names):
        track, _, last = form.canonical(name.strip()).rpartition("/")
        match = _FRAME.match(last)
        if not track or match is None:
            raise DataError(
                f"the template's row {row + 1}, {name[:80]!r}, names no frame <track>/<number>; take the official one"
            )
        frames.setdefault(track, {})[int(match["number"])] = name.strip()
    first = 0 if any(0 in numbers for numbers in frames.values()) else 1
    return [ListedTrack(track, _every_name(track, numbers, first)) for track, numbers in frames.items()]


def _every_name(track: str, numbers: dict[int, str], first: int) -> list[str]:
    example = next(iter(numbers.values())).rpartition("/")[2]
    match = _FRAME.match(example)
    assert match is not None
    width = len(match["number"]) if match["number"].startswith("0") else 1
    before, after = match["before"], match["after"] or ""
    return [numbers.get(n, f"{track}/{before}{n:0{width}d}{after}") for n in range(first, max(numbers) + 1)]


def fill_template(
    predictions: Path, task: Task, template: Path, out: Path, *, form: str | None = None, surplus: Surplus = "error"
) -> Filled:
    """Write the official file of a template from predictions in any form that ``score`` reads; return what it holds.

    Rows and order are the template's. Raises DataError for predictions that cannot be used, naming file and line, and
    for rows of the template that they do not have: nothing is written then.
    """
    official = official_form(task)
    if out.exists() and (out.samefile(template) or out.samefile(predictions)):
        raise UsageError(f"--out {out} would overwrite what it is made from; choose another name")
    wanted = official.template(template)
    tracks = tracks_of_template(official, wanted)
    found = read_prediction_file(predictions, task, tracks, form=form, surplus=surplus)
    at = FrameIndex(task, tracks, official).find([official.canonical(name.strip()) for name in wanted.names])
    given = np.concatenate(list(found.given))[at]
    if (at < 0).any() or not given.all():
        lacking = np.flatnonzero((at < 0) | ~given)
        names = ", ".join(wanted.names[row] for row in lacking[:SHOWN])
        more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        raise DataError(
            f"{predictions}: {len(lacking)} of the {len(at)} rows of {template} have no prediction: {names}{more}; "
            "predict every row, nothing was written"
        )
    decisions = np.concatenate([one.decisions for one in found.tracks])[at]
    known = [one.scores for one in found.tracks if one.scores is not None]
    scores = np.concatenate(known)[at].astype(np.float64) if len(known) == len(found.tracks) else None
    if wanted.width is not None and scores is None and wanted.width not in (1, len(task.outputs)):
        raise DataError(
            f"{predictions}: the template has {wanted.width} values a row, probabilities among them; give columns "
            f"score_{task.outputs[0]} and so on"
        )
    digest = write_checked(official, out, wanted, Decided(decisions, scores))
    return Filled(out.name, digest, task.name, task.edition, found.form, len(wanted.names), len(tracks), found.surplus)


def write_checked(form: Submission, out: Path, template: Template, predicted: Decided) -> str:
    """Write an official file whole or not at all and return its SHA-256.

    Raises DataError unless it reads back as what was to be written.
    """
    with replace_file(out) as temporary:
        form.write(temporary, template, predicted)
        sheet = form.read(temporary)
        if list(sheet.names) != [name.strip() for name in template.names] or not np.array_equal(
            sheet.predicted.decisions, predicted.decisions
        ):
            raise DataError(f"{out}: does not read back as what was predicted; nothing was written")
        return sha256(temporary)


def check_official(path: Path, task: Task, template: Path) -> Checked:
    """Return what is wrong with an official file that anybody wrote, beside the template: rows, order, ranges, form.

    What cannot be read at all is the only finding. Raises DataError for a template that cannot be used.
    """
    form = official_form(task)
    wanted = form.template(template)
    try:
        sheet = form.read(path)
    except DataError as error:
        return Checked(path.name, template.name, task.name, 0, (str(error),))
    findings: list[str] = []
    predicted = sheet.predicted
    try:
        only = replace(predicted, scores=None)  # scores of a form were checked when it was read
        refuse_outside(task, Entries(where=sheet.where, names=sheet.names, decisions=only.decisions))
    except DataError as error:
        findings.append(str(error))
    if wanted.width is not None and (wide := form.width_of(predicted)) != wanted.width:
        findings.append(f"{sheet.where(0)}: {wide} value(s) a row, and the template has {wanted.width}")
    findings += _compare_names(form, sheet.names, sheet.where, wanted, template)
    return Checked(path.name, template.name, task.name, len(sheet.names), tuple(findings))


def _compare_names(
    form: Submission, names: Sequence[str], where: object, wanted: Template, template: Path
) -> list[str]:
    """Return where the names of a file are not those of the template, in its order."""
    assert callable(where)
    order = {form.canonical(name.strip()): row for row, name in enumerate(wanted.names)}
    first: dict[int, int] = {}
    findings: list[str] = []
    found: dict[str, list[str]] = {"unknown": [], "twice": [], "spelt": []}
    for row, name in enumerate(names):
        at = order.get(form.canonical(name), -1)
        if at < 0:
            found["unknown"].append(f"{where(row)}: {name[:80]!r} is not in the template")
        elif at in first:
            found["twice"].append(f"{where(row)}: {name[:80]} a second time, first at {where(first[at])}")
        else:
            first[at] = row
            if name != wanted.names[at].strip():
                found["spelt"].append(
                    f"{where(row)}: written {name[:80]!r}, in the template {wanted.names[at].strip()[:80]!r}"
                )
    for some in found.values():
        findings += some[:SHOWN]
        if len(some) > SHOWN:
            findings.append(f"{len(some) - SHOWN} more like the last")
    missing = [row for row in range(len(wanted.names)) if row not in first]
    if missing:
        shown = ", ".join(wanted.names[row].strip() for row in missing[:SHOWN])
        findings.append(
            f"{where(len(names) - 1)} is the last row, and {len(missing)} row(s) of {template} are missing: {shown}"
        )
    elif not findings:
        moved = next((row for row, at in enumerate(first) if row != at), None)
        if moved is not None:
            expected = wanted.names[moved].strip()
            findings.append(
                f"{where(moved)}: {names[moved][:80]} stands where the template has {expected}; keep its order"
            )
    return findings
