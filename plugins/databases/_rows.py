"""A CSV or Parquet table whose every error names the row: columns as text, numbers or choices."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Rows:
    """The rows of a table. An empty cell is one without anything but blanks, or a null."""

    path: Path
    table: "pa.Table"
    content: bytes | None
    """The text of a CSV file, to find lines in; None for Parquet."""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, column: str) -> bool:
        return column in self.table.column_names

    def fail(self, row: int, what: str) -> NoReturn:
        """Raise the DataError that names the file and the line (of Parquet the row, counted from 1) and says what."""
        line = None if self.content is None else _line(self.content, row)
        where = f"{self.path}:{line}" if line else f"{self.path}, row {row + 1}"
        raise DataError(f"{where}: {what}")

    def text(self, column: str) -> "pa.Array":
        """Return a column as strings without blanks around them, null where empty."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = self.table[column]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        try:
            values = values.cast(pa.string())
        except pa.ArrowException:
            raise DataError(f"{self.path}: column '{column}' holds {values.type}, expected text or numbers") from None
        trimmed = pc.utf8_trim_whitespace(values)
        joined = pc.if_else(pc.equal(trimmed, ""), None, trimmed).combine_chunks()
        return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)

    def coded(self, column: str) -> tuple[NDArray[np.int64], list[str]]:
        """Return for each row the number of its text, -1 where empty, and the distinct texts."""
        encoded = self.text(column).dictionary_encode()
        return encoded.indices.fill_null(-1).to_numpy().astype(np.int64), encoded.dictionary.to_pylist()

    def numbers(self, column: str, low: float, high: float, expected: str, whole: bool = False) -> NDArray[np.float64]:
        """Return a column as numbers, NaN where empty. Raises DataError for one that is none, or out of range."""
        import pyarrow as pa

        kind = self.table[column].type
        plain = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        cells = self.table[column].combine_chunks() if plain else self.text(column)
        try:
            values = np.asarray(cells.cast(pa.float64(), safe=False).fill_null(np.nan), dtype=np.float64)
            # tables made by pandas hold NaN where nothing is; in a text it was written by somebody
            given = ~np.isnan(values) if plain else np.asarray(cells.is_valid(), dtype=np.bool_)
            bad = given & ~((values >= low) & (values <= high) & ((values == np.rint(values)) | (not whole)))
        except pa.ArrowException:
            bad = np.arange(len(cells)) == _first_failing(cells)
        if bad.any():
            row = int(np.argmax(bad))
            self.fail(row, f"'{column}' must be {expected} or empty, not {show(str(cells[row].as_py()))}")
        return values

    def choices(self, column: str, names: Sequence[str]) -> NDArray[np.int64]:
        """Return for each row the number of its name, written so or as that number, -1 where empty."""
        codes, texts = self.coded(column)
        known = {_key(name): number for number, name in enumerate(names)}
        known |= {str(number): number for number in range(len(names))}
        found = [known.get(_key(text.removesuffix(".0")), -1) for text in texts]
        if -1 in found:
            wrong = found.index(-1)
            near = get_close_matches(texts[wrong], names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            expected = f"0 to {len(names) - 1}, one of {', '.join(names)}, or empty"
            self.fail(int(np.argmax(codes == wrong)), f"'{column}' must be {expected}, not {show(texts[wrong])}{hint}")
        return np.array([*found, -1], dtype=np.int64)[codes]


def show(cell: str) -> str:
    """Return a cell as a message quotes it, short and on one line."""
    return repr(cell if len(cell) <= 40 else f"{cell[:40]}…")


def read_rows(path: Path) -> Rows:
    """Return the rows of a ``.csv`` or ``.parquet`` file. Raises DataError naming the file, and the line of a CSV."""
    return _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)


def _read_parquet(path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file ({_first_line(error)})") from error
    return Rows(path, table, None)


def _read_csv(path: Path) -> Rows:
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        content = path.read_bytes().rstrip().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    end = content.find(b"\n")
    names = _header(path, content[: end if end >= 0 else None])
    if end < 0:
        raise DataError(f"{path}: has no row; write one for each frame")
    if content.count(b'"') % 2:
        # pyarrow would take everything behind a quote that is never closed for one cell
        raise _malformed(path, content, len(names), ValueError("a quote is not closed"))
    try:
        table = arrow.read_csv(
            pa.BufferReader(content),
            # a row longer than a block is an error
            read_options=arrow.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=1 << 24),
            parse_options=arrow.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=arrow.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowException as error:
        raise _malformed(path, content, len(names), error) from error
    return Rows(path, table, content)


def _header(path: Path, line: bytes) -> list[str]:
    try:
        names = next(csv.reader([line.decode("utf-8")]), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}:1: the header is not readable ({error})") from error
    return [name.strip() for name in names]


def _malformed(path: Path, content: bytes, width: int, error: Exception) -> DataError:
    """Return the error of a file that is no table, naming the first row of another width or the one left open."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        return DataError(f"{path}:{line}: not UTF-8 text; save the manifest as UTF-8")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for row in reader:
            if len(row) != width and (row or width > 1):
                return DataError(f"{path}:{line}: expected {width} cells as in the header, found {len(row)}")
            line = reader.line_num + 1
    except csv.Error as problem:
        return DataError(f"{path}:{line}: not readable as CSV ({problem})")
    return DataError(f"{path}: not readable as CSV ({_first_line(error)})")


def _line(content: bytes, row: int) -> int | None:
    """Return the line, from 1, on which a row begins; cells may hold line breaks."""
    reader = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    try:
        # the header comes first
        for _ in range(row + 1):
            next(reader)
    except (csv.Error, StopIteration):
        return None
    return reader.line_num + 1


def _first_failing(cells: "pa.Array") -> int:
    """Return the first row whose text is no number, given that there is one."""
    import pyarrow as pa

    start, stop = 0, len(cells)
    while stop - start > 1:
        middle = (start + stop) // 2
        try:
            cells.slice(start, middle - start).cast(pa.float64())
            start = middle
        except pa.ArrowException:
            stop = middle
    return start


def _key(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
