"""Text files as people make them: encodings, dialects of CSV, and what a file is when it is no text."""

import csv
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import EINVAL
from io import BytesIO, StringIO
from pathlib import Path
from unicodedata import normalize
from zipfile import BadZipFile, ZipFile

from abawbench.contracts.errors import DataError

LARGEST = 2**31
"""Bytes of the largest text file that is read."""

_CONVERT = "export it as CSV in UTF-8"
_UNPACK = "unpack it first"
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a rar archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)", _CONVERT),
    (b"\x93NUMPY", "a NumPy array (.npy)", _CONVERT),
    (b"\x89HDF", "an HDF5 file", _CONVERT),
    (b"PAR1", "a Parquet file", "give it the ending .parquet"),
    (b"SQLite format 3", "an SQLite database", _CONVERT),
    (b"%PDF", "a PDF document", _CONVERT),
    (b"\x89PNG", "a PNG image", "give a table"),
    (b"\xff\xd8\xff", "a JPEG image", "give a table"),
    (b"version https://git-lfs", "a Git LFS pointer and not the file itself", "fetch it with 'git lfs pull'"),
)
_BLANKS = re.compile(r" +")
"""What is left of a header of R's ``write.table`` without its quoted names."""
_NUMBER_WITH_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*$", re.ASCII)


def name_kind(data: bytes) -> tuple[str, str] | None:
    """Return what a file that begins with these bytes is, and the way out; None for what may be text."""
    if data.startswith(b"PK\x03\x04"):
        return _name_zip(data)
    for start, kind, remedy in _KINDS:
        if data.startswith(start):
            return kind, remedy
    if re.match(rb"\x80[\x02-\x05]", data):
        return "a Python pickle", f"it is not opened, for a pickle can run code; {_CONVERT}"
    head = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")):
        return "a web page (HTML or XML)", "download the file itself"
    if head.startswith(b"{"):
        return "JSON", _CONVERT
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    return ("a binary file", _CONVERT) if b"\0" in data[:4096] else None


def _name_zip(data: bytes) -> tuple[str, str]:
    names: list[str] = []
    with suppress(BadZipFile, ValueError, OSError, NotImplementedError), ZipFile(BytesIO(data)) as archive:
        names = archive.namelist()
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook (.xlsx)", _CONVERT
    if any(name.endswith("data.pkl") for name in names):
        return "a checkpoint of PyTorch", "give predictions, not weights"
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays (.npz)", _CONVERT
    return "a zip archive", _UNPACK


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file. Raises OSError for anything else: a pipe or a device may have no end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(EINVAL, "not a regular file")
    return path.read_bytes()


def leads_back(folder: str | Path, name: str) -> bool:
    """Return whether a name in a folder is a link to a folder on the way there: who follows it never ends."""
    link = Path(folder, name)
    if not link.is_symlink():
        return False
    target = os.path.realpath(link)
    return any(os.path.realpath(one) == target for one in link.absolute().parents)


def read_text(path: Path) -> str:
    """Return the text of a file, its lines ended by line feeds: UTF-8, or UTF-16 with a byte order mark.

    Raises DataError for what is no regular file or no text, saying what it is and what to do.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path}: not a regular file; give a file with text in it")
        if status.st_size > LARGEST:
            raise DataError(f"{path}: {status.st_size / 2**30:.1f} GiB; text of at most {LARGEST >> 30} GiB is read")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return decode_text(data, path)


def decode_text(data: bytes, where: object) -> str:
    """Return bytes as text, its lines ended by line feeds. Raises DataError, naming ``where``, for what is none."""
    kind = name_kind(data)
    if kind is not None:
        raise DataError(f"{where}: this is {kind[0]}; {kind[1]}")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = "" if wide else f":{data.count(bytes([10]), 0, error.start) + 1}"
        raise DataError(f"{where}{line}: not {'UTF-16' if wide else 'UTF-8'} text; save it as UTF-8") from error
    return end_with_line_feeds(text)


def end_with_line_feeds(text: str) -> str:
    """Return text of which each line ends in a line feed, whatever editor ended it."""
    return text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def person_key(subject: str) -> str:
    """Return what tells a subject from others.

    Neither capitals nor blanks make somebody else, nor whether an accent is a letter of its own (macOS) or not.
    """
    return " ".join(normalize("NFKC", subject.casefold()).casefold().split())


def name_people(subjects: Iterable[str]) -> list[str]:
    """Return each subject as the first of the same person is spelt, so that equal names are equal people.

    >>> name_people(["Anna", "ben", "anna "])
    ['Anna', 'ben', 'Anna']
    """
    first: dict[str, str] = {}
    return [first.setdefault(person_key(subject), subject) for subject in subjects]


def name_key(name: str) -> str:
    r"""Return what tells a name of a file or a track from others, whichever way its accents are written.

    >>> name_key("e\u0301") == name_key("\u00e9")
    True
    """
    return name if name.isascii() else normalize("NFC", name)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, without blank ones at its end."""
    text = text.rstrip()
    return text.split("\n") if text else []


