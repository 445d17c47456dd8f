"""Scoring 3 million frames with an interval of 10,000 replicates beside drawing tracks and computing everything anew.

At the official size: at most 2 s.
"""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from abawbench.contracts import LabelledTrack, Labels
from abawbench.harness.score.scoring import score
from abawbench.statistics.bootstrap import REPLICATES
from abawbench_plugins.metrics.concordance import Concordance
from abawbench_plugins.tasks import va

TRACKS, FRAMES = 594, 2_993_081


@pytest.fixture(scope="module")
def predicted(share: float) -> Any:
    """Tracks, predictions and labels of the official number of rows."""
    rng = np.random.default_rng(0)
    lengths = rng.multinomial(round(FRAMES * share) - TRACKS, np.full(TRACKS, 1 / TRACKS)) + 1
    tracks = [SimpleNamespace(id=f"{i}", subject=f"{i}") for i in range(TRACKS)]
    truths = [np.clip(rng.normal(rng.normal(0, 0.3), 0.2, (n, 2)), -1, 1) for n in lengths]
    scores = [np.clip(0.5 * truth + rng.normal(0, 0.2, truth.shape), -1, 1) for truth in truths]
    labels = [Labels(truth, rng.random(len(truth)) > 0.01) for truth in truths]
    return [LabelledTrack(*pair) for pair in zip(tracks, labels, strict=True)], scores


def ccc(x: Any, y: Any) -> Any:
    covariance = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
    return 2 * covariance / (x.var(0) + y.var(0) + (x.mean(0) - y.mean(0)) ** 2)


def recompute(predicted: Any, rng: np.random.Generator) -> float:
    """One replicate as scripts do it: draw tracks, join their frames, compute the metric."""
    tracks, scores = predicted
    drawn = rng.integers(0, len(tracks), len(tracks))
    mask = np.concatenate([tracks[i].known.mask for i in drawn])
    x = np.concatenate([scores[i] for i in drawn])[mask]
    y = np.concatenate([tracks[i].known.values for i in drawn])[mask]
    return float(ccc(x, y).mean())


@pytest.mark.slow
def test_scoring_with_an_interval(benchmark: Any, predicted: Any, full: bool) -> None:
    tracks, scores = predicted
    task = va.task()
    found, _ = benchmark.pedantic(score, args=(Concordance(task), task, tracks, scores), rounds=3 if full else 1)
    mask = np.concatenate([one.known.mask for one in tracks])
    truth = np.concatenate([one.known.values for one in tracks])[mask]
    assert found.value == pytest.approx(ccc(np.concatenate(scores)[mask], truth).mean(), abs=1e-12)
    assert found.interval.low < found.value < found.interval.high
    assert found.interval.replicates == REPLICATES
    if full:
        assert benchmark.stats is None or benchmark.stats.stats.min <= 2


@pytest.mark.slow
def test_drawing_and_computing_anew(benchmark: Any, predicted: Any, full: bool) -> None:
    """The additive interval covers what a few plain replicates give; the time of all of them is extrapolated."""
    tracks, scores = predicted
    task = va.task()
    found, _ = score(Concordance(task), task, tracks, scores)
    rng = np.random.default_rng(1)
    started = time.perf_counter()
    values = benchmark.pedantic(lambda: [recompute(predicted, rng) for _ in range(5)], rounds=1)
    each = (time.perf_counter() - started) / 5
    benchmark.extra_info.update(seconds_per_replicate=each, seconds_for_10000=each * REPLICATES)
    width = found.interval.high - found.interval.low
    assert all(found.interval.low - width < value < found.interval.high + width for value in values)
