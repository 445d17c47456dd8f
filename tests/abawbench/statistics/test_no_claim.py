"""Where too few units or a disagreement leave nothing to claim, no interval and no p-value say otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench.statistics.bootstrap import interval
from abawbench.statistics.paired import Difference, compare_paired


def mean(statistics: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray(statistics[..., 0] / statistics[..., 1])


def paired(differences: list[float], level: float = 0.95) -> Difference:
    a = np.stack([np.zeros(len(differences)), np.ones(len(differences))], axis=1)
    b = np.stack([np.array(differences), np.ones(len(differences))], axis=1)
    return compare_paired(mean, a, b, replicates=2000, level=level)


@pytest.mark.parametrize("units", [1, 2, 3, 4])
def test_below_five_units_nothing_is_claimed(units: int) -> None:
    found = paired([0.5 + n / 10 for n in range(units)])
    assert found.value == pytest.approx(0.5 + (units - 1) / 20)
    assert np.isnan([found.low, found.high, found.p_value, found.detectable]).all()
    assert "too few to claim" in found.reason
    assert found.lowest <= found.value <= found.highest
    alone = interval(mean, np.stack([np.arange(units), np.ones(units)], axis=1), replicates=500)
    assert np.isnan([alone.low, alone.high]).all()
    assert "too few to claim" in alone.reason


def test_that_nothing_differs_holds_of_one_track_too() -> None:
    found = paired([0.0])
    assert (found.value, found.low, found.high, found.p_value, found.reason) == (0, 0, 0, 1, None)


@given(
    st.lists(st.floats(-1, 1).map(lambda x: round(x, 2)), min_size=1, max_size=12), st.sampled_from([0.9, 0.95, 0.99])
)
def test_an_interval_that_is_shown_agrees_with_its_p_value(differences: list[float], level: float) -> None:
    found = paired(differences, level)
    if np.isnan(found.low):
        assert found.reason
    else:
        assert (found.low > 0 or found.high < 0) == (found.p_value < 1 - level)
        assert found.units >= 5 or found.value == 0
