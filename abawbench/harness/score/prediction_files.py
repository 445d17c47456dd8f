"""Predictions from any framework: which form a file has, and what it says about each track."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import BadRow, DataError, Decided, PluginError, Submission, Task, Track, UsageError
from abawbench.contracts.submission import check_header, numbers, text_lines
from abawbench.harness.score.frame_index import Entries, FrameIndex
from abawbench.records.predictions import PREFIX, read_score_rows

CLASS = "class"
"""The column of a CSV file that holds the class of a multiclass task."""


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


def read_prediction_file(path: Path, task: Task, tracks: Sequence[Track]) -> FilePredictions:
    """Return what a file (or a folder with a file per track) predicts of these tracks, whatever its form.

    Raises DataError naming file and line for what is not in the form: a frame twice, an unknown track or frame, a
    number that is none, a class that does not exist. Raises UsageError when no form fits.
    """
    official = submission_of(task)
    index = FrameIndex(task, tracks, official)
    form, entries = _entries(path, task, index, official)
    at = index.positions(entries)
    given = np.zeros(index.total, dtype=bool)
    given[at] = True
    decisions = entries.decisions if entries.decisions is not None else task.decide(_scores(entries))
    found = Decided(
        _scatter(np.asarray(decisions), at, index.total),
        None if entries.scores is None else _scatter(entries.scores, at, index.total),
    )
    return FilePredictions(form, index.split(found), index.split_mask(given), entries.decisions is not None)


def _entries(path: Path, task: Task, index: FrameIndex, official: Submission | None) -> tuple[str, Entries]:
    if path.is_dir():
        return "one file per track", _read_folder(path, task, index)
    if path.suffix.lower() == ".parquet":
        return "Parquet", _read_parquet(path, task)
    lines = text_lines(path)
    if lines and "track" in _header(lines[0]):
        return "CSV", _read_csv(path, lines, task)
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


def _read_parquet(path: Path, task: Task) -> Entries:
    tracks, frames, scores = read_score_rows(path, task.outputs)

    def where(row: int) -> str:
        return f"{path}: row {row + 1}"

    wrong = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if wrong.size:
        raise DataError(f"{where(int(wrong[0]))}: a score of track '{tracks[wrong[0]]}' is NaN, infinite or absent")
    return Entries(where=where, tracks=tracks, frames=frames, scores=scores)


def _read_csv(path: Path, lines: Sequence[str], task: Task) -> Entries:
    """Return the rows of a CSV file with a header: track, frame (from 0) and scores, values, units or a class."""
    header = _header(lines[0])
    columns, scored = _columns(path, header, task)
    keys = [header.index("track")] + ([header.index("frame")] if "frame" in header else [])

    def where(row: int) -> str:
        return f"{path}:{row + 2}"

    try:
        rows = [_cells(row, line, len(header)) for row, line in enumerate(lines[1:])]
        if not rows:
            raise BadRow(0, "no predictions here")
        frames = np.zeros(len(rows), dtype=np.int64)
        if len(keys) == 2:
            frames[:] = [_frame(row, cells[keys[1]]) for row, cells in enumerate(rows)]
        values = numbers([",".join(cells[c] for c in columns) for cells in rows], len(columns))
        decisions = None if scored else Submission(task).decode(values).decisions
    except BadRow as error:
        raise DataError(f"{where(error.row)}: {error.what}") from error
    tracks = [cells[keys[0]].strip('"') for cells in rows]
    return Entries(where=where, tracks=tracks, frames=frames, decisions=decisions, scores=values if scored else None)


def _header(line: str) -> list[str]:
    return [name.strip().strip('"') for name in line.split(",")]


def _columns(path: Path, header: Sequence[str], task: Task) -> tuple[list[int], bool]:
    """Return the columns of the values in the order of the outputs, and whether they are scores."""
    scores = [f"{PREFIX}{output}" for output in task.outputs]
    plain = [CLASS] if task.kind == "multiclass" else list(task.outputs)
    needed = ["track"] if task.level == "track" else ["track", "frame"]
    forms = [(scores, True)] if task.parts else [(scores, True), (plain, False)]
    for names, scored in forms:
        wanted = [*needed, *names]
        if all(header.count(name) == 1 for name in wanted):
            return [header.index(name) for name in names], scored
    choices = " or ".join(",".join([*needed, *names]) for names, _ in forms)
    raise DataError(f"{path}:1: expected the columns {choices}, each once; found {','.join(header)[:120]!r}")


def _cells(row: int, line: str, width: int) -> list[str]:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != width:
        raise BadRow(row, f"expected {width} columns, found {len(cells)} in {line.strip()[:60]!r}")
    return cells


def _frame(row: int, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRow(row, f"{text[:40]!r} is no frame number; frames are counted from 0")
    return int(text)


def _read_folder(path: Path, task: Task, index: FrameIndex) -> Entries:
    """Return the rows of ``<track>.txt`` files with a header and a line per frame: the form of editions 3 and 4."""
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".txt" and not file.name.startswith("."))
    if task.level == "track" or task.parts or not files:
        raise UsageError(f"{path}: expected a run folder, or <track>.txt files for a task of frames and one kind")
    form = Submission(task)
    tracks: list[str] = []
    frames: list[int] = []
    found: list[NDArray[Any]] = []
    places: list[str] = []
    for file in files:
        lines = text_lines(file)
        check_header(file, lines[0] if lines else "", task.outputs)
        if file.stem not in index.numbers:
            raise DataError(f"{file}:1: {index.unknown_track(file.stem)}")
        try:
            if lines[1:]:
                found.append(form.decode(numbers([line.rstrip("\r") for line in lines[1:]], form.widths[0])).decisions)
        except BadRow as error:
            raise DataError(f"{file}:{error.row + 2}: {error.what}") from error
        tracks += [file.stem] * (len(lines) - 1)
        frames += range(len(lines) - 1)
        places += [str(file)] * (len(lines) - 1)
    if not found:
        raise DataError(f"{files[0]}:2: no predictions here")
    return Entries(
        where=lambda row: f"{places[row]}:{frames[row] + 2}",
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
