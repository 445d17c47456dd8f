"""How many independent frames a score rests on."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from abawbench.contracts import LabelledTrack, Labels
from abawbench.harness.score import scoring
from abawbench_plugins.metrics.concordance import Concordance
from abawbench_plugins.tasks import va


def effect(copies: int) -> float:
    """The design effect of 300 tracks of 20 frames, of which ``copies`` in a row are the same."""
    random = np.random.default_rng(0)
    truths = [np.repeat(random.uniform(-0.5, 0.5, (20 // copies, 2)), copies, axis=0) for _ in range(300)]
    scores = [
        np.clip(truth + np.repeat(0.2 * random.normal(size=(20 // copies, 2)), copies, axis=0), -1, 1)
        for truth in truths
    ]
    people: list[Any] = [SimpleNamespace(id=f"t{n}", subject=f"t{n}") for n in range(300)]
    labels = [Labels(truth, np.arange(20) != 19) for truth in truths]
    task = va.task()
    found, _ = scoring.score(Concordance(task), task, list(map(LabelledTrack, people, labels)), scores)
    assert found.effective_frames == pytest.approx(300 * 19 / found.design_effect)
    return float(found.design_effect or 0)


@pytest.mark.parametrize(("copies", "expected"), [(1, 1), (4, 4), (20, 20)])
def test_frames_that_repeat_one_another_count_once(copies: int, expected: float) -> None:
    assert effect(copies) == pytest.approx(expected, rel=0.35)


def test_a_sample_of_the_frames_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "SAMPLE", 2_000)
    assert effect(4) == pytest.approx(4, rel=0.35)
