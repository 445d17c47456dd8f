"""Predictions from any framework: which form a file has, and what it says about each track."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import BadRow, DataError, Decided, PluginError, Submission, Task, Track, UsageError
from abawbench.contracts.submission import check_header, class_key, number_classes, numbers
from abawbench.contracts.text import TextTable, dialect_of, lines_of, nearest, plain_lines, read_table, read_text
from abawbench.harness.score import toolkits
from abawbench.harness.score.frame_index import COUNTED_FROM_1, Entries, FrameIndex, Surplus
from abawbench.records.predictions import PREFIX, read_score_rows

CLASS = "class"
"""The column of a CSV file that holds the class of a multiclass task."""
SLACK = 1e-6
"""How far a value may lie outside its range: what float32 rounding can do."""


@dataclass(frozen=True)
class FilePredictions:
    """What a file predicts, track by track."""

    form: str
    tracks: Sequence[Decided]
    """One per track, of all its frames; what stands where nothing is given means nothing."""
    given: Sequence[NDArray[np.bool_]]
    """Which frames the file predicts, [N] per track."""
    decided: bool
    """Whether the file holds decisions; else it holds scores, and the task decided."""
    surplus: int = 0
    """Rows that were passed over, because the split has no such frame."""
    notes: Sequence[str] = ()
    """What else the value rests on, in words."""


def submission_of(task: Task) -> Submission | None:
    """Return the form of a task's official file, None without one. Raises PluginError when it cannot be built."""
    if task.submission is None:
        return None
    module, _, name = task.submission.partition(":")
    try:
        form = getattr(import_module(module), name)(task)
    except Exception as error:
        raise PluginError(f"the submission form '{task.submission}' of task '{task.name}' fails: {error}") from error
    if not isinstance(form, Submission):
        raise PluginError(f"'{task.submission}' of task '{task.name}' builds no abawbench.contracts.Submission")
    return form


def read_prediction_file(
    path: Path,
    task: Task,
    tracks: Sequence[Track],
    *,
    form: str | None = None,
    surplus: Surplus = "error",
    dropped: Mapping[str, int] | None = None,
) -> FilePredictions:
    """Return what a file (or a folder with a file per track) predicts of these tracks, whatever its form.

    ``form`` names the toolkit whose tables it holds, see ``toolkits``. Rows of frames that the tracks do not have are
    an error, unless ``surplus`` is ``ignore``; ``dropped`` names tracks that could not be read. Raises DataError naming
    file and line for what is not in the form: a frame twice, an unknown track or frame, a number that is none or is out
    of range, a class that does not exist. Raises UsageError when no form fits.
    """
    official = submission_of(task)
    index = FrameIndex(task, tracks, official, dropped or {})
    name, entries = _entries(path, task, index, official, form)
    refuse_outside(task, entries)
    at = index.positions(entries, surplus)
    known = at >= 0
    at, decisions, scores = at[known], entries.decisions, entries.scores
    given = np.zeros(index.total, dtype=bool)
    given[at] = True
    decided = np.asarray(task.decide(_scores(entries)) if decisions is None else decisions)
    found = Decided(
        _scatter(decided[known], at, index.total),
        None if scores is None else _scatter(scores[known], at, index.total),
    )
    notes = [f"{COUNTED_FROM_1}; they are taken as from 0"] if index.leaves_out_first(entries) else []
    return FilePredictions(
        name,
        index.split(found),
        index.split_mask(given),
        decisions is not None,
        int((~known).sum()),
        (*entries.notes, *notes),
    )


def _entries(
    path: Path, task: Task, index: FrameIndex, official: Submission | None, form: str | None
) -> tuple[str, Entries]:
    if form is not None:
        return form, toolkits.read(path, task, index, form)
    if path.is_dir():
        return "one file per track", _read_folder(path, task, index)
    if path.suffix.lower() == ".parquet":
        return "Parquet", _read_parquet(path, task)
    if official is None or official.is_text or not is_zipfile(path):
        text = read_text(path)
        header = header_of(text)
        if "track" in spell_header(header, task):
            table = read_table(path, text)
            return "CSV", _read_csv(replace(table, header=spell_header(table.header, task)), task)
        toolkits.refuse_unnamed(path, header)
    if official is None:
        raise UsageError(
            f"{path}: task '{task.name}' has no official file; give Parquet or CSV with the columns track, frame and "
            f"{PREFIX}<output>"
        )
    sheet = official.read(path)
    names = [official.canonical(name) for name in sheet.names]
    return "official", Entries(
        where=sheet.where, names=names, decisions=sheet.predicted.decisions, scores=sheet.predicted.scores
    )


