"""Tables of facial analysis toolkits read as predictions: OpenFace, Py-Feat and LibreFace.

Their columns, by their own documentation: OpenFace's wiki page "Output Format" (units as 0 or 1 in ``AU01_c``, frames
from 1, ``success`` 0 where no face was found), Py-Feat's ``Fex`` (units and emotions as numbers from 0 to 1, frames
from 0, no ``FaceScore`` where no face was found), LibreFace's README (``au_1`` as 0 or 1, ``facial_expression`` as a
word, ``frame_idx`` from 0).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Task, UsageError
from abawbench.contracts.submission import is_number
from abawbench.contracts.text import TextTable, read_table
from abawbench.harness.score.frame_index import Entries, FrameIndex


@dataclass(frozen=True)
class Toolkit:
    """What a toolkit calls its columns."""

    frame: str
    first: int
    """The number of the first frame."""
    unit: str
    """Column of a unit, by its number."""
    face: str = ""
    """Column that is empty, 0 or NaN where no face was found."""
    classes: Mapping[str, str] | None = None
    """Class of the task -> column with its score."""
    word: str = ""
    """Column that holds the class as a word."""


_EMOTIONS = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise")
TOOLKITS: Mapping[str, Toolkit] = {
    "openface": Toolkit("frame", 1, "AU{:02d}_c", face="success"),
    "py-feat": Toolkit("frame", 0, "AU{:02d}", face="FaceScore", classes={name: name.lower() for name in _EMOTIONS}),
    "libreface": Toolkit("frame_idx", 0, "au_{}", word="facial_expression"),
}
FORMS = tuple(TOOLKITS)


def refuse_unnamed(path: Path, header: Sequence[str]) -> None:
    """Raise UsageError where a header is that of a toolkit, which nobody named."""
    columns = {name.strip() for name in header}
    for form, kit in TOOLKITS.items():
        if kit.frame in columns and (kit.face or kit.frame) in columns and kit.unit.format(1) in columns:
            raise UsageError(f"{path}: this is a table of {form}; say so by --form {form}")


def read(path: Path, task: Task, index: FrameIndex, form: str) -> Entries:
    """Return what the tables of a toolkit predict: a file called after its track, or a folder of such files.

    Rows without a face predict nothing. An output that the toolkit does not know is never predicted, which the notes
    say. Raises DataError naming file and line for a table that is not the toolkit's, UsageError for a task it has no
    columns for.
    """
    if form not in TOOLKITS:
        raise UsageError(f"unknown form '{form}'; use {', '.join(FORMS)}")
    kit = TOOLKITS[form]
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: holds no <track>.csv")
    tracks: list[str] = []
    places: list[str] = []
    frames, found, notes = [], [], dict[str, None]()
    for file in files:
        table = read_table(file)
        rows = _rows_with_face(table, kit)
        values, missing = _values(table, kit, task, form, rows)
        if missing:
            notes[f"{form} has no column for {', '.join(missing)}: never predicted"] = None
        if len(rows) < len(table.rows):
            notes[f"{form} found no face in some frames, which are not predicted"] = None
        if index.number_of(file.stem) is None:
            raise DataError(f"{file}: {index.unknown_track(file.stem)}; call the file after its track")
        tracks += [file.stem] * len(rows)
        places += [table.where(row) for row in rows]
        frames.append(_frames(table, kit, form, rows))
        found.append(values)
    scores = np.concatenate(found)
    decided = kit.classes is None or task.kind == "multilabel"
    return Entries(
        where=places.__getitem__,
        tracks=tracks,
        frames=np.concatenate(frames),
        decisions=scores.astype(np.int64) if decided and form != "py-feat" else None,
        scores=scores if form == "py-feat" else None,
        notes=tuple(notes),
    )


def _values(
    table: TextTable, kit: Toolkit, task: Task, form: str, rows: Sequence[int]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return scores [N, K], units [N, K] or classes [N] of the rows, and the outputs that the table has not."""
    if task.kind == "multilabel":
        columns = {name: kit.unit.format(int(re.sub(r"\D", "", name) or 0)) for name in task.outputs}
    elif task.kind == "multiclass" and set(_EMOTIONS) <= set(task.outputs) and (kit.classes or kit.word):
        if kit.word:
            return _words(table, kit, task, rows), [n for n in task.outputs if n not in _EMOTIONS]
        columns = {name: (kit.classes or {}).get(name, "") for name in task.outputs}
    else:
        raise UsageError(f"--form {form}: it has no columns for task '{task.name}'")
    missing = [name for name, column in columns.items() if column not in table.header]
    if len(missing) == len(columns):
        raise DataError(f"{table.path}:1: this is no table of {form}: no column {next(iter(columns.values()))!r}")
    zero = np.zeros(len(rows))
    decided = kit.classes is None
    found = [
        zero if name in missing else _unit(table, column, rows) if decided else _column(table, column, rows)
        for name, column in columns.items()
    ]
    return np.stack(found, axis=1), missing


