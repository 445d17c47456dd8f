"""A pytest fixture for plugin authors: run a model on the tiny synthetic task and assert on the record."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from abawbench.records.record import Record


@pytest.fixture
def abawbench_run(tmp_path: Path) -> "Callable[..., Record]":
    """Return ``run(model, task, **settings) -> Record`` on the tiny synthetic database.

    Settings override the model's recipe; ``run_options`` goes to ``abawbench.run``. A run that gives no result fails
    the test with its reason. Nothing is timed unless ``run_options`` says so. Example::

        def test_my_model_learns(abawbench_run):
            record = abawbench_run("my-model", "expr", epochs=5)
            assert record.score.value > record.floor.value
    """

    def run(model: str, task: str, *, run_options: dict[str, Any] | None = None, **settings: Any) -> "Record":
        from abawbench import api
        from abawbench.harness.request.databases import Sources
        from abawbench.harness.request.jobs import Machine

        options: dict[str, Any] = {
            "data": Sources({"synthetic": ()}, "tiny"),
            "machine": Machine(device="cpu", latency_seconds=0),
            "out": tmp_path / "runs",
        }
        records = api.run(model, task, settings=settings, **options | (run_options or {}))
        assert len(records) == 1, f"one model on one task gives one record, not {len(records)}"
        if records[0].status != "ok":
            pytest.fail(f"{model} on {task}: {records[0].status}: {records[0].reason}", pytrace=False)
        return records[0]

    return run
