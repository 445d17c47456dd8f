"""The additive statistics of every scored track as a Parquet file: what a comparison needs, without the data.

Columns: ``track`` and ``subject`` (string) and ``statistics`` (a list of S float64, in the metric's order).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from abawbench.contracts.errors import DataError
from abawbench.contracts.metric import Statistics
from abawbench.system.files import replace_file

COLUMNS = ("track", "subject", "statistics")


@dataclass(frozen=True)
class TrackStatistics:
    """The statistics [tracks, S] of one run, with the id and the subject of each track."""

    tracks: tuple[str, ...]
    subjects: tuple[str, ...]
    values: Statistics

    def in_order_of(self, tracks: Sequence[str]) -> Statistics:
        """Return the statistics in another order of the same tracks."""
        place = {track: n for n, track in enumerate(self.tracks)}
        return self.values[[place[track] for track in tracks]]


def write_statistics(path: Path, statistics: TrackStatistics) -> None:
    """Write the statistics of tracks; the same ones give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = np.ascontiguousarray(statistics.values, dtype=np.float64)
    rows = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    names = [pa.array(column, pa.string()) for column in (statistics.tracks, statistics.subjects)]
    with replace_file(path) as temporary:
        pq.write_table(pa.table([*names, rows], names=COLUMNS), temporary, compression="zstd", write_statistics=False)


def read_statistics(path: Path) -> TrackStatistics:
    """Return the statistics in a Parquet file. Raises DataError naming the file and the column that is wrong."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error})") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(f"{path}: no column {missing[0]}; this is not a file of track statistics")
    try:
        tracks, subjects = (table[name].cast(pa.string()).to_pylist() for name in COLUMNS[:2])
        values = np.array(table["statistics"].to_pylist(), dtype=np.float64)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DataError(f"{path}: column statistics must hold one list of numbers per track ({error})") from error
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise DataError(f"{path}: column statistics must hold equally many finite numbers for each track")
    if None in tracks or None in subjects or len(set(tracks)) < len(tracks):
        raise DataError(f"{path}: column track must name every track once, and subject someone")
    return TrackStatistics(tuple(tracks), tuple(subjects), values)
