"""What the metrics say where their formula says nothing, and what they refuse."""

from typing import Any

import numpy as np
import pytest

CONSTANTS = [0.0, 0.3, 1 / 3, -0.9, 1e-3]


@pytest.mark.parametrize("name", ["ccc", "pearson"])
@pytest.mark.parametrize("constant", CONSTANTS)
@pytest.mark.parametrize("n", [1, 7, 50_000])
def test_a_constant_prediction_scores_exactly_0(metrics: Any, tasks: Any, name: str, constant: float, n: int) -> None:
    metric = metrics[name](tasks["va"])
    target = np.random.default_rng(n).uniform(-1, 1, (n, 2))
    prediction = np.full((n, 2), constant)
    assert metric.value(metric.statistics(prediction, target, np.ones(n, bool))) == 0.0
    assert metric.value(metric.statistics(target, prediction, np.ones(n, bool))) == 0.0


@pytest.mark.parametrize("name", ["ccc", "pearson"])
@pytest.mark.parametrize("constant", CONSTANTS)
def test_the_right_constant_of_a_constant_target_scores_0_too(
    metrics: Any, tasks: Any, name: str, constant: float
) -> None:
    metric = metrics[name](tasks["va"])
    both = np.full((1001, 2), constant)
    assert metric.value(metric.statistics(both, both, np.ones(1001, bool))) == 0.0


def test_pearson_of_one_constant_output_is_0_and_counts(metrics: Any, tasks: Any) -> None:
    metric = metrics["pearson"](tasks["emi"])
    target = np.random.default_rng(0).random((50, 6))
    prediction = target.copy()
    prediction[:, 2] = 0.25
    statistics = metric.statistics(prediction, target, np.ones(50, bool))
    assert metric.parts(statistics)["Determination"] == 0.0
    assert metric.value(statistics) == pytest.approx(5 / 6, abs=1e-12)


def test_a_nearly_constant_prediction_keeps_its_small_ccc(metrics: Any, tasks: Any) -> None:
    target = np.random.default_rng(0).uniform(-1, 1, (1000, 2))
    prediction = 0.5 + 1e-6 * target
    metric = metrics["ccc"](tasks["va"])
    statistics = metric.statistics(prediction, target, np.ones(1000, bool))
    gap = prediction.mean(0) - target.mean(0)
    expected = 2e-6 * target.var(0) / (target.var(0) * (1 + 1e-12) + gap**2)
    assert list(metric.parts(statistics).values()) == pytest.approx(list(expected), rel=0, abs=1e-12)


def test_a_collapsed_prediction_keeps_its_correlation(metrics: Any, tasks: Any) -> None:
    target = np.random.default_rng(0).uniform(0, 1, (4588, 6))
    prediction = 0.1 + 3e-5 * target
    metric = metrics["pearson"](tasks["emi"])
    assert metric.value(metric.statistics(prediction, target, np.ones(4588, bool))) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("label", [-1.01, 1.01])
def test_a_label_outside_the_range_is_refused(metrics: Any, tasks: Any, label: float) -> None:
    target = np.zeros((4, 2))
    target[2, 0] = label
    with pytest.raises(ValueError, match="target is outside -1 to 1 in 1 of 4 annotated frames, first at index 2"):
        metrics["ccc"](tasks["va"]).statistics(np.zeros((4, 2)), target, np.ones(4, bool))


def test_opposite_predictions_score_minus_1(metrics: Any, tasks: Any) -> None:
    target = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 2))
    target -= target.mean(axis=0)
    metric = metrics["ccc"](tasks["va"])
    assert metric.value(metric.statistics(-target, target, np.ones(500, bool))) == pytest.approx(-1, abs=1e-12)


def test_a_prediction_outside_the_range_is_scored_as_it_is(metrics: Any, tasks: Any) -> None:
    target = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    metric = metrics["ccc"](tasks["va"])
    assert 0 < metric.value(metric.statistics(3 * target, target, np.ones(500, bool))) < 0.7


def test_a_prediction_too_large_for_its_square_is_refused(metrics: Any, tasks: Any) -> None:
    target = np.zeros((3, 2))
    with pytest.raises(ValueError, match="do not fit into float64"):
        metrics["ccc"](tasks["va"]).statistics(target + 1e200, target, np.ones(3, bool))


def test_float32_rounding_of_an_extreme_label_is_accepted(metrics: Any, tasks: Any) -> None:
    target = np.full((3, 2), 1 + 2e-7, dtype=np.float32)
    assert metrics["ccc"](tasks["va"]).statistics(target, target, np.ones(3, bool))[0] == 3


@pytest.mark.parametrize("code", [-1, 8, 2.5])
@pytest.mark.parametrize("which", [0, 1], ids=["prediction", "target"])
def test_a_class_that_does_not_exist_is_refused(metrics: Any, tasks: Any, code: float, which: int) -> None:
    pair = [np.zeros(6), np.zeros(6)]
    pair[which][3] = code
    with pytest.raises(ValueError, match="not a whole number from 0 to 7 in 1 of 6 annotated frames, first at index 3"):
        metrics["macro-f1"](tasks["expr"]).statistics(*pair, np.ones(6, bool))


def test_probabilities_are_not_decisions(metrics: Any, tasks: Any) -> None:
    target = np.zeros((4, 12), dtype=int)
    with pytest.raises(ValueError, match="prediction is not a whole number from 0 to 1 in 4 of 4"):
        metrics["macro-f1"](tasks["au"]).statistics(target + 0.4, target, np.ones(4, bool))


def test_booleans_and_whole_floats_are_decisions(metrics: Any, tasks: Any, frames: Any) -> None:
    metric = metrics["macro-f1"](tasks["au"])
    prediction, target, mask = frames(tasks["au"], 30, masked=0)
    expected = metric.statistics(prediction, target, mask)
    np.testing.assert_array_equal(metric.statistics(prediction.astype(bool), target.astype(np.float32), mask), expected)


def test_weighted_f1_gives_an_absent_class_no_weight(metrics: Any, tasks: Any) -> None:
    target = np.zeros(5, dtype=int)
    metric = metrics["weighted-f1"](tasks["ah"])
    statistics = metric.statistics(target, target, np.ones(5, bool))
    assert metric.value(statistics) == 1.0
    assert metric.parts(statistics)["macro"] == 0.5
