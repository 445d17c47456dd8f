"""A CSV or Parquet table whose every error names the row: columns as text, numbers or choices."""

import csv
import io
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError
from abawbench.contracts.text import Dialect, dialect_of, lines_of, name_kind, read_text, replace_index

if TYPE_CHECKING:
    import pyarrow as pa


_DISTINCT = ("image", "text")
"""Columns in which hardly two cells are the same."""
_STEP = 1 << 16


@dataclass
class Rows:
    """The rows of a table. An empty cell is one without anything but blanks, or a null."""

    path: Path
    table: "pa.Table"
    text: "_Csv | None" = None
    """How the file is text, where it is, so that a row has a line."""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, column: str) -> bool:
        return column in self.table.column_names

    def fail(self, row: int, what: str) -> NoReturn:
        """Raise the DataError that names the file and the line (of Parquet the row, counted from 1) and says what."""
        line = self.text.line(row) if self.text else None
        where = f"{self.path}:{line}" if line else f"{self.path}, row {row + 1}"
        raise DataError(f"{where}: {what}")

    def pop_text(self, column: str) -> "pa.Array":
        """Return a column as strings without blanks around them, null where empty; it is no column any more then."""
        import pyarrow as pa

        chunks = [_trim(chunk) for chunk in self._strings(column).chunks]
        self.table = self.table.drop_columns([column])
        return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())

    def encode_texts(self, column: str) -> tuple[NDArray[np.int64], list[str]]:
        """Return for each row the number of its text, -1 where empty, and the distinct texts."""
        import pyarrow as pa

        values = self.table[column]
        if not pa.types.is_dictionary(values.type):
            values = self._strings(column).dictionary_encode()
        elif values.type.value_type != pa.string():
            values = values.cast(pa.dictionary(pa.int32(), pa.string()))
        encoded = values.unify_dictionaries().combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], values.type)
        distinct = _trim(encoded.dictionary).dictionary_encode()
        numbers = np.append(distinct.indices.fill_null(-1).to_numpy(), -1)
        codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
        return numbers[codes].astype(np.int64), distinct.dictionary.to_pylist()

    def numbers(self, column: str, low: float, high: float, expected: str, whole: bool = False) -> NDArray[np.float64]:
        """Return a column as numbers, NaN where empty. Raises DataError for one that is none, or out of range."""
        import pyarrow as pa

        kind = self.table[column].type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            cells = self.table[column].cast(pa.float64(), safe=False).fill_null(np.nan)
            values = np.asarray(cells.combine_chunks(), dtype=np.float64)
            # tables made by pandas hold NaN where nothing is; in a text it was written by somebody
            given, texts = ~np.isnan(values), None
        else:
            codes, texts = self.encode_texts(column)
            points = texts if self.text is None else [self.text.dialect.number(text) for text in texts]
            # R and pandas write NA where nothing is
            there = np.array([*(text != "NA" for text in texts), False])
            values, given = np.append(_parse_numbers(points), np.nan)[codes], there[codes]
        bad = given & ~((values >= low) & (values <= high) & ((values == np.rint(values)) | (not whole)))
        if bad.any():
            row = int(np.argmax(bad))
            found = str(self.table[column][row].as_py()) if texts is None else texts[codes[row]]
            comma = "; write a decimal point, or separate the cells by semicolons" if "," in found else ""
            self.fail(row, f"'{column}' must be {expected} or empty, not {show(found)}{comma or _code(found)}")
        return values

    def _strings(self, column: str) -> "pa.ChunkedArray":
        import pyarrow as pa

        values = self.table[column]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        try:
            return values.cast(pa.string())
        except pa.ArrowException:
            raise DataError(f"{self.path}: column '{column}' holds {values.type}, expected text or numbers") from None

    def _absent(self, column: str) -> frozenset[str]:
        """Return the texts that stand for nothing: R and pandas write NA, and tables of numbers hold NaN."""
        import pyarrow as pa

        kind = self.table[column].type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        return frozenset({"NA", "nan"} if pa.types.is_floating(kind) else {"NA"})

    def choices(self, column: str, names: Sequence[str]) -> NDArray[np.int64]:
        """Return for each row the number of its name, written so or as that number, -1 where empty."""
        absent = self._absent(column)
        codes, texts = self.encode_texts(column)
        known = {_key(name): number for number, name in enumerate(names)}
        known |= {str(number): number for number in range(len(names))}
        found = [-1 if text in absent else known.get(_key(text.removesuffix(".0")), -2) for text in texts]
        if -2 in found:
            wrong = found.index(-2)
            near = get_close_matches(texts[wrong], names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            expected = f"0 to {len(names) - 1}, one of {', '.join(names)}, or empty"
            self.fail(
                int(np.argmax(codes == wrong)),
                f"'{column}' must be {expected}, not {show(texts[wrong])}{hint or _code(texts[wrong])}",
            )
        return np.array([*found, -1], dtype=np.int64)[codes]


def _code(cell: str) -> str:
    """Return a hint for the codes by which ABAW's own files say that nothing is annotated."""
    return "; ABAW's code for no label is an empty cell here" if cell in ("-5", "-1", "-5.0", "-1.0") else ""


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
        table.validate(full=True)  # a damaged file may hold text that is none, in cells or in names
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({_first_line(error)})") from error
    return Rows(path, table)


@dataclass(frozen=True)
class _Csv:
    """A text file of rows: UTF-8 as it lies there, or in memory where it is written otherwise."""

    path: Path
    dialect: Dialect
    header: list[str]
    memory: bytes | None = None

    @classmethod
    def of(cls, path: Path) -> "_Csv":
        """Return how a file is written. Raises DataError for what is no text, or has no header and row."""
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path}: not a regular file; give a table")
        with path.open("rb") as file:
            head = file.read(_STEP)
        memory = None
        if head.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\r" in head and b"\n" not in head) or name_kind(head):
            memory = read_text(path).encode()
            head = memory[:_STEP]
        lines = lines_of(head.decode("utf-8-sig", "replace").replace("\r\n", "\n"))
        if lines and len(head) == _STEP:
            lines.pop()  # cut in the middle
        dialect = dialect_of(lines)
        row = lines[dialect.first - 1 : dialect.first]
        try:
            cells = next(Dialect(dialect.delimiter).cells(iter(row)), [])
        except csv.Error as error:
            raise DataError(f"{path}:{dialect.first}: the header is not readable ({error})") from error
        bad = next((n for n, line in enumerate(row, dialect.first) if "\ufffd" in line), None)
        if bad:
            raise DataError(f"{path}:{bad}: the header is not UTF-8 text; save the manifest as UTF-8")
        if dialect.index and replace_index(dialect, row).index is False:
            cells = ["", *cells]  # R names no row numbers in the header
        return cls(path, dialect, [name.strip() for name in cells], memory)

    def open(self) -> BinaryIO:
        """Return the bytes of the file."""
        return self.path.open("rb") if self.memory is None else io.BytesIO(self.memory)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line, from 1, on which each row begins, and its cells, the header first. Raises csv.Error."""
        with self.open() as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline=None)
            for _ in range(self.dialect.first - 1):
                next(text, None)
            reader = csv.reader(text, delimiter=self.dialect.delimiter, strict=True)
            line = self.dialect.first
            for cells in reader:
                yield line, cells
                line = reader.line_num + self.dialect.first

    def line(self, row: int) -> int | None:
        """Return the line, from 1, on which a row begins; cells may hold line breaks."""
        with suppress(csv.Error, UnicodeDecodeError):
            return next((line for n, (line, _) in enumerate(self.rows()) if n == row + 1), None)
        return None

    def describe_malformed(self, error: Exception) -> DataError:
        """Return the error of a file that is no table, naming the first row of another width or the one left open."""
        with self.open() as lines:
            for number, content in enumerate(lines, start=1):
                try:
                    content.decode("utf-8")
                except UnicodeDecodeError:
                    return DataError(f"{self.path}:{number}: not UTF-8 text; save the manifest as UTF-8")
        line, width = self.dialect.first, len(self.header)
        try:
            for line, row in self.rows():
                if len(row) != width and (row or width > 1) and line > self.dialect.first:
                    what = f"expected {width} cells as in the header, found {len(row)}"
                    comma = self.dialect.delimiter == "," and len(row) > width
                    quotes = "; a cell with commas needs quotes, and decimal commas semicolons between the cells"
                    return DataError(f"{self.path}:{line}: {what}{quotes if comma else ''}")
                line += 1 + sum(cell.count("\n") for cell in row)
        except csv.Error as problem:
            return DataError(f"{self.path}:{line}: not readable as CSV ({problem})")
        return DataError(f"{self.path}: not readable as CSV ({_first_line(error)})")


class _Text(io.RawIOBase):
    """A text file up to its last row: without a byte order mark, and without blank lines at its end."""

    def __init__(self, source: _Csv) -> None:
        self._file = source.open()
        self._left = _end(self._file)
        self._file.seek(3 if self._file.read(3) == b"\xef\xbb\xbf" else 0)
        self._left -= self._file.tell()
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), max(self._left, 0)))
        self._left -= len(data)
        self.quotes += data.count(b'"')
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _end(file: BinaryIO) -> int:
    """Return where the last byte of a file that is no blank ends."""
    end = file.seek(0, io.SEEK_END)
    while end:
        start = max(end - _STEP, 0)
        file.seek(start)
        kept = file.read(end - start).rstrip()
        if kept:
            end = start + len(kept)
            break
        end = start
    file.seek(0)
    return end


def _read_csv(path: Path) -> Rows:
    """Return the rows of a CSV file, read block by block: each text that stands in several cells is kept once."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        source = _Csv.of(path)
        names, first = source.header, source.dialect.first
        with _Text(source) as file:
            lines = io.BufferedReader(file)
            if not all(lines.readline().endswith(b"\n") for _ in range(first)):
                raise DataError(f"{path}: has no row; write one for each frame")
        often = pa.dictionary(pa.int32(), pa.string())
        with _Text(source) as file:
            batches = arrow.open_csv(
                file,
                # a row longer than a block is an error
                read_options=arrow.ReadOptions(
                    column_names=names, skip_rows=first - 1, skip_rows_after_names=1, block_size=1 << 24
                ),
                parse_options=arrow.ParseOptions(
                    delimiter=source.dialect.delimiter, newlines_in_values=True, ignore_empty_lines=False
                ),
                convert_options=arrow.ConvertOptions(
                    column_types={name: pa.string() if name in _DISTINCT else often for name in names},
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
            table = batches.read_all()
            pa.default_memory_pool().release_unused()
            if file.quotes % 2:
                # pyarrow takes everything behind a quote that is never closed for one cell
                raise source.describe_malformed(ValueError("a quote is not closed"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except pa.ArrowException as error:
        raise source.describe_malformed(error) from error
    if source.dialect.index:
        table = table.remove_column(0)
    return Rows(path, table, source)


def _trim(texts: "pa.Array") -> "pa.Array":
    """Return texts without blanks around them, null where nothing is left; the same array where nothing changes."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(texts)
    blank = pc.equal(trimmed, "")
    return texts if trimmed.equals(texts) and not pc.any(blank).as_py() else pc.if_else(blank, None, trimmed)


def _parse_numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return texts as numbers, NaN for one that is none."""
    import pyarrow as pa

    try:
        return np.asarray(pa.array(texts, pa.string()).cast(pa.float64()), dtype=np.float64)
    except pa.ArrowException:
        pass
    if len(texts) == 1:
        return np.array([np.nan])
    middle = len(texts) // 2
    return np.concatenate([_parse_numbers(texts[:middle]), _parse_numbers(texts[middle:])])


def _key(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