@dataclass(frozen=True)
class Dialect:
    """How a text separates its cells."""

    delimiter: str = ","
    first: int = 1
    """The line, from 1, that is the first of the table: 2 after a line ``sep=;``."""
    index: bool = False
    """Whether the first column is the row numbers of R or pandas, which have no name."""

    def number(self, text: str) -> str:
        """Return a cell with the point that a number has for a decimal comma; as it is where commas separate."""
        return text if self.delimiter == "," else _with_point(text)

    @property
    def plain(self) -> bool:
        """Whether commas separate, from the first line on, without row numbers."""
        return self == Dialect()

    def cells(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Yield the cells of each row of lines: RFC 4180. Raises csv.Error.

        Where commas do not separate, those in numbers become points.
        """
        for row in csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=True):
            cells = row[1:] if self.index else row
            yield cells if self.delimiter == "," else [_with_point(cell) for cell in cells]


def dialect_of(lines: Sequence[str]) -> Dialect:
    """Return the dialect of a table by its first lines."""
    first, delimiter = 1, ""
    if lines and (match := re.fullmatch(r"sep=(.)", lines[0].strip("\ufeff \"'"), re.IGNORECASE)):
        first, delimiter = 2, match[1]
    header = lines[first - 1] if len(lines) >= first else ""
    bare = re.sub(r'"[^"]*"', "", header)
    delimiter = delimiter or (" " if _BLANKS.fullmatch(bare) and '"' in header else max(",;\t", key=bare.count))
    below = lines[first] if len(lines) > first else ""
    unnamed = _count(below, delimiter) == _count(header, delimiter) + 1 and '"' in below
    index = len(header) > 1 and (header.startswith(('""' + delimiter, delimiter)) or unnamed)
    return Dialect(delimiter, first, index)


def _count(line: str, delimiter: str) -> int:
    return re.sub(r'"[^"]*"', "", line).count(delimiter)


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _NUMBER_WITH_COMMA.match(cell) else cell


def plain_lines(path: Path) -> tuple[list[str], int]:
    """Return the lines of a text file as ``<name>,<values>``, whatever its dialect, and the number of the first one.

    Raises DataError naming file and line for what is no CSV.
    """
    return plain(lines_of(read_text(path)), path)


def plain(lines: list[str], where: object) -> tuple[list[str], int]:
    """Return lines of any dialect of CSV as ``<name>,<values>``, and the number of the first one, from 1."""
    dialect = dialect_of(lines)
    if dialect.plain and not any('"' in line for line in lines):
        return lines, 1
    lines = lines[dialect.first - 1 :]
    found = []
    header = replace_index(dialect, lines)
    for number, line in enumerate(lines, dialect.first):
        own = header if number == dialect.first else dialect
        try:
            found.append(",".join(next(own.cells(iter([line])), [])))
        except csv.Error as error:
            raise DataError(f"{where}:{number}: not readable as CSV ({error})") from error
    return found, dialect.first


def replace_index(dialect: Dialect, lines: Sequence[str]) -> Dialect:
    """Return the dialect of the header alone: R's ``write.table`` leaves the row numbers without any name in it."""
    header = lines[0] if lines else ""
    named = dialect.index and not header.startswith(('""', dialect.delimiter))
    return Dialect(dialect.delimiter, dialect.first, dialect.index and not named)


@dataclass(frozen=True)
class TextTable:
    """A CSV file with a header: its cells, and the line in which each row begins."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def where(self, row: int) -> str:
        """Return file and line of a row, counted from 0."""
        return f"{self.path}:{self.lines[row]}"


def read_table(path: Path, text: str | None = None) -> TextTable:
    """Return the table in a CSV file of any dialect. Raises DataError naming file and line for what is none.

    Commas, semicolons (with decimal commas) or tabs; quotes as in RFC 4180; a line ``sep=``; R's and pandas' row
    numbers are passed over.
    """
    text = read_text(path) if text is None else text
    lines = lines_of(text)
    dialect = dialect_of(lines)
    body = "\n".join(lines[dialect.first - 1 :])
    head = next(replace_index(dialect, lines[dialect.first - 1 :]).cells(iter([body.partition("\n")[0]])), [])
    rows, starts = [], []
    # csv wants whole lines, line feeds included, to put together cells that hold some
    counted = _Counting(StringIO(body))
    start = 1
    try:
        for cells in dialect.cells(iter(counted)):
            if start > 1:
                rows.append([cell.strip() for cell in cells])
                starts.append(start + dialect.first - 1)
                if len(cells) != len(head):
                    what = f"expected {len(head)} columns, found {len(cells)}"
                    raise DataError(f"{path}:{starts[-1]}: {what} in {lines[starts[-1] - 1].strip()[:60]!r}")
            start = counted.number + 1
    except csv.Error as error:
        raise DataError(f"{path}:{start + dialect.first - 1}: not readable as CSV ({error})") from error
    return TextTable(path, [name.strip() for name in head], rows, starts)


class _Counting:
    """Lines, counted as they are taken."""

    def __init__(self, lines: StringIO) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            yield line


def nearest(name: str, known: Sequence[str]) -> str:
    """Return ``; did you mean '...'?`` with the known name nearest to one, or nothing."""
    near = nearest_names(name, known)
    return f"; did you mean '{near[0]}'?" if near else ""


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that are nearest to one, the nearest first; capitals do not matter."""
    from difflib import get_close_matches

    spelt: dict[str, str] = {}
    for other in known:
        spelt.setdefault(other.casefold(), other)
    return [spelt[one] for one in get_close_matches(name.casefold(), spelt, n=3)]
