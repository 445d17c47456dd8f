"""Runs of the toy world."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import abawbench
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench.records.record import Record


@pytest.fixture
def run(request: pytest.FixtureRequest, toys: Plugins, tmp_path: Path) -> Callable[..., list[Record]]:
    """Run ``toy`` on ``colour`` with the ``SETTINGS`` of the test's module, unless the call says otherwise."""
    usual = {
        "model": "toy",
        "task": "colour",
        "data": {"toy": ()},
        "settings": request.module.SETTINGS,
        "out": tmp_path / "runs",
        "progress": Progress(),  # which notes what fails
    }

    def call(*, runtime: str = "eager", precision: str = "no", **given: Any) -> list[Record]:
        machine = abawbench.Machine(
            device="cpu",
            precision=precision,
            runtime=runtime,
            latency_seconds=0,
            checkpoint_minutes=given.pop("checkpoint_minutes", 15.0),
        )
        return abawbench.run(**{**usual, **given}, plugins=toys, machine=machine)

    return call
