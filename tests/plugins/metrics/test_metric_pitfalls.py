"""Mistakes found in public evaluation code, each shown and each not ours; numbers follow the list of pitfalls."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score


def test_pitfall_01_ccc_is_pooled_and_never_averaged_over_batches(metrics: Any, tasks: Any, frames: Any) -> None:
    metric = metrics["ccc"](tasks["va"])
    random = np.random.default_rng(0)
    level = np.repeat(random.uniform(-0.8, 0.8, (10, 2)), 50, axis=0)  # ten videos, each with its own mood
    target = np.clip(level + random.normal(0, 0.05, level.shape), -1, 1)
    batches = [metric.statistics(level[i : i + 50], target[i : i + 50], np.ones(50, bool)) for i in range(0, 500, 50)]
    averaged = np.mean([metric.value(batch) for batch in batches])
    assert averaged == 0.0  # within a video the prediction is constant
    assert metric.value(np.sum(batches, axis=0)) > 0.95
    assert metric.value(np.sum(batches, axis=0)) == pytest.approx(
        metric.value(metric.statistics(level, target, np.ones(500, bool))), abs=1e-12
    )


@pytest.mark.parametrize("n", [2, 3, 10])
def test_pitfall_02_covariance_and_variances_share_one_ddof(metrics: Any, tasks: Any, n: int) -> None:
    x = np.random.default_rng(n).uniform(-1, 1, (n, 2))
    mixed = 2 * ((x - x.mean(0)) ** 2).mean(0) / (2 * x.var(0, ddof=1))
    assert (mixed < 0.95).all()
    metric = metrics["ccc"](tasks["va"])
    assert metric.value(metric.statistics(x, x, np.ones(n, bool))) == pytest.approx(1.0, abs=1e-15)


def test_pitfall_08_a_left_over_ignore_code_is_refused(metrics: Any, tasks: Any, frames: Any) -> None:
    prediction, target, mask = frames(tasks["va"], 50, masked=0)
    target[7, 1] = -5
    with pytest.raises(ValueError, match="target is outside -1 to 1 in 1 of 50 annotated frames, first at index 7"):
        metrics["ccc"](tasks["va"]).statistics(prediction, target, mask)


def test_pitfall_10_an_absent_class_scores_0_and_stays_in_the_denominator(metrics: Any, tasks: Any) -> None:
    target = np.array([0, 1, 0, 1])
    metric = metrics["macro-f1"](tasks["expr"])
    statistics = metric.statistics(target, target, np.ones(4, bool))
    assert f1_score(target, target, average="macro") == 1.0  # only the classes that happen to be present
    assert metric.value(statistics) == 2 / 8
    assert metric.parts(statistics)["Fear"] == 0.0


def test_pitfall_10_an_absent_action_unit_scores_0_and_stays_in_the_denominator(metrics: Any, tasks: Any) -> None:
    target = np.zeros((5, 12), dtype=int)
    target[:, :3] = 1
    metric = metrics["macro-f1"](tasks["au"])
    assert metric.value(metric.statistics(target, target, np.ones(5, bool))) == 3 / 12


def test_pitfall_11_an_action_unit_with_an_ignore_code_is_refused_even_if_the_first_is_valid(
    metrics: Any, tasks: Any, frames: Any
) -> None:
    prediction, target, _ = frames(tasks["au"], 20, masked=0)
    target[5, 3:] = -1
    mask = target[:, 0] != -1  # the mistake: the mask of the first action unit only
    with pytest.raises(ValueError, match=r"not a whole number from 0 to 1 in 1 of 20 .* index 5"):
        metrics["macro-f1"](tasks["au"]).statistics(prediction, target, mask)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_pitfall_13_pearson_of_tiny_low_precision_values_does_not_underflow(
    metrics: Any, tasks: Any, dtype: type
) -> None:
    random = np.random.default_rng(1)
    target = random.uniform(0, 1e-4, (200, 6)).astype(dtype)
    prediction = (target + random.uniform(0, 5e-5, (200, 6))).astype(dtype)
    metric = metrics["pearson"](tasks["emi"])
    ours = metric.parts(metric.statistics(prediction, target, np.ones(200, bool)))
    expected = [np.corrcoef(prediction[:, k].astype(float), target[:, k].astype(float))[0, 1] for k in range(6)]
    assert list(ours.values()) == pytest.approx(expected, abs=1e-7)
    if dtype is np.float16:
        assert not (prediction * target).any()  # what those products are in the given precision
