"""Macro F1 of two classes and the organisers' average precision, which is not scikit-learn's."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score

from abawbench.contracts import UsageError
from abawbench_plugins.metrics.average_precision import MacroF1WithAP
from abawbench_plugins.tasks import ah_video, expr, va

TASK = ah_video.task()
METRIC = MacroF1WithAP(TASK)


def count(p1: Any, target: Any, mask: Any = None) -> NDArray[np.float64]:
    """The statistics of videos, each a track of its own, added up."""
    p1 = np.asarray(p1)
    scores = np.stack([1 - p1, p1], axis=-1)
    mask = np.ones(len(p1), dtype=bool) if mask is None else mask
    one = [slice(i, i + 1) for i in range(len(p1))]
    total = np.zeros(METRIC.size)
    for at in one:
        total += METRIC.scored_statistics(scores[at], TASK.decide(scores[at]), np.asarray(target)[at], mask[at])
    return total


def transcribed(p1: Any, target: Any) -> float:
    """The scorer's definition, a threshold at a time."""
    curve = []
    for step in range(1000):
        chosen = [p >= step / 1000 for p in p1]
        hits = sum(c and t == 1 for c, t in zip(chosen, target, strict=True))
        precision = hits / sum(chosen) if any(chosen) else 0.0
        positives = sum(t == 1 for t in target)
        curve.append((hits / positives if positives else 0.0, precision))
    rising = curve[::-1]
    return sum((r1 - r0) * (p0 + p1) / 2 for (r0, p0), (r1, p1) in pairwise(rising))


def ap(p1: Any, target: Any) -> float:
    return float(METRIC.parts(count(p1, target))["ap"])


@pytest.mark.parametrize(
    ("p1", "target", "by_hand"),
    [
        # up to 0.3 (R 1, P 1/2), up to 0.8 (1, 1), then (0, 0): the triangle from (1, 1) to (0, 0)
        ([0.8, 0.3], [1, 0], 0.5),
        # up to 0.4 (1, 2/3), up to 0.6 (1/2, 1/2), up to 0.9 (1/2, 1), then (0, 0)
        ([0.9, 0.4, 0.6], [1, 1, 0], 0.5 * (2 / 3 + 1 / 2) / 2 + 0.5 * (1 + 0) / 2),
        # the wrong way round: up to 0.2 (1, 1/2), up to 0.7 (0, 0)
        ([0.2, 0.7], [1, 0], 1 * (0.5 + 0) / 2),
        # nothing ever falls below the last threshold: the curve never leaves recall 1
        ([1.0, 0.0], [1, 0], 0.0),
        ([0.9, 0.9], [0, 0], 0.0),
    ],
)
def test_worked_examples(p1: list[float], target: list[int], by_hand: float) -> None:
    assert ap(p1, target) == pytest.approx(by_hand, abs=1e-15)
    assert transcribed(p1, target) == pytest.approx(by_hand, abs=1e-15)


def test_it_is_not_the_one_of_scikit_learn() -> None:
    assert average_precision_score([1, 0], [0.8, 0.3]) == 1.0
    assert ap([0.8, 0.3], [1, 0]) == 0.5


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 1)), min_size=1, max_size=30))
def test_it_is_the_definition_whatever_the_probabilities(items: list[tuple[int, int]]) -> None:
    p1, target = [p / 10_000 for p, _ in items], [t for _, t in items]
    assert ap(p1, target) == pytest.approx(transcribed(p1, target), abs=1e-12)


def test_a_probability_that_is_a_threshold_reaches_it_in_float32_too() -> None:
    decimals = np.arange(0, 1, 0.1).round(1)
    target = np.arange(10) % 2
    assert ap(decimals.astype(np.float32), target) == ap(decimals, target) == transcribed(decimals, target)


def test_without_probabilities_it_is_0_and_f1_is_what_it_was() -> None:
    decided, target, mask = np.array([1, 0, 1]), np.array([1, 0, 0]), np.ones(3, dtype=bool)
    parts = METRIC.parts(METRIC.statistics(decided, target, mask))
    assert parts["ap"] == 0
    assert parts["present"] == pytest.approx(2 / 3)
    some = count([0.9, 0.1], [1, 0]) + METRIC.statistics(decided[:1], target[:1], mask[:1])
    assert METRIC.parts(some)["ap"] == 0


def test_f1_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    p1, target = random.random(400), random.integers(0, 2, 400)
    total = count(p1, target)
    for average, found in (("macro", METRIC.value(total)), ("weighted", METRIC.parts(total)["weighted"])):
        assert found == pytest.approx(f1_score(target, p1 > 0.5, average=average), abs=1e-12)
    f1 = f1_score(target, p1 > 0.5, average=None, labels=[0, 1])
    assert [METRIC.parts(total)[name] for name in TASK.outputs] == pytest.approx(f1, abs=1e-12)


def test_many_replicates_are_those_of_each() -> None:
    random = np.random.default_rng(1)
    videos = np.stack([count(random.random(1), random.integers(0, 2, 1)) for _ in range(20)])
    rows = random.multinomial(20, [1 / 20] * 20, 1203) @ videos
    found = METRIC.parts(rows)["ap"]
    assert found.shape == (1203,)
    assert [METRIC.parts(row)["ap"] for row in rows[::300]] == found[::300].tolist()


def test_masked_items_do_not_count_and_nothing_gives_no_value() -> None:
    kept = count([0.8, 0.3], [1, 0])
    masked = count([0.8, 0.5, 0.3], [1, -1, 0], np.array([True, False, True]))
    np.testing.assert_array_equal(kept, masked)
    assert np.isnan(METRIC.value(0 * kept))
    assert np.isnan(METRIC.parts(0 * kept)["ap"])


def test_what_is_no_probability_or_no_pair_of_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="'present' must be in 0 to 1"):
        count([1.5], [1])
    with pytest.raises(UsageError, match="two classes, 'expr' has 8"):
        MacroF1WithAP(replace(expr.task(), name="expr"))
    with pytest.raises(UsageError, match="multiclass"):
        MacroF1WithAP(va.task())
