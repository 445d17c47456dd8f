"""A disk that fills up while a run writes; ``tests/simulations/full_disk.py`` does the same with a real small disk."""

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from safetensors import SafetensorError

from abawbench.harness.jobs.failures import is_disk_full
from abawbench.records import store

pytestmark = pytest.mark.slow

SETTINGS = {"epochs": 2, "lr": 0.05, "schedule": "constant"}
WRITERS = {
    "embed": "safetensors.torch.save_file",
    "predictions": "abawbench.records.store.write_predictions",
    "statistics": "abawbench.records.store.write_statistics",
    "record": "abawbench.records.record.Record.to_json",
}
"""What is being written -> who writes it."""


def full(*args: Any, **kwargs: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_clear_error_and_costs_nothing_that_was_there(
    run, writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if writer != "embed":
        run(seed=0)
    before = files(tmp_path / "runs")
    with monkeypatch.context() as disk:
        disk.setattr(WRITERS[writer], full)
        (record,) = run(seed=1)
    assert record.status == "failed"
    assert "no space is left on the disk" in record.reason
    assert "run again: what is finished is read back" in record.reason
    assert record.blamed is None
    now = files(tmp_path)
    assert all(now[f"runs/{path}"] == content for path, content in before.items())
    assert not [path for path in now if path.endswith(".tmp")]
    resumed = run(seed=[0, 1])
    assert [record.status for record in resumed] == ["ok", "ok"]
    undisturbed = run(seed=1, out=tmp_path / "other")
    assert [record.predictions for record in undisturbed] == [resumed[1].predictions]


def test_forcing_a_job_onto_a_full_disk_keeps_its_result(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = run()
    with monkeypatch.context() as disk:
        disk.setattr(WRITERS["statistics"], full)
        assert run(force=True)[0].status == "failed"
    (folder,) = (tmp_path / "runs").glob("*/*/*")
    assert store.read(folder) == first
    assert run() == [first]


def test_no_further_job_is_begun_while_the_disk_stays_full(run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(WRITERS["predictions"], full)
        disk.setattr("abawbench.harness.jobs.run.shutil.disk_usage", lambda folder: _Empty)
        one, *rest = run(seed=[0, 1, 2])
    assert one.status == "failed"
    assert [record.status for record in rest] == ["skipped", "skipped"]
    assert "the disk of --out is full" in rest[0].reason
    assert [record.blamed for record in (one, *rest)] == [None, None, None]


class _Empty:
    free = 0


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EDQUOT, "quota"),
        OSError(errno.EFBIG, "limit"),
        SafetensorError('Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "No space" })'),
        RuntimeError("[enforce fail] write failed: No space left on device"),
    ],
    ids=["quota", "file size", "safetensors", "text"],
)
def test_the_many_faces_of_a_full_disk_are_known(error: Exception) -> None:
    assert is_disk_full(error)
    wrapped = ValueError("outer")
    wrapped.__cause__ = error
    assert is_disk_full(wrapped)
    assert not is_disk_full(OSError(errno.EACCES, "permission"))