def header_of(text: str) -> list[str]:
    """Return the names in the first row of a text."""
    lines = lines_of(text[:100_000])
    dialect = dialect_of(lines)
    row = lines[dialect.first - 1] if len(lines) >= dialect.first else ""
    return [name.strip().strip('"') for name in row.split(dialect.delimiter)]


def spell_header(header: Sequence[str], task: Task) -> list[str]:
    """Return the names of columns as they are documented: capitals do not matter, nor zeros before a number (AU01)."""
    known = {_column_key(name): name for name in ("track", "frame", CLASS, *task.outputs)}
    known |= {_column_key(f"{PREFIX}{output}"): f"{PREFIX}{output}" for output in task.outputs}
    meant = [known.get(_column_key(name), name) for name in header]
    return [name if right in header else right for name, right in zip(header, meant, strict=True)]


def _column_key(name: str) -> str:
    return re.sub(r"(?<=[a-z])0+(?=\d)", "", class_key(name))


def refuse_outside(task: Task, entries: Entries) -> None:
    """Raise DataError, naming the row, for a value or a score that the task does not allow; so in every form."""
    given = entries.scores if entries.decisions is None else entries.decisions
    row, told = find_outside(task, np.asarray(given), decided=entries.decisions is not None)
    if told:
        raise DataError(f"{entries.where(row)}: {told}")


def find_outside(task: Task, given: NDArray[Any], *, decided: bool) -> tuple[int, str]:
    """Return the first row of decisions or scores that holds what the task does not allow, and what to do, in words."""
    values, outputs, ranges = (_ranged if decided else _scored)(task, given)
    for column, name, (low, high) in zip(values.T, outputs, ranges, strict=True):
        wrong = np.flatnonzero((column < low - SLACK) | (column > high + SLACK))
        if wrong.size:
            row, share = int(wrong[0]), f"{wrong.size} of {len(column)} rows"
            what = f"{name} {column[row]:g} is outside {low:g} to {high:g}, and so are {share}"
            return row, f"{what}; clip them, or bring them to that scale"
    return 0, ""


Ranged = tuple[NDArray[Any], Sequence[str], Sequence[tuple[float, float]]]


def _ranged(task: Task, decisions: NDArray[Any]) -> Ranged:
    """Return the columns of decisions that are values, with their names and ranges."""
    if task.parts:
        found = [_ranged(part, task.part_of(decisions, number)) for number, part in enumerate(task.parts)]
        return np.hstack([one[0] for one in found]), *([x for one in found for x in one[k]] for k in (1, 2))  # type: ignore[return-value]
    if task.kind != "regression" or task.ranges is None:
        return np.empty((len(decisions), 0)), [], []
    return decisions, task.outputs, [task.ranges] * len(task.outputs)


def _scored(task: Task, scores: NDArray[Any]) -> Ranged:
    """Return the columns of scores that have a range: values and units; of those of classes the largest counts."""
    if task.parts:
        cut = zip(task.parts, task.part_outputs, strict=True)
        found = [_scored(part, scores[:, at]) for part, at in cut]
        return np.hstack([one[0] for one in found]), *([x for one in found for x in one[k]] for k in (1, 2))  # type: ignore[return-value]
    if task.kind == "multilabel":
        return scores, task.outputs, [(0.0, 1.0)] * len(task.outputs)
    return _ranged(task, scores)


def _read_parquet(path: Path, task: Task) -> Entries:
    tracks, frames, scores = read_score_rows(path, task.outputs)

    def where(row: int) -> str:
        return f"{path}: row {row + 1}"

    wrong = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if wrong.size:
        raise DataError(f"{where(int(wrong[0]))}: a score of track '{tracks[wrong[0]]}' is NaN, infinite or absent")
    return Entries(where=where, tracks=tracks, frames=frames, scores=scores, counted=True)


