"""A network that predicts in parts gives the bits of one that predicts as a whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abawbench import api
from abawbench.harness.request.databases import Databases, Sources
from abawbench.harness.request.jobs import Machine
from abawbench.harness.stored.load import find_run
from abawbench.harness.stored.parts import Spread
from abawbench.harness.stored.submit import SubmitRequest, predict_tracks
from abawbench.plugins import default_plugins
from abawbench.progress import Progress

TINY = Sources(preset="tiny")


@pytest.mark.slow
@pytest.mark.parametrize("task", ["va", "expr"])
def test_parts_have_the_bits_of_the_whole(task: str, tmp_path: Path) -> None:
    machine = Machine(device="cpu", latency_seconds=0)
    settings = {"epochs": 1, "size": 32, "batch": 3}
    api.run("mnv4-tam-1", task, TINY, settings=settings, machine=machine, out=tmp_path).raise_for_status()
    run = find_run(tmp_path, default_plugins())
    databases = Databases(default_plugins(), TINY, Progress()).under(run.protocol.assumptions)
    _, database = databases.for_split(run.task, "val")
    tracks = [one.track for one in database.tracks(run.task.label, "val")]
    calls = list[tuple[Any, ...]]()

    def do(work: Any, given: Any) -> list[Any]:
        calls.extend(given)
        return [work(*one) for one in given]

    spread = Spread(parts=4, do=do, sources=TINY)
    whole = predict_tracks(run, tracks, databases, SubmitRequest(split="val", device="cpu"), Progress())
    parts = predict_tracks(run, tracks, databases, SubmitRequest(split="val", device="cpu", spread=spread), Progress())
    assert len(calls) == 4
    assert parts[1] == whole[1]
    for one, other in zip(parts[0], whole[0], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
