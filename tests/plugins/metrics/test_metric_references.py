"""The official values against independent implementations, on 100,000 frames with ignore codes masked."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import f1_score
from torchmetrics.regression import ConcordanceCorrCoef

N = 100_000
EXACT = 1e-12


def two_pass_ccc(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the CCC of one output by its definition: means first, then the centred products."""
    covariance = ((x - x.mean()) * (y - y.mean())).mean()
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


def columns(values: NDArray[Any], mask: NDArray[np.bool_]) -> list[NDArray[Any]]:
    return [np.ascontiguousarray(column) for column in values[mask].T]


@pytest.fixture
def pooled(tasks: Any, metrics: dict[str, Callable[..., Any]], frames: Any) -> Callable[..., Any]:
    """Return value, parts and frames of a task's random data, scored as 76 tracks and added up."""

    def score(name: str, n: int = N, metric: str | None = None, **changes: Any) -> tuple[float, Any, Any]:
        drawn = frames(tasks[name], n, seed=3, **changes)
        measure = metrics[metric or tasks[name].metric](tasks[name])
        tracks = zip(*(np.array_split(values, 76) for values in drawn), strict=True)
        total = np.stack([measure.statistics(*track) for track in tracks]).sum(axis=0)
        return float(measure.value(total)), measure.parts(total), drawn

    return score


@pytest.mark.slow
@pytest.mark.parametrize("n", [N, 3_000_000])
def test_ccc_agrees_with_two_passes(pooled: Any, n: int) -> None:
    value, parts, (prediction, target, mask) = pooled("va", n)
    expected = [two_pass_ccc(x, y) for x, y in zip(columns(prediction, mask), columns(target, mask), strict=True)]
    assert list(parts.values()) == pytest.approx(expected, rel=0, abs=EXACT)
    assert value == pytest.approx(np.mean(expected), rel=0, abs=EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("n", [N, 3_000_000])
def test_pearson_agrees_with_two_passes(pooled: Any, n: int) -> None:
    value, parts, (prediction, target, mask) = pooled("va", n, metric="pearson")
    expected = [
        stats.pearsonr(x, y).statistic for x, y in zip(columns(prediction, mask), columns(target, mask), strict=True)
    ]
    assert list(parts.values()) == pytest.approx(expected, rel=0, abs=EXACT)
    assert value == pytest.approx(np.mean(expected), rel=0, abs=EXACT)


def test_ccc_agrees_with_torchmetrics(metrics: Any, tasks: Any, frames: Any) -> None:
    prediction, target, mask = frames(tasks["va"], N)
    # Its variances are unbiased, ours are of the population; with equal means the two cancel alike.
    prediction -= prediction[mask].mean(axis=0) - target[mask].mean(axis=0)
    reference = ConcordanceCorrCoef(num_outputs=2).set_dtype(torch.float64)
    reference.update(torch.from_numpy(prediction[mask]), torch.from_numpy(target[mask]))
    metric = metrics["ccc"](tasks["va"])
    parts = metric.parts(metric.statistics(prediction, target, mask))
    assert list(parts.values()) == pytest.approx(reference.compute().tolist(), rel=0, abs=EXACT)


def test_pearson_of_emotional_mimicry_agrees_with_scipy(pooled: Any) -> None:
    value, parts, (prediction, target, mask) = pooled("emi", 4_588, masked=0)
    expected = [
        stats.pearsonr(x, y).statistic for x, y in zip(columns(prediction, mask), columns(target, mask), strict=True)
    ]
    assert list(parts.values()) == pytest.approx(expected, rel=0, abs=EXACT)
    assert value == pytest.approx(np.mean(expected), rel=0, abs=EXACT)


@pytest.mark.parametrize("name", ["expr", "ce", "ah"])
def test_multiclass_macro_f1_agrees_with_scikit_learn(pooled: Any, tasks: Any, name: str) -> None:
    value, parts, (prediction, target, mask) = pooled(name, metric="macro-f1")
    expected = f1_score(
        target[mask], prediction[mask], labels=range(len(tasks[name].outputs)), average=None, zero_division=0
    )
    assert list(parts.values()) == pytest.approx(list(expected), rel=0, abs=EXACT)
    assert value == pytest.approx(expected.mean(), rel=0, abs=EXACT)


def test_multilabel_macro_f1_agrees_with_scikit_learn(pooled: Any) -> None:
    value, parts, (prediction, target, mask) = pooled("au")
    expected = f1_score(target[mask], prediction[mask], average=None, zero_division=0)
    assert list(parts.values()) == pytest.approx(list(expected), rel=0, abs=EXACT)
    assert value == pytest.approx(expected.mean(), rel=0, abs=EXACT)


@pytest.mark.parametrize("name", ["ah", "expr"])
def test_weighted_f1_agrees_with_scikit_learn(pooled: Any, name: str) -> None:
    value, parts, (prediction, target, mask) = pooled(name, metric="weighted-f1")
    expected = {
        average: f1_score(target[mask], prediction[mask], average=average, zero_division=0)
        for average in ("weighted", "macro")
    }
    assert value == pytest.approx(expected["weighted"], rel=0, abs=EXACT)
    assert parts["macro"] == pytest.approx(expected["macro"], rel=0, abs=EXACT)


def test_weighted_f1_of_all_absent_equals_the_figure_known_from_abaw8(metrics: Any, tasks: Any) -> None:
    target = (np.arange(89_600) < 20_337).astype(int)  # the frames and positives of the ABAW8 validation set
    metric = metrics["weighted-f1"](tasks["ah"])
    statistics = metric.statistics(np.zeros_like(target), target, np.ones(len(target), dtype=bool))
    assert round(float(metric.value(statistics)), 3) == 0.674
    assert round(float(metric.parts(statistics)["macro"]), 3) == 0.436
