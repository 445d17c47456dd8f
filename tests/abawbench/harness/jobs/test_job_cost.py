"""A run times the clips that it scored."""

from pathlib import Path

import pytest

import abawbench
from abawbench.harness.measure import measure
from abawbench.plugins import Plugins


@pytest.mark.slow
def test_the_answers_under_the_clock_are_those_that_were_scored(
    toys: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "peak_memory", lambda network, *example, seconds=None: None)
    monkeypatch.setattr(measure, "perf_counter", lambda: 1e12)  # so that no bound cuts a slow machine short
    machine = abawbench.Machine(device="cpu", latency_seconds=0.05)
    (record,) = abawbench.run("toy", "colour", {"toy": ()}, machine=machine, out=tmp_path, plugins=toys)
    assert record.cost is not None
    latency = record.cost.latency
    assert latency is not None
    assert latency.answers_sha256
    assert latency.answers_difference is not None
    # features are kept in half precision for scoring
    assert 0 < latency.answers_difference < 0.01
