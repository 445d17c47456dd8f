"""The statistics of tracks come back bit for bit, and foreign files are refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from abawbench.contracts.errors import DataError
from abawbench.records import store
from abawbench.records.track_statistics import TrackStatistics, read_statistics, write_statistics

FOUND = TrackStatistics(("b", "a"), ("s", "s"), np.array([[1.0, 0.1, 1e-300], [2.0, -0.2, 1e300]]))


def test_statistics_come_back_bit_for_bit(tmp_path: Path) -> None:
    write_statistics(tmp_path / "x.parquet", FOUND)
    back = read_statistics(tmp_path / "x.parquet")
    assert (back.tracks, back.subjects) == (FOUND.tracks, FOUND.subjects)
    np.testing.assert_array_equal(back.values, FOUND.values)
    np.testing.assert_array_equal(back.in_order_of(["a", "b"]), FOUND.values[::-1])


def write(path: Path, **columns: object) -> Path:
    whole = {"track": ["a", "b"], "subject": ["s", "s"], "statistics": [[1.0, 2.0], [3.0, 4.0]]}
    pq.write_table(pa.table({k: v for k, v in (whole | columns).items() if v is not None}), path)
    return path


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"subject": None}, "no column subject"),
        ({"track": ["a", "a"]}, "column track must name every track once"),
        ({"subject": ["s", None]} | {"track": ["a", "b"]}, "subject someone"),
        ({"statistics": [[1.0, 2.0], [3.0]]}, "column statistics"),
        ({"statistics": [[1.0, 2.0], [3.0, float("nan")]]}, "finite numbers"),
        ({"statistics": ["x", "y"]}, "column statistics"),
        ({"statistics": [1.0, 2.0]}, "equally many"),
    ],
)
def test_a_foreign_file_is_refused_by_file_and_column(
    tmp_path: Path, columns: dict[str, object], complaint: str
) -> None:
    with pytest.raises(DataError, match=rf"x\.parquet: .*{complaint}"):
        read_statistics(write(tmp_path / "x.parquet", **columns))


def test_what_is_no_parquet_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_statistics(tmp_path / "x.parquet")


def test_a_run_keeps_them_beside_its_record_and_notices_a_change(make_run: Callable[..., Path]) -> None:
    folder = make_run("run")
    assert len(store.read_run_statistics(folder, store.read(folder)).tracks) == 24
    write_statistics(folder / "statistics.parquet", FOUND)
    with pytest.raises(DataError, match=r"statistics\.parquet: not the file"):
        store.read_run_statistics(folder, store.read(folder))


def test_a_record_file_of_another_name_has_them_under_that_name(make_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_run("run")
    (folder / "result.json").rename(tmp_path / "mine.json")
    (folder / "statistics.parquet").rename(tmp_path / "mine.parquet")
    path = tmp_path / "mine.json"
    assert len(store.read_run_statistics(path, store.read(path)).tracks) == 24
