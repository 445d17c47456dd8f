"""Intervals over tracks: what is resampled, how often they cover the truth, and when there is none."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from abawbench.contracts.metric import Metric, Statistics
from abawbench.statistics.bootstrap import interval, intervals, resample, sum_by_group, track_weights
from abawbench.statistics.paired import compare_paired


def mean(statistics: Statistics) -> Statistics:
    """Return Σx / n of statistics (n, Σx), NaN of nothing."""
    n = statistics[..., 0]
    return np.where(n == 0, np.nan, statistics[..., 1] / np.where(n == 0, 1, n))


class Mean(Metric):
    size = 2

    def statistics(self, prediction, target, mask):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    def value(self, statistics: Statistics) -> Statistics:
        return mean(statistics)

    def parts(self, statistics: Statistics) -> dict[str, Statistics]:
        return {"twice": 2 * mean(statistics), "n": statistics[..., 0]}


def sample(tracks: int, seed: int, frames: int = 20) -> NDArray[np.float64]:
    """Return (n, Σx) of tracks whose frames are much alike: x = track effect + noise, both around 0."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(tracks, 1)) + 0.3 * random.normal(size=(tracks, frames))
    return np.stack([np.full(tracks, float(frames)), x.sum(axis=1)], axis=1)


@settings(max_examples=20, deadline=None)
@given(units=st.integers(1, 200), replicates=st.integers(1, 50), seed=st.integers(0, 2**32))
def test_every_replicate_draws_as_many_units_as_there_are(units: int, replicates: int, seed: int) -> None:
    weights = track_weights(units, replicates, seed)
    assert weights.shape == (replicates, units)
    assert (weights >= 0).all()
    assert (weights == np.floor(weights)).all()
    assert (weights.sum(axis=1) == units).all()


def test_every_unit_is_drawn_alike() -> None:
    weights = track_weights(10, 20_000)
    assert weights.mean(axis=0) == pytest.approx(1.0, abs=0.03)
    assert weights.var(axis=0) == pytest.approx(0.9, abs=0.05)  # n p (1 - p)
    assert np.corrcoef(weights.T)[0, 1] == pytest.approx(-1 / 9, abs=0.03)


def test_the_same_seed_gives_the_same_draws_and_another_seed_others() -> None:
    np.testing.assert_array_equal(track_weights(12, 100, 7), track_weights(12, 100, 7))
    assert (track_weights(12, 100, 7) != track_weights(12, 100, 8)).any()


def test_the_draws_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = track_weights(30, 500, 3)
    assert len(np.unique(whole, axis=0)) == 500
    monkeypatch.setattr("abawbench.statistics.bootstrap.BLOCK", 1000)
    np.testing.assert_array_equal(track_weights(30, 500, 3), whole)


