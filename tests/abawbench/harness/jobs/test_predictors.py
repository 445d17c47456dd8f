"""Models that are no torch module are fitted, predict and are scored like any other."""

from pathlib import Path
from typing import Any

import pytest

import abawbench


@pytest.mark.parametrize("model", ["constant", "prior", "random"])
def test_a_floor_runs_like_any_model_and_costs_nothing_that_could_be_measured(
    model: str, toys: Any, tmp_path: Path
) -> None:
    machine = abawbench.Machine(device="cpu")
    (record,) = abawbench.run(model, "colour", {"toy": ()}, machine=machine, out=tmp_path, plugins=toys)
    assert record.status == "ok"
    assert record.cost is None
    assert record.trained is None
    assert record.settings == {"precision": "no"}
    assert record.counts.coverage == 1
    assert record.score.value < 0.6