def _read_csv(table: TextTable, task: Task) -> Entries:
    """Return the rows of a CSV file with a header: track, frame (from 0) and scores, values, units or a class."""
    columns, scored = _columns(table, task)
    if not table.rows:
        raise DataError(f"{table.path}:{2}: no predictions here")
    try:
        frames = np.zeros(len(table.rows), dtype=np.int64)
        if "frame" in table.header:
            place = table.header.index("frame")
            frames[:] = [_frame(row, cells[place]) for row, cells in enumerate(table.rows)]
        rows = [[cells[c] for c in columns] for cells in table.rows]
        if task.kind == "multiclass" and not scored:
            rows = [[_class(row, cells[0], task)] for row, cells in enumerate(rows)]
        values = numbers([",".join(cells) for cells in rows], len(columns))
        decisions = None if scored else Submission(task).decode(values).decisions
    except BadRow as error:
        raise DataError(f"{table.where(error.row)}: {error.what}") from error
    place = table.header.index("track")
    tracks = [cells[place] for cells in table.rows]
    scores = values if scored else None
    return Entries(where=table.where, tracks=tracks, frames=frames, decisions=decisions, scores=scores, counted=True)


def _class(row: int, text: str, task: Task) -> str:
    """Return the number of a class that is given by its name or its number."""
    known = {class_key(name): str(number) for number, name in enumerate(task.outputs)}
    text = known.get(class_key(text), text)
    if any(letter.isalpha() for letter in text) and class_key(text) not in ("nan", "inf"):
        hint = nearest(text, task.outputs)
        raise BadRow(row, f"{text[:40]!r} is no class: give 0 to {len(known) - 1} or a name{hint}")
    return text


def _columns(table: TextTable, task: Task) -> tuple[list[int], bool]:
    """Return the columns of the values in the order of the outputs, and whether they are scores."""
    header = table.header
    scores = [f"{PREFIX}{output}" for output in task.outputs]
    plain = [CLASS] if task.kind == "multiclass" else list(task.outputs)
    needed = ["track"] if task.level == "track" else ["track", "frame"]
    forms = [(scores, True)] if task.parts else [(scores, True), (plain, False)]
    for names, scored in forms:
        wanted = [*needed, *names]
        if all(header.count(name) == 1 for name in wanted):
            return [header.index(name) for name in names], scored
    choices = " or ".join(",".join([*needed, *names]) for names, _ in forms)
    raise DataError(f"{table.path}:1: expected the columns {choices}, each once; found {','.join(header)[:120]!r}")


def _frame(row: int, text: str) -> int:
    whole = text.removesuffix(".0")
    if not (whole.isascii() and whole.isdecimal() and len(whole) < 10):
        raise BadRow(row, f"{text[:40]!r} is no frame number; frames are counted from 0")
    return int(whole)


def _read_folder(path: Path, task: Task, index: FrameIndex) -> Entries:
    """Return the rows of ``<track>.txt`` files (else ``.csv``), a line per frame: the form of editions 3 and 4."""
    there = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    files = next((f for end in (".txt", ".csv") if (f := [one for one in there if one.suffix.lower() == end])), [])
    if files:
        toolkits.refuse_unnamed(path, header_of(read_text(files[0])))
    if task.level == "track" or task.parts or not files:
        raise UsageError(
            f"{path}: expected a run folder, or <track>.txt or .csv files for a task of frames and one kind"
        )
    form = Submission(task)
    tracks: list[str] = []
    frames: list[int] = []
    found: list[NDArray[Any]] = []
    places: list[tuple[Path, int]] = []
    for file in files:
        lines, first = plain_lines(file)
        check_header(file, lines[0] if lines else "", task.outputs)
        try:
            if lines[1:]:
                rows = lines[1:] if task.kind != "multiclass" else number_classes(lines[1:], task)
                found.append(form.decode(numbers(rows, form.widths[0])).decisions)
        except BadRow as error:
            raise DataError(f"{file}:{error.row + 1 + first}: {error.what}") from error
        tracks += [file.stem] * (len(lines) - 1)
        frames += range(len(lines) - 1)
        places += [(file, first)] * (len(lines) - 1)
    if not found:
        raise DataError(f"{files[0]}:2: no predictions here")
    return Entries(
        where=lambda row: f"{places[row][0]}:{frames[row] + 1 + places[row][1]}",
        tracks=tracks,
        frames=np.asarray(frames, dtype=np.int64),
        decisions=np.concatenate(found),
    )


def _scores(entries: Entries) -> NDArray[Any]:
    assert entries.scores is not None
    return entries.scores


def _scatter(values: NDArray[Any], at: NDArray[np.int64], total: int) -> NDArray[Any]:
    """Return the values at their positions among all frames, zeros elsewhere."""
    out = np.zeros((total, *values.shape[1:]), dtype=values.dtype)
    out[at] = values
    return out
