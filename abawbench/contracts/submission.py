"""The official prediction file of a task: how it is read, and how a template is filled in."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar
from warnings import catch_warnings

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import Track
from abawbench.contracts.errors import DataError
from abawbench.contracts.task import Task
from abawbench.contracts.text import plain_lines

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$", re.ASCII)


@dataclass(frozen=True)
class Decided:
    """Predictions of N frames (or tracks) whose decisions were taken by whoever made them."""

    decisions: NDArray[Any]
    """In the decision shape of the task's kind, [N] or [N, K]."""
    scores: NDArray[np.float64] | None = None
    """[N, K]: what the decisions rest on, where it is known."""


@dataclass(frozen=True)
class Sheet:
    """What an official file says: a name and a prediction per line."""

    names: Sequence[str]
    """As written: the official name of a frame, or of a track for a track-level task."""
    predicted: Decided
    where: Callable[[int], str]
    """Entry -> the file and line it stands in, for messages."""


@dataclass(frozen=True)
class Template:
    """The names a submission must have, in its order, and the line before them."""

    names: Sequence[str]
    header: str | None = None
    """The first line as it stands, without its end; None where the form has none."""
    width: int | None = None
    """How many values stand beside each name; None where none do."""


class BadRow(ValueError):
    """An entry that cannot be used; ``row`` counts from 0."""

    def __init__(self, row: int, what: str) -> None:
        super().__init__(what)
        self.row = row
        self.what = what


class Submission:
    """A text file with a line ``<name>,<values>`` per frame (or per track), as most challenges want it.

    A task names the builder of its form in ``Task.submission``. A form that differs overrides ``names``, ``decode``
    and ``encode``; one that is no text file of such lines also ``read``, ``template`` and ``write``.

    Source of the forms: abaw-protocols, sections 2.6, 4.2, 5.4 and 6.
    """

    is_text: ClassVar[bool] = True
    """Whether the file is a text of lines; an archive is none."""

    def __init__(self, task: Task, header: Sequence[str] | None = None, *, widths: Sequence[int] | None = None) -> None:
        """Take the column names of the first line (None for a form without), and how many values a line may have."""
        self.task = task
        self.header = None if header is None else tuple(header)
        self.widths = tuple(widths) if widths else (_columns(task),)

    def names(self, track: Track) -> Sequence[str]:
        """Return what the file calls the frames of a track, or the track itself for a track-level task."""
        return [track.id] if self.task.level == "track" else track.frame_names()

    def canonical(self, name: str) -> str:
        """Return the name that ``names`` gives for one that is written otherwise."""
        return name

    def decode(self, values: NDArray[np.float64]) -> Decided:
        """Return the predictions that finite values [N, one of ``widths``] stand for.

        Raises BadRow for what the task's kind does not allow: a class that does not exist, a unit that is not 0 or 1.
        """
        if self.task.parts:
            parts = zip(self.task.parts, self.task.part_columns, strict=True)
            decided = [Submission(part).decode(values[:, at]).decisions for part, at in parts]
            return Decided(np.column_stack(decided).astype(np.float64))
        if self.task.kind == "regression":
            return Decided(values)
        top = len(self.task.outputs) - 1 if self.task.kind == "multiclass" else 1
        wrong = np.flatnonzero(((values != np.rint(values)) | (values < 0) | (values > top)).any(axis=1))
        if wrong.size:
            shown = ",".join(f"{value:g}" for value in values[wrong[0]])
            raise BadRow(int(wrong[0]), f"{shown} is not allowed: each value is a whole number from 0 to {top}")
        decisions = values.astype(np.int64)
        return Decided(decisions[:, 0] if self.task.kind == "multiclass" else decisions)

    def encode(self, predicted: Decided) -> Iterator[str]:
        """Yield the values of each prediction as they are written; floats in full, so that nothing is lost."""
        decisions = predicted.decisions
        if self.task.parts:
            own = [Decided(self.task.part_of(decisions, number)) for number in range(len(self.task.parts))]
            columns = [Submission(part).encode(one) for part, one in zip(self.task.parts, own, strict=True)]
            yield from map(",".join, zip(*columns, strict=True))
            return
        typed = decisions.astype(np.float64 if self.task.kind == "regression" else np.int64)
        for row in typed.reshape(len(typed), -1).tolist():
            yield ",".join(map(repr, row))

    def read(self, path: Path) -> Sheet:
        """Return what a file says. Raises DataError naming file and line for anything that is not in the form."""
        lines, first = plain_lines(path)
        start = self._past_header(path, lines)

        def where(row: int) -> str:
            return f"{path}:{row + start + first}"

        try:
            rows = lines[start:] if self.task.kind != "multiclass" else number_classes(lines[start:], self.task)
            names, values = split_rows(rows, self.widths)
            predicted = self.decode(values)
        except BadRow as error:
            raise DataError(f"{where(error.row)}: {error.what}") from error
        return Sheet(names, predicted, where)

    def template(self, path: Path) -> Template:
        """Return the names in a template or list of the test set; what stands beside them is a placeholder.

        A list whose header is the column of names alone gets the header of the form. Raises DataError for an empty file
        and for a name that stands in it twice.
        """
        lines, first = plain_lines(path)
        if self.header is not None and lines and lines[0].strip().casefold() == self.header[0].casefold():
            lines[0] = ",".join(self.header)
        start = self._past_header(path, lines)
        names = [line.partition(",")[0] for line in lines[start:]]
        widths = {line.count(",") for line in lines[start:]}
        seen: dict[str, int] = {}
        for number, name in enumerate(names, start + first):
            if not name.strip() or name in seen:
                what = f"repeats line {seen[name]}" if name in seen else "names nothing"
                raise DataError(f"{path}:{number}: the template {what}; take the official one")
            seen[name] = number
        if not names:
            raise DataError(f"{path}: the template names no frame; take the official one")
        return Template(names, lines[0] if start else None, (max(widths) if len(widths) == 1 else 0) or None)

    def width_of(self, predicted: Decided) -> int:
        """Return how many values stand beside each name where predictions are written or were read."""
        return self.widths[0]

    def write(self, path: Path, template: Template, predicted: Decided) -> None:
        """Write the predictions, one for each name of the template."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            if template.header is not None:
                file.write(f"{template.header}\n")
            for name, values in zip(template.names, self.encode(predicted), strict=True):
                file.write(f"{name},{values}\n")

    def _past_header(self, path: Path, lines: Sequence[str]) -> int:
        """Return the number of lines before the first row. Raises DataError when the header is not the form's."""
        if self.header is None:
            return 0
        check_header(path, lines[0] if lines else "", self.header)
        return 1


