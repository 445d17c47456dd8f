"""Calibration, sub-groups and power: against what is known, and in simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench.statistics import calibration as sums
from abawbench.statistics.groups import group_sums, largest_gap
from abawbench.statistics.power import detectable, units_needed


def accuracy(statistics: np.ndarray) -> np.ndarray:
    return statistics[..., 0] / statistics[..., 1]


def subjects(random: np.random.Generator, member: np.ndarray, bias: float) -> np.ndarray:
    """Right answers and answers of each subject, some easier than others; the last group loses ``bias``."""
    n = random.integers(20, 60, len(member))
    rate = np.clip(random.beta(12, 6, len(member)) - bias * (member == member.max()), 0.01, 0.99)
    return np.column_stack([random.binomial(n, rate), n]).astype(float)


def test_a_planted_bias_is_found_and_named() -> None:
    member = np.repeat(np.arange(4), 15)
    found = largest_gap(accuracy, subjects(np.random.default_rng(0), member, 0.25), member)
    assert found.p_value < 0.01
    assert found.low_group == 3


@pytest.mark.slow
def test_without_a_bias_few_gaps_are_called_real() -> None:
    random, member = np.random.default_rng(1), np.repeat(np.arange(4), [10, 20, 8, 15])
    p = [largest_gap(accuracy, subjects(random, member, 0.0), member, 199, seed).p_value for seed in range(1000)]
    assert np.mean(np.array(p) <= 0.05) <= 0.06


def test_the_sums_of_groups_are_those_of_their_members() -> None:
    units, member = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 2, 1, 1])
    np.testing.assert_array_equal(group_sums(units, member, 3), [[4, 6], [20, 23], [6, 7]])
    with pytest.raises(ValueError, match="two groups"):
        largest_gap(accuracy, units, np.zeros(6, dtype=np.int64))


def answers(random: np.random.Generator, tracks: int, sharpened: float) -> list[sums.Answers]:
    """Answers whose confidence is their chance of being right, or that exaggerate it."""
    found = []
    for _ in range(tracks):
        chance = random.uniform(0.5, 1, 200)
        right = (random.random(200) < chance).astype(float)
        said = 1 / (1 + np.exp(-sharpened * np.log(chance / (1 - np.minimum(chance, 1 - 1e-9)))))
        found.append(sums.Answers(said, right, (said - right) ** 2))
    return found


def test_exaggerated_scores_are_told_from_honest_ones() -> None:
    honest, loud = (sums.calibration_statistics(answers(np.random.default_rng(0), 40, s)) for s in (1.0, 3.0))
    assert sums.expected_error(honest.sum(axis=0)) < 0.02
    assert sums.expected_error(loud.sum(axis=0)) > 0.1
    assert sums.brier_score(loud.sum(axis=0)) > sums.brier_score(honest.sum(axis=0))


def test_the_error_is_the_one_counted_by_hand() -> None:
    one = sums.Answers(np.array([0.9, 0.92, 0.6]), np.array([1.0, 0.0, 1.0]), np.array([0.01, 0.8464, 0.16]))
    rows = sums.calibration_statistics([one])
    assert sums.expected_error(rows[0]) == pytest.approx((abs(1.82 - 1) + abs(0.6 - 1)) / 3)
    assert sums.brier_score(rows[0]) == pytest.approx(1.0164 / 3)


def test_the_surest_answers_are_wrong_less_often() -> None:
    tracks = answers(np.random.default_rng(2), 30, 1.0)
    levels = sums.coverage_levels(tracks)
    total = sums.coverage_statistics(tracks, levels).sum(axis=0)
    risks = [float(sums.risk_at(total, k)) for k in range(len(levels))]
    assert risks[0] < risks[9] < risks[-1]
    assert risks[-1] == pytest.approx(1 - np.mean([one.right.mean() for one in tracks]))
    for k, share in enumerate(sums.COVERAGES):
        assert total[k] / (30 * 200) == pytest.approx(share, abs=0.01)
    assert risks[0] < sums.area_under_risk(total) < risks[-1]


@given(st.floats(1e-3, 0.5), st.integers(5, 300), st.floats(1e-3, 0.3))
def test_so_many_units_show_the_difference_and_one_fewer_do_not(error: float, units: int, wanted: float) -> None:
    needed = units_needed(error, units, wanted)
    assert detectable(error, units, needed) <= wanted
    assert needed == 2 or detectable(error, units, needed - 1) > wanted


def test_more_of_the_same_subjects_show_the_half() -> None:
    assert detectable(0.02, 400, 1600) == pytest.approx(detectable(0.02, 400, 400) / 2)
