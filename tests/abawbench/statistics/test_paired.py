"""Paired differences: what cancels, what is rejected, and what could have been seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from abawbench.contracts.metric import Statistics
from abawbench.statistics.bootstrap import resample_totals, sum_by_group
from abawbench.statistics.paired import compare_paired, compare_resampled, spread_of_seeds


def mean(statistics: Statistics) -> Statistics:
    return statistics[..., 1] / statistics[..., 0]


def tracks(x: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(x), x], axis=-1)


def pair(units: int, gap: float, seed: int, own: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two models on tracks whose difficulty both share."""
    random = np.random.default_rng(seed)
    shared = 5 * random.normal(size=units)
    return (tracks(shared + own * random.normal(size=units)), tracks(shared + gap + own * random.normal(size=units)))


def test_a_model_does_not_differ_from_itself() -> None:
    a, _ = pair(20, 0, 0)
    same = compare_paired(mean, a, a)
    assert (same.value, same.low, same.high, same.p_value, same.detectable) == (0, 0, 0, 1, 0)


def test_the_difference_is_judged_as_by_the_paired_t_test_where_that_holds() -> None:
    for seed in range(5):
        a, b = pair(40, 0.5, seed)
        found = compare_paired(mean, a, b, replicates=40_000)
        theirs = stats.ttest_rel(b[:, 1], a[:, 1])
        low, high = theirs.confidence_interval(0.95)
        width = high - low
        assert found.value == pytest.approx((b - a)[:, 1].mean())
        assert [found.low, found.high] == pytest.approx([low, high], abs=0.07 * width)
        assert found.p_value == pytest.approx(theirs.pvalue, abs=0.02)
        assert found.standard_error == pytest.approx((b - a)[:, 1].std(ddof=1) / np.sqrt(40))


def test_what_is_hard_for_both_cancels() -> None:
    a, b = pair(60, 0.8, 1)
    assert compare_paired(mean, a, b).p_value < 0.01
    shuffled = b[np.random.default_rng(0).permutation(60)]  # the same two means, no longer the same tracks
    assert compare_paired(mean, a, shuffled).p_value > 0.3


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), gap=st.floats(-2, 2))
def test_exchanging_the_models_changes_the_sign_and_nothing_else(seed: int, gap: float) -> None:
    a, b = pair(25, gap, seed)
    there, back = compare_paired(mean, a, b, replicates=500), compare_paired(mean, b, a, replicates=500)
    assert there.value == -back.value
    # an interval and a p-value that disagree claim nothing, either way round
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), nan_ok=True)
    assert (there.p_value, there.detectable) == pytest.approx((back.p_value, back.detectable))


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), gap=st.floats(-1, 1))
def test_the_p_value_and_the_interval_agree(seed: int, gap: float) -> None:
    a, b = pair(25, gap, seed)
    found = compare_paired(mean, a, b, replicates=2000)
    if abs(found.p_value - 0.05) > 0.005:
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)


def test_equal_models_are_rejected_at_the_stated_rate() -> None:
    rejected = [compare_paired(mean, *pair(20, 0, seed), replicates=400).p_value < 0.05 for seed in range(400)]
    assert 0.02 <= np.mean(rejected) <= 0.085


def test_a_difference_of_the_detectable_size_is_usually_found() -> None:
    size = float(np.mean([compare_paired(mean, *pair(30, 0, seed), replicates=100).detectable for seed in range(40)]))
    found = [compare_paired(mean, *pair(30, size, seed), replicates=400).p_value < 0.05 for seed in range(300)]
    assert 0.72 <= np.mean(found) <= 0.88


def test_tracks_of_one_subject_count_as_one() -> None:
    a, b = pair(10, 0.5, 3)
    twice = compare_paired(mean, np.repeat(a, 2, axis=0), np.repeat(b, 2, axis=0), groups=list("aabbccddeeffgghhiijj"))
    once = compare_paired(mean, a, b)
    assert twice.units == once.units == 10
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_of_several_seeds_the_means_are_compared() -> None:
    (a0, b0), (a1, b1) = pair(30, 1.0, 5), pair(30, 1.0, 6)
    both = compare_paired(mean, np.stack([a0, a1]), np.stack([b0, b1]))
    assert both.value == pytest.approx((compare_paired(mean, a0, b0).value + compare_paired(mean, a1, b1).value) / 2)
    assert both.standard_error < compare_paired(mean, a0, b0).standard_error
    assert compare_paired(mean, a0[None], b0[None]) == compare_paired(mean, a0, b0)


def test_the_spread_between_seeds_is_that_of_their_values() -> None:
    a, b = pair(30, 1.0, 5)
    assert spread_of_seeds(mean, np.stack([a, b])) == pytest.approx(np.std([a[:, 1].mean(), b[:, 1].mean()], ddof=1))
    assert np.isnan(spread_of_seeds(mean, a[None]))


def test_one_subject_gives_its_difference_and_claims_nothing() -> None:
    a, b = pair(1, 0, 0)
    found = compare_paired(mean, a, b)
    assert found.value == pytest.approx(float(mean(b[0]) - mean(a[0])))
    assert np.isnan([found.low, found.high, found.p_value]).all()
    assert "too few" in str(found.reason)


def test_a_metric_without_a_value_gives_a_reason() -> None:
    with np.errstate(invalid="ignore"):
        found = compare_paired(mean, np.zeros((4, 2)), np.zeros((4, 2)))
    assert found.reason == "the metric is not defined on these tracks"


def test_sides_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        compare_paired(mean, np.ones((4, 2)), np.ones((5, 2)))


def test_models_resampled_once_compare_as_a_pair_does() -> None:
    a, b = pair(20, 0.3, 5)
    groups = [f"s{n // 2}" for n in range(len(a))]
    one, other = (mean(resample_totals(sum_by_group(side, groups), replicates=500)) for side in (a, b))
    alone = compare_paired(mean, a, b, groups=groups, replicates=500)
    once = compare_resampled(one, other, 10)
    assert once.reason is None
    for name in ("value", "low", "high", "p_value", "standard_error", "detectable"):
        assert getattr(once, name) == pytest.approx(getattr(alone, name), rel=1e-9), name
