"""The official prediction file of violence detection: an archive with a table per video."""

import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import BadRow, DataError, Decided, Sheet, Submission, Task, Template
from abawbench.contracts.submission import number_classes, split_rows
from abawbench.contracts.text import decode_text, lines_of, plain, plain_lines

HEADERS = ("Frame_Number,Label", "Frame_Num,Label")
"""Of ABAW10 and of the templates of ABAW9."""
LARGEST = 2**26
"""Bytes an archive may unpack to: eight million rows, several times what DVD has."""
_DATE = (1980, 1, 1, 0, 0, 0)


def videos(task: Task) -> Submission:
    """Return the form of VD: a zip of one ``<video>.csv`` per video, ``Frame_Number,Label`` and a row per frame from 1.

    Source: abaw-protocols, section 7 (SINGLE).
    """
    return ArchiveSubmission(task)


class ArchiveSubmission(Submission):
    """A zip of tables; its names are those of the frames, ``<video>/%05d.jpg`` from 1.

    ``Task.options`` says from which number the tables count (``first_frame``), and the label of a violent frame.
    """

    is_text = False

    @property
    def _before(self) -> int:
        """What to add to a number in a table for the number in the name."""
        return 1 - int(self.task.options.get("first_frame", 1))

    def decode(self, values: NDArray[np.float64]) -> Decided:
        """Return the classes that labels [N, 1] stand for; see ``Submission.decode``."""
        found = super().decode(values)
        return found if self.task.options.get("violent", 1) else Decided(1 - found.decisions)

    def encode(self, predicted: Decided) -> Iterator[str]:
        """Yield the label of each prediction."""
        plain = self.task.options.get("violent", 1)
        yield from super().encode(predicted if plain else Decided(1 - predicted.decisions))

    def read(self, path: Path) -> Sheet:
        """Return what the tables say. Raises DataError naming archive, table and line."""
        names: list[str] = []
        places: list[str] = []
        found = []
        for member, video, _, rows in _tables(path):
            try:
                numbers, values = split_rows(number_classes(rows, self.task), self.widths)
                names += [f"{video}/{_frame(row, number, self._before)}.jpg" for row, number in enumerate(numbers)]
                found.append(self.decode(values).decisions)
            except BadRow as error:
                raise DataError(f"{path}:{member}:{error.row + 2}: {error.what}") from error
            places += [f"{path}:{member}:{row + 2}" for row in range(len(rows))]
        return Sheet(names, Decided(np.concatenate(found)), places.__getitem__)

    def template(self, path: Path) -> Template:
        """Return the frames in the tables of an archive, and their header."""
        names: list[str] = []
        first = HEADERS[0]
        for member, video, header, rows in _tables(path):
            first = header
            try:
                numbers = [text.partition(",")[0].strip() for text in rows]
                names += [f"{video}/{_frame(row, text, self._before)}.jpg" for row, text in enumerate(numbers)]
            except BadRow as error:
                raise DataError(f"{path}:{member}:{error.row + 2}: {error.what}") from error
        if not names or len(set(names)) < len(names):
            raise DataError(f"{path}: the template names no frame, or one of them twice; take the official one")
        return Template(names, first)

    def write(self, path: Path, template: Template, predicted: Decided) -> None:
        """Write a table per video of the template; the same predictions give the same bytes."""
        rows = zip(template.names, self.encode(predicted), strict=True)
        with ZipFile(path, "w") as archive:
            for video, frames in groupby(rows, key=lambda row: row[0].rpartition("/")[0]):
                lines = [f"{int(PurePosixPath(name).stem) - self._before},{label}\n" for name, label in frames]
                content = f"{template.header or HEADERS[0]}\n{''.join(lines)}"
                archive.writestr(ZipInfo(f"{video}.csv", _DATE), content, compress_type=ZIP_DEFLATED)


def _tables(path: Path) -> Iterator[tuple[str, str, str, Sequence[str]]]:
    """Yield (name in the archive, video, header, rows) of each table, of an archive or of a folder of templates.

    Raises DataError for what is neither.
    """
    if path.is_dir():
        for file in sorted(path.glob("*.csv")):
            yield _table(path, file.name, plain_lines(file)[0])
        return
    try:
        with ZipFile(path) as archive:
            members = [info for info in archive.infolist() if _is_table(info)]
            if not members or sum(info.file_size for info in members) > LARGEST:
                raise DataError(f"{path}: expected <video>.csv files of at most {LARGEST // 2**20} MiB in all")
            for info in members:
                yield _table(path, info.filename, _unpack(archive, info, path))
    except (OSError, BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise DataError(f"{path}: not a readable zip of <video>.csv files ({error})") from error


def _unpack(archive: ZipFile, info: ZipInfo, path: Path) -> list[str]:
    where = f"{path}:{info.filename}"
    return plain(lines_of(decode_text(archive.read(info), where)), where)[0]


def _table(path: Path, name: str, lines: Sequence[str]) -> tuple[str, str, str, Sequence[str]]:
    header = lines[0].strip() if lines else ""
    if header.casefold() not in [known.casefold() for known in HEADERS]:
        raise DataError(f"{path}:{name}:1: expected the header {HEADERS[0]}; found {header[:60]!r}")
    return name, PurePosixPath(name).stem, header, lines[1:]


def _is_table(info: ZipInfo) -> bool:
    name = PurePosixPath(info.filename)
    return name.suffix.lower() == ".csv" and not name.name.startswith(".") and "__MACOSX" not in name.parts


def _frame(row: int, text: str, before: int) -> str:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRow(row, f"{text[:40]!r} is no frame number; frames are counted from {1 - before}")
    return f"{int(text) + before:05d}"
