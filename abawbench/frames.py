"""Runs as a table of pyarrow, ready for pandas and polars."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from abawbench.compare.sides import Run
from abawbench.contracts.errors import UsageError
from abawbench.plugins import Plugins, default_plugins
from abawbench.records.store import find, find_failed
from abawbench.report.rows import Row, part_rows, result_row, track_rows

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Literal["results", "parts", "tracks"]
_TEXT = "model system task database split job status reason metric marks weights pretrained_on runtime device finished"
_TEXT += " part track subject folder macs_missed latency_state caveats"
_WHOLE = "edition seed scored_tracks annotated_frames frames_without_image parameters threads peak_memory_bytes"
_YES_OR_NO = "synthetic higher_is_better ranked latency_valid sealed"


def read(runs: str | Path, rows: Rows = "results", *, plugins: Plugins | None = None) -> "pa.Table":
    """Return the runs at or below a folder as a table: ``.to_pandas()`` or ``polars.from_arrow(...)`` takes it over.

    ``rows`` says what a row is: one of ``results``, one of the ``parts`` of a metric (a class, unit or dimension), or
    one of the scored ``tracks`` with the metric on it alone. Columns are those of ``abawbench report --csv``, with
    ``folder``, the run's own; units stand in their names; what is unknown is null. A run that gave no result has a row
    among the results alone.

    Raises UsageError where there is no run, and DataError for a file that cannot be read.
    """
    found = [*find(Path(runs), _refuse), *find_failed(Path(runs), _refuse)]
    if not found:
        raise UsageError(f"{runs}: no run at or below this folder; 'abawbench run --out {runs}' makes some")
    known = plugins or default_plugins()
    made: list[Row] = []
    for folder, record in found:
        if rows == "results":
            of_run = [result_row(record)]
        elif rows == "parts":
            of_run = part_rows(record)
        elif rows == "tracks":
            of_run = track_rows(Run(folder, record), known)
        else:
            raise UsageError(f"unknown rows '{rows}'; use results, parts or tracks")
        made += [{**row, "folder": str(folder if folder.is_dir() else folder.parent)} for row in of_run]
    return _table(made)


def _table(rows: list[Row]) -> "pa.Table":
    import pyarrow as pa

    kinds: dict[str, Any] = {name: pa.string() for name in _TEXT.split()}
    kinds |= {name: pa.int64() for name in _WHOLE.split()} | {name: pa.bool_() for name in _YES_OR_NO.split()}
    names = list(rows[0]) if rows else []
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, kinds.get(name, pa.float64())) for name in names]))


def _refuse(error: Exception) -> None:
    raise error
