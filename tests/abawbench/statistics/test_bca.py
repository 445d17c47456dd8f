"""BCa and widened intervals, the jackknife and the design effect, against scipy and hand computations."""

import numpy as np
import pytest
from scipy import stats

from abawbench.contracts.metric import Statistics
from abawbench.statistics.bootstrap import bca_shares, interval
from abawbench.statistics.jackknife import acceleration, degrees_of_freedom, design_effect, leave_one_out, variance


def mean(statistics: Statistics) -> Statistics:
    return statistics[..., 1] / statistics[..., 0]


def tracks(x: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(x), x], axis=1)


SKEWED = np.random.default_rng(3).lognormal(0, 1, 40)


def test_bca_of_a_mean_is_that_of_scipy() -> None:
    ours = interval(mean, tracks(SKEWED), replicates=40_000, method="BCa")
    theirs = stats.bootstrap((SKEWED,), np.mean, n_resamples=40_000, method="BCa", random_state=1).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.01)
    plain = interval(mean, tracks(SKEWED), replicates=40_000)
    assert ours.low - plain.low > 0.03  # skewness moves the interval to the right
    assert ours.high - plain.high > 0.03


def test_the_shares_of_bca_are_those_of_its_formula() -> None:
    drawn, without = np.linspace(0, 1, 1001), np.array([0.4, 0.5, 0.5, 0.7])
    low, high = bca_shares(drawn, 0.6, without, 0.025)
    deviations = without.mean() - without
    a = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    z0 = stats.norm.ppf(600.5 / 1001)
    expected = [stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z))) for z in stats.norm.ppf([0.025, 0.975])]
    assert [low, high] == pytest.approx(expected)


def test_extreme_tails_end_at_the_extremes_and_never_cross() -> None:
    without = np.array([0.0, 0.0, 0.0, 9.0])
    for direction in (1, -1):
        low, high = bca_shares(np.linspace(0, 1, 101), 0.5, direction * without, 1e-12)
        assert 0 <= low < 0.5 < high <= 1


def test_replicates_all_on_one_side_leave_the_shares_alone() -> None:
    assert bca_shares(np.ones(10), 2.0, np.ones(4), 0.05) == (0.05, 0.95)


def test_a_widened_interval_holds_both_others_and_comes_near_student() -> None:
    x = np.random.default_rng(0).normal(size=8)
    percentile, bca, wide = (
        interval(mean, tracks(x), method=kind, replicates=50_000) for kind in ("percentile", "BCa", "widened")
    )
    assert wide.low < min(percentile.low, bca.low)
    assert wide.high > max(percentile.high, bca.high)
    student = 2 * stats.t.ppf(0.975, 7) * x.std(ddof=1) / np.sqrt(8)
    assert (percentile.high - percentile.low) / student < 0.85
    assert (wide.high - wide.low) / student == pytest.approx(1.05, abs=0.12)


def test_five_units_give_nearly_the_whole_range_and_no_error() -> None:
    found = interval(mean, tracks(np.arange(5, dtype=float)), method="widened")
    assert 0 <= found.low < 0.6
    assert 3.4 < found.high <= 4


def test_a_constant_has_an_interval_of_no_width() -> None:
    found = interval(mean, tracks(np.full(9, 2.0)), method="widened")
    assert (found.low, found.high) == (2, 2)


def test_the_jackknife_variance_of_a_mean_is_the_textbook_one() -> None:
    assert variance(mean, tracks(SKEWED)) == pytest.approx(SKEWED.var(ddof=1) / 40)
    assert np.isnan(variance(mean, tracks(SKEWED[:1])))
    np.testing.assert_allclose(
        leave_one_out(mean, tracks(SKEWED))[:2], [SKEWED[1:].mean(), np.delete(SKEWED, 1).mean()]
    )


def test_the_acceleration_of_a_mean_is_a_sixth_of_its_standardised_skewness() -> None:
    without = leave_one_out(mean, tracks(SKEWED))
    assert acceleration(without) == pytest.approx(stats.skew(SKEWED) / (6 * np.sqrt(40)))
    assert acceleration(np.ones(5)) == 0


def test_equal_units_have_all_degrees_of_freedom_and_a_few_large_ones_leave_few() -> None:
    random = np.random.default_rng(2)
    normal = [degrees_of_freedom(random.normal(size=100)) for _ in range(200)]
    assert np.mean(normal) == pytest.approx(96, abs=4)  # the published formula's own aim is 99, cut off there
    x = random.normal(size=100)
    x[:3] *= 100
    assert degrees_of_freedom(x) < 10
    assert [degrees_of_freedom(np.ones(n)) for n in (0, 1, 2, 9)] == [1, 1, 1, 8]


def test_frames_that_repeat_one_another_count_once_and_independent_ones_count_each() -> None:
    random = np.random.default_rng(1)
    for copies, expected in ((25, 25.0), (1, 1.0)):
        x = np.repeat(random.normal(size=4000 // copies), copies)
        by_track = np.stack([np.full(160, 25.0), x.reshape(160, 25).sum(axis=1)], axis=1)
        dealt = random.permutation(x).reshape(200, 20)
        groups = np.stack([np.full(200, 20.0), dealt.sum(axis=1)], axis=1)
        assert design_effect(mean, by_track, groups) == pytest.approx(expected, rel=0.3)
    assert np.isnan(design_effect(mean, by_track, np.ones((5, 2))))
