"""A run times the clips that it scored."""

from pathlib import Path

import pytest

from abawbench import api
from abawbench.harness.measure import cost
from abawbench.plugins import Plugins


def test_the_answers_under_the_clock_are_those_that_were_scored(
    toys: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "peak_memory", lambda network, *example: None)
    (record,) = api.run("toy", "colour", plugins=toys, out=tmp_path, latency_seconds=0.05, data={"toy": ()})
    assert record.cost is not None
    latency = record.cost.latency
    assert latency is not None
    assert latency.answers_sha256
    assert latency.answers_difference is not None
    # features are kept in half precision for scoring
    assert 0 < latency.answers_difference < 0.01