def _columns(task: Task) -> int:
    """Return how many numbers a decision is."""
    return task.part_columns[-1].stop if task.parts else 1 if task.kind == "multiclass" else len(task.outputs)


def check_header(path: Path, line: str, columns: Sequence[str]) -> None:
    """Return nothing. Raises DataError unless a line names exactly these columns in this order, in any case."""
    found = [name.strip().strip('"').casefold() for name in line.rstrip(",").split(",")]
    wanted = [name.casefold() for name in columns]
    if found != wanted:
        other = "its columns stand in another order" if sorted(found) == sorted(wanted) else f"found {_show(line)}"
        raise DataError(f"{path}:1: expected the header {','.join(columns)}; {other}")


def number_classes(rows: Sequence[str], task: Task) -> list[str]:
    """Return lines ``<name>,<class>`` with the number of each class that is given by its name."""
    known = {class_key(name): str(number) for number, name in enumerate(task.outputs)}
    if not rows or class_key(rows[0].rpartition(",")[2]) not in known:
        return list(rows)
    cut = [row.rpartition(",") for row in rows]
    return [f"{name},{known.get(class_key(written), written)}" for name, _, written in cut]


def class_key(name: str) -> str:
    """Return what the name of a class is compared by: case does not matter, nor a blank for an underscore."""
    return name.strip().casefold().replace(" ", "_")


def split_rows(lines: Sequence[str], widths: Sequence[int]) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names [N] and values [N, W] of lines ``<name>,<values>``; the first line chooses W from ``widths``.

    Raises BadRow for a line with another number of values and for one that is not a finite number.
    """
    if not lines:
        raise BadRow(0, "no predictions here")
    fields = [field.strip() for field in lines[0].split(",")]
    fit = [w for w in sorted(widths, reverse=True) if len(fields) > w and all(map(is_number, fields[-w:]))]
    width = fit[0] if fit else min(widths)
    names, rest = [], []
    for row, line in enumerate(lines):
        name, *values = line.rsplit(",", width)
        last = name.rpartition(",")[2]
        if len(values) != width or (last != name and is_number(last)):
            expected = " or ".join(map(str, sorted(widths)))
            raise BadRow(row, f"expected {expected} value(s) after the name, found {line.count(',')} in {_show(line)}")
        names.append(name.strip())
        rest.append(",".join(values))
    return names, numbers(rest, width)


def numbers(rows: Sequence[str], width: int) -> NDArray[np.float64]:
    """Return comma-separated rows as finite numbers [N, width]. Raises BadRow naming the first that is none."""
    values: NDArray[np.float64] = np.empty((0, width))
    with suppress(ValueError), catch_warnings(action="ignore"):
        values = np.loadtxt(rows, delimiter=",", comments=None, ndmin=2)
    # loadtxt passes over blank rows
    if values.shape == (len(rows), width) and np.isfinite(values).all():
        return values
    for row, text in enumerate(rows):
        fields = text.split(",")
        if len(fields) != width:
            raise BadRow(row, f"expected {width} value(s), found {len(fields)} in {_show(text)}")
        if not all(map(is_number, fields)):
            raise BadRow(row, f"{_show(text)} is not made of finite numbers")
    raise BadRow(0, "its rows cannot be read as numbers")


def is_number(text: str) -> bool:
    """Return whether a field is a plain finite decimal number; ``float`` alone also takes ``nan`` and ``1_0``."""
    return _NUMBER.match(text) is not None and isfinite(float(text))


def _show(text: str) -> str:
    return repr(text.strip()[:60])
