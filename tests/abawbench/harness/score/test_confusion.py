"""Which class was taken for which."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from abawbench.contracts import LabelledTrack, Labels
from abawbench.contracts.submission import Decided
from abawbench.harness.score import scoring
from abawbench.plugins import default_plugins


def test_confusions_of_annotated_frames_add_up_over_tracks() -> None:
    plugins = default_plugins()
    task = plugins.get("task", "expr").build()
    metric = plugins.get("metric", task.metric).build(task)
    actual, decided, mask = np.array([0, 0, 1, 7, 3]), np.array([0, 1, 1, 3, 5]), np.array([1, 1, 1, 1, 0], bool)
    people: list[Any] = [SimpleNamespace(id=f"t{n}", subject=f"t{n}") for n in range(3)]
    tracks = [LabelledTrack(one, Labels(actual, mask)) for one in people]
    found, _ = scoring.score(metric, task, tracks, [Decided(decided, None)] * 3)
    assert found.confusion is not None
    assert found.confusion.classes == task.outputs
    counts = np.array(found.confusion.counts)
    assert {(int(a), int(p)): int(counts[a, p]) for a, p in np.argwhere(counts)} == {
        (0, 0): 3, (0, 1): 3, (1, 1): 3, (7, 3): 3,
    }  # fmt: skip
