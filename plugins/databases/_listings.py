"""Files with rows ``<track>/<frame>.jpg,<value>`` for many tracks: templates, and the labels of C-EXPR-DB."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError
from abawbench.contracts.problems import Problems
from abawbench.contracts.text import name_kind, read_regular

_ROW = re.compile(r"\s*(.+)/(?:frame-)?(\d{1,9})\.jpe?g\s*(?:,(.*))?$", re.IGNORECASE | re.DOTALL)
_CLASS = re.compile(r"\s*[-+]?\d{1,9}\s*$", re.ASCII)


@dataclass
class Listing:
    """The frames of one track in the order of their numbers, and the integer written beside each (if asked for)."""

    numbers: NDArray[np.int64]
    values: NDArray[np.int64]


@dataclass
class _Rows:
    numbers: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    broken: bool = False


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, without blank ones at its end. Raises DataError when it cannot be read."""
    try:
        data = read_regular(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); unpack it anew.") from error
    kind = name_kind(data)
    if kind is not None:
        raise DataError(f"{path}: this is {kind[0]}; {kind[1]}")
    return data.decode("utf-8-sig", "replace").rstrip().split("\n")


def read_listing(path: Path, problems: Problems, values: bool = False) -> dict[str, Listing]:
    """Return the rows of a file by track, in the file's order of tracks.

    A track with a malformed row is left out as a whole and the problem names the line. A first line that is no row
    is the header. Raises DataError when the file cannot be read.
    """
    tracks: dict[str, _Rows] = {}
    last: str | None = None
    before, numbers = "\n", list[int]()  # what a line of the same track begins with, and where its number goes
    for number, line in enumerate(read_lines(path), start=1):
        at = line.rfind("/") + 1
        digits = line[at : at + 5]
        if line[:at] == before and line[at + 5 : at + 10] == ".jpg," and digits.isdecimal() and digits.isascii():
            numbers.append(int(digits))
            continue
        match = _ROW.match(line)
        if match is None:
            if number > 1 or not line.lower().startswith("image"):
                problems.add(path, f"expected <track>/<frame>.jpg,<value>, found {line.strip()[:60]!r}", number)
                last = _blame(line, last, tracks)
            continue
        last = match[1]
        rows = tracks.setdefault(last, _Rows())
        rows.numbers.append(int(match[2]))
        if not values:
            before, numbers = f"{last}/", rows.numbers
        if values and not rows.broken:
            if _CLASS.match(match[3] or ""):
                rows.values.append(int(match[3]))
            else:
                rows.broken = True
                problems.add(path, f"expected one class after the comma, found {line.strip()[:60]!r}", number)
    return _finish(path, tracks, problems, values)


def _blame(line: str, last: str | None, tracks: dict[str, _Rows]) -> str | None:
    # A line without a frame name still belongs to some track, which must not lose one frame unnoticed.
    name = line.rpartition("/")[0].strip() if "/" in line else last
    if name:
        tracks.setdefault(name, _Rows()).broken = True
    return name or last


def _finish(path: Path, tracks: dict[str, _Rows], problems: Problems, values: bool) -> dict[str, Listing]:
    found = {}
    for name, rows in tracks.items():
        if rows.broken:
            what = f"track {name} is skipped because of a malformed row"
            problems.add(path, what, track=name, lost=len(rows.numbers))
            continue
        numbers = np.asarray(rows.numbers, dtype=np.int64)
        order = np.argsort(numbers, kind="stable")
        if (np.diff(numbers[order]) == 0).any():
            what = f"track {name} is skipped because it lists a frame twice"
            problems.add(path, what, track=name, lost=len(rows.numbers))
            continue
        written = np.asarray(rows.values if values else np.zeros_like(numbers), dtype=np.int64)
        found[name] = Listing(numbers[order], written[order])
    return found
