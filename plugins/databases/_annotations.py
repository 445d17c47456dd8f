"""Annotation files with a header line and one row per frame, as Aff-Wild2 has them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import Labels
from abawbench.contracts.text import end_with_line_feeds, name_kind, read_regular

EXPRESSIONS = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Other")
ACTION_UNITS = ("AU1", "AU2", "AU4", "AU6", "AU7", "AU10", "AU12", "AU15", "AU23", "AU24", "AU25", "AU26")

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$", re.ASCII)


class RowError(Exception):
    """A row or header that cannot be used; ``line`` counts from 1 and is None when the whole file is meant."""

    def __init__(self, what: str, line: int | None = None):
        super().__init__(what)
        self.what = what
        self.line = line


@dataclass(frozen=True)
class Format:
    """How one task writes its rows: the header's names, values per row, and which values may stand there."""

    header: tuple[str, ...]
    """Empty where any first line will do."""
    columns: int
    allowed: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    """Elementwise: is this a label or the ignore code?"""
    expected: str
    """The allowed values in words, for messages."""
    ignored: float
    integer: bool

    def labels(self, values: NDArray[np.float64]) -> Labels:
        """Return labels of values [N, columns]; a row with the ignore code anywhere is not annotated."""
        mask = ~(values == self.ignored).any(axis=1)
        typed: NDArray[Any] = values.astype(np.int64) if self.integer else values
        return Labels(typed[:, 0] if self.columns == 1 else typed, mask)


FORMATS = {
    "va": Format(
        ("valence", "arousal"), 2, lambda v: (np.abs(v) <= 1) | (v == -5), "in [-1, 1], or -5 for none", -5.0, False
    ),
    "expr": Format(
        EXPRESSIONS, 1, lambda v: (v == np.rint(v)) & (v >= -1) & (v <= 7), "a class 0 to 7, or -1 for none", -1.0, True
    ),
    "au": Format(ACTION_UNITS, 12, lambda v: (v == 0) | (v == 1) | (v == -1), "0, 1, or -1 for none", -1.0, True),
}
"""Row formats of the three Aff-Wild2 tasks: abaw-protocols, section 2.2."""


def is_number(text: str) -> bool:
    """Return whether a field is a plain finite decimal number; ``float`` alone also takes ``nan`` and ``1_0``."""
    return _NUMBER.match(text) is not None and isfinite(float(text))


def read_annotation(path: Path, form: Format) -> NDArray[np.float64]:
    """Return the values [N, columns] of an annotation file; row i is the i-th line after the header.

    Raises RowError, naming the line, for anything but a header and well-formed rows, and OSError.
    """
    data = _with_line_feeds(read_regular(path).removeprefix(b"\xef\xbb\xbf"))
    kind = name_kind(data)
    if kind is not None:
        raise RowError(f"this is {kind[0]}; {kind[1]}")
    header, _, body = data.partition(b"\n")
    _check_header(header.decode("utf-8", "replace"), form)
    body = body.rstrip()
    if not body:
        raise RowError("has no rows after the header")
    values = _parse_digits(body, form.columns) if form.integer else None
    if values is None:
        values = _parse(body, form.columns)
    wrong = np.flatnonzero(~form.allowed(values).all(axis=1))
    if wrong.size:
        row = int(wrong[0])
        shown = _show(body.split(b"\n")[row])
        raise RowError(f"{shown} is not allowed: each value is {form.expected}", row + 2)
    return values


def count_annotated(path: Path, form: Format) -> int:
    """Return how many rows of an annotation file that cannot be used are annotated, or may have been.

    Those that say plainly that they are not are left out.
    """
    try:
        rows = _with_line_feeds(read_regular(path)).rstrip().split(b"\n")[1:]
    except (OSError, RowError):
        return 0
    cells = [row.decode("utf-8", "replace").split(",") for row in rows]
    return sum(not any(is_number(cell) and float(cell) == form.ignored for cell in row) for row in cells)


def _with_line_feeds(data: bytes) -> bytes:
    """Return text that an editor saved as UTF-16, or with line ends of its own, as the official files are."""
    data = data.replace(b"\r\r\n", b"\n") if b"\r\r\n" in data else data
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not wide and (b"\r" not in data or b"\n" in data):
        return data
    try:
        text = data.decode("utf-16" if wide else "utf-8")
    except UnicodeDecodeError:
        raise RowError("is no UTF-8 or UTF-16 text; save it as UTF-8") from None
    return end_with_line_feeds(text).encode()


def _check_header(line: str, form: Format) -> None:
    if not form.header:
        return
    found = [name.strip().strip('"').casefold() for name in line.strip().rstrip(",").split(",")]
    wanted = [name.casefold() for name in form.header]
    if found == wanted:
        return
    if sorted(found) == sorted(wanted):
        raise RowError(f"the header names its columns in another order than {','.join(form.header)}", 1)
    remedy = "" if not set(found) & set(wanted) else " (--assume annotation-header=any takes any first line)"
    raise RowError(f"expected the header {','.join(form.header)}, found {line.strip()[:60]!r}{remedy}", 1)


def _parse_digits(body: bytes, columns: int) -> NDArray[np.float64] | None:
    """Return the values if every one is a digit or -1, some fifty times as fast as ``_parse``; else None."""
    if b"i" in body:  # it stands for -1 in what follows
        return None
    cells = np.frombuffer(body.replace(b"\r\n", b"\n").replace(b"-1", b"i") + b"\n", dtype=np.uint8)
    if cells.size % (2 * columns):
        return None
    grid = cells.reshape(-1, 2 * columns)
    separators = np.frombuffer(b"," * (columns - 1) + b"\n", dtype=np.uint8)
    ignored = grid[:, ::2] == ord("i")
    digits = grid[:, ::2].astype(np.int16) - ord("0")
    if not (grid[:, 1::2] == separators).all() or not (ignored | ((digits >= 0) & (digits <= 9))).all():
        return None
    return np.where(ignored, -1, digits).astype(np.float64)


def _parse(body: bytes, columns: int) -> NDArray[np.float64]:
    try:
        values: NDArray[np.float64] = np.loadtxt(BytesIO(body), delimiter=",", comments=None, ndmin=2)
    except ValueError as error:
        raise _first_bad_row(body, columns, str(error)) from None
    # loadtxt passes over blank lines, which would move every label after them by a frame.
    if values.shape != (body.count(b"\n") + 1, columns) or not np.isfinite(values).all():
        raise _first_bad_row(body, columns, "not one row of numbers per line")
    return values


def _first_bad_row(body: bytes, columns: int, otherwise: str) -> RowError:
    for number, row in enumerate(body.split(b"\n"), start=2):
        fields = row.decode("utf-8", "replace").split(",")
        if len(fields) != columns:
            commas = " (decimal commas? write points)" if len(fields) == 2 * columns else ""
            return RowError(f"expected {columns} value(s), found {len(fields)} in {_show(row)}{commas}", number)
        if not all(is_number(field) for field in fields):
            return RowError(f"{_show(row)} is not made of numbers", number)
    return RowError(f"cannot be parsed: {otherwise.splitlines()[0][:120]}")


def _show(row: bytes) -> str:
    return repr(row.decode("utf-8", "replace").strip()[:60])