@pytest.mark.parametrize("block", [1, 1000, 250_000])
def test_resampled_totals_are_the_weights_times_the_statistics(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    expected = track_weights(30, 500, 3) @ sample(30, 0)
    monkeypatch.setattr("abawbench.statistics.bootstrap.BLOCK", block)
    np.testing.assert_allclose(resample(sample(30, 0), 500, 3), expected, rtol=1e-12, atol=1e-12)


def test_two_models_get_the_same_draws() -> None:
    a, b = sample(25, 1), sample(25, 2)
    together = resample(np.concatenate([a, b], axis=1), 400, 5)
    np.testing.assert_allclose(resample(a, 400, 5), together[:, :2], rtol=1e-12)
    np.testing.assert_allclose(resample(b, 400, 5), together[:, 2:], rtol=1e-12)


def test_tracks_of_one_subject_are_added_up_before_they_are_drawn() -> None:
    statistics = sample(6, 0)
    units = sum_by_group(statistics, ["b", "a", "b", "c", "a", "b"])
    np.testing.assert_allclose(units, [statistics[[1, 4]].sum(0), statistics[[0, 2, 5]].sum(0), statistics[3]])
    assert interval(mean, statistics, groups=list("babcab")) == interval(mean, units)
    assert interval(mean, units).units == 3


def test_with_one_group_per_track_groups_change_nothing_but_the_order() -> None:
    statistics = sample(5, 0)
    assert interval(mean, statistics, groups=list("abcde")) == interval(mean, statistics)


def test_repeating_each_track_as_another_subject_narrows_the_interval_and_as_the_same_does_not() -> None:
    statistics, names = sample(40, 4), [f"s{i:02d}" for i in range(40)]
    once = interval(mean, statistics)
    four = np.concatenate([statistics] * 4)
    same = interval(mean, four, groups=names * 4)
    assert (same.low, same.high) == pytest.approx((once.low, once.high))
    other = interval(mean, four)
    assert (other.high - other.low) / (once.high - once.low) == pytest.approx(0.5, abs=0.03)


def test_the_interval_is_that_of_the_normal_theory_where_it_holds() -> None:
    statistics = sample(200, 9)
    x = statistics[:, 1] / statistics[:, 0]
    found = interval(mean, statistics, level=0.9)
    expected = x.mean() + 1.6449 * x.std() / np.sqrt(200) * np.array([-1, 1])
    assert [found.low, found.high] == pytest.approx(expected, abs=0.005)


@pytest.mark.slow
def test_intervals_over_tracks_cover_the_truth_and_over_frames_they_do_not() -> None:
    def covered(tracks: int, split: int) -> float:
        hits = 0
        for seed in range(200):
            statistics = np.repeat(sample(tracks, seed) / split, split, axis=0)
            found = interval(mean, statistics, replicates=400, seed=seed)
            hits += found.low <= 0 <= found.high
        return hits / 200

    assert 0.89 <= covered(40, 1) <= 0.99
    assert covered(40, 20) < 0.5  # each track cut into twenty alike pieces that are drawn by themselves


def test_value_and_parts_come_from_the_same_draws() -> None:
    whole, parts = intervals(Mean(), sample(30, 0), replicates=500)
    assert whole == interval(mean, sample(30, 0), replicates=500)
    assert (parts["twice"].low, parts["twice"].high) == (2 * whole.low, 2 * whole.high)
    assert parts["n"].low == parts["n"].high == 600


def test_the_interval_says_how_it_was_made() -> None:
    found = interval(mean, sample(8, 0), replicates=123, level=0.8, seed=4)
    assert (found.method, found.replicates, found.level, found.seed, found.units) == ("percentile", 123, 0.8, 4, 8)
    assert (found.dropped, found.reason) == (0, None)
    assert found.low < found.high


def test_replicates_without_a_value_are_dropped_and_counted() -> None:
    statistics = np.array([*[[0.0, 0.0]] * 3, *[[5.0, 10.0]] * 3])
    found = interval(mean, statistics, replicates=1000)
    assert (found.low, found.high) == (2.0, 2.0)
    assert found.dropped == np.count_nonzero(track_weights(6, 1000)[:, 3:].sum(axis=1) == 0)
    assert 0 < found.dropped < 50


def test_where_many_replicates_have_no_value_nothing_is_claimed() -> None:
    statistics = np.array([*[[0.0, 0.0]] * 4, [5.0, 10.0]])
    found = interval(mean, statistics, replicates=1000)
    assert np.isnan([found.low, found.high]).all()
    assert 200 < found.dropped < 400
    assert found.reason == f"{found.dropped} of 1,000 resamples have no value"
    paired = compare_paired(mean, statistics, np.add(statistics, [0.0, 1.0]), replicates=1000)
    assert np.isnan([paired.low, paired.high, paired.p_value]).all()
    assert paired.reason == found.reason


@pytest.mark.parametrize("tracks", [0, 1, 4])
def test_fewer_than_five_tracks_give_no_interval_but_a_reason(tracks: int) -> None:
    whole, parts = intervals(Mean(), sample(tracks, 0), replicates=10)
    for found in (whole, *parts.values(), interval(mean, sample(tracks, 0), replicates=10)):
        assert np.isnan([found.low, found.high]).all()
        assert found.units == tracks
        assert "too few" in str(found.reason)


def test_one_subject_in_many_tracks_gives_no_interval_but_a_reason() -> None:
    found = interval(mean, sample(9, 0), groups=["same"] * 9)
    assert np.isnan([found.low, found.high]).all()
    assert (found.units, "too few" in str(found.reason)) == (1, True)


def test_nothing_but_nan_gives_no_interval_but_a_reason() -> None:
    found = interval(mean, np.zeros((5, 2)), replicates=50)
    assert np.isnan([found.low, found.high]).all()
    assert (found.dropped, found.reason) == (50, "50 of 50 resamples have no value")


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="3 groups for 4 tracks"):
        interval(mean, sample(4, 0), groups=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"\[tracks, S\]"):
        interval(mean, np.zeros(4))
    with pytest.raises(ValueError, match="level"):
        interval(mean, sample(4, 0), level=95)
    with pytest.raises(ValueError, match="replicates"):
        interval(mean, sample(4, 0), replicates=0)


def test_ten_thousand_replicates_over_76_tracks_take_well_under_a_second() -> None:
    statistics = np.abs(np.random.default_rng(0).normal(size=(76, 25)))
    start = time.perf_counter()
    interval(mean, statistics)
    assert time.perf_counter() - start < 0.5  # some 10 ms on one core; the slack is for a busy machine