def _words(table: TextTable, kit: Toolkit, task: Task, rows: Sequence[int]) -> NDArray[np.float64]:
    place = _place(table, kit.word)
    numbers = {name.casefold(): number for number, name in enumerate(task.outputs)}
    numbers.setdefault("contempt", numbers["other"])  # the one word that is no class of the challenge
    found = []
    for row in rows:
        word = table.rows[row][place].casefold()
        if word not in numbers:
            raise DataError(f"{table.where(row)}: {word[:40]!r} is no expression")
        found.append(numbers[word])
    return np.array(found, dtype=np.float64)


def _rows_with_face(table: TextTable, kit: Toolkit) -> list[int]:
    if kit.face not in table.header:
        return list(range(len(table.rows)))
    place = table.header.index(kit.face)
    faces = [cells[place] for cells in table.rows]
    return [row for row, cell in enumerate(faces) if is_number(cell) and float(cell) > 0]


def _column(table: TextTable, name: str, rows: Sequence[int]) -> NDArray[np.float64]:
    place = _place(table, name)
    for row in rows:
        if not is_number(table.rows[row][place]):
            raise DataError(f"{table.where(row)}: {name} is {table.rows[row][place][:40]!r}, not a number")
    return np.array([float(table.rows[row][place]) for row in rows], dtype=np.float64)


def _whole(table: TextTable, name: str, rows: Sequence[int], what: str) -> NDArray[np.float64]:
    """Return a column of whole numbers. Raises DataError for another, which nobody may round."""
    found = _column(table, name, rows)
    wrong = np.flatnonzero((found != np.rint(found)) | (np.abs(found) > 2**53))
    if wrong.size:
        row = rows[int(wrong[0])]
        raise DataError(f"{table.where(row)}: {name} is {table.rows[row][_place(table, name)][:40]!r}, not {what}")
    return found


def _frames(table: TextTable, kit: Toolkit, form: str, rows: Sequence[int]) -> NDArray[np.int64]:
    """Return the frames of rows, counted from 0. Raises DataError for one before the toolkit's first."""
    found = _whole(table, kit.frame, rows, "a frame").astype(np.int64)
    early = np.flatnonzero(found < kit.first)
    if early.size:
        row = int(early[0])
        raise DataError(f"{table.where(rows[row])}: frame {found[row]}, and {form} counts frames from {kit.first}")
    return found - kit.first


def _unit(table: TextTable, name: str, rows: Sequence[int]) -> NDArray[np.float64]:
    """Return a column of units that are 0 or 1. Raises DataError for anything else."""
    found = _whole(table, name, rows, "0 or 1")
    wrong = np.flatnonzero((found != 0) & (found != 1))
    if wrong.size:
        row = rows[int(wrong[0])]
        raise DataError(f"{table.where(row)}: {name} is {found[wrong[0]]:g}, not 0 or 1")
    return found


def _place(table: TextTable, name: str) -> int:
    if name not in table.header:
        raise DataError(f"{table.path}:1: no column '{name}'; is this a table of another toolkit?")
    return table.header.index(name)
