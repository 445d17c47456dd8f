"""Quantiles against scipy, and the widening of tails."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from abawbench.statistics.student import nominal_tail, quantile, upper_tail, widen_tail


@given(st.floats(-40, 40), st.integers(1, 3000))
def test_the_tail_of_t_is_that_of_scipy(t: float, df: int) -> None:
    # not tighter: near t = 0 scipy itself is off by 1e-11, as df = 1 shows, where the tail is 1/2 - atan(t)/pi
    assert upper_tail(t, df) == pytest.approx(stats.t.sf(t, df), abs=1e-10)


@given(st.floats(-40, 40))
def test_the_tail_of_one_degree_of_freedom_is_that_of_cauchy(t: float) -> None:
    assert upper_tail(t, 1) == pytest.approx(0.5 - math.atan(t) / math.pi, abs=1e-13)


@given(st.floats(1e-6, 0.5), st.integers(1, 500))
def test_the_quantile_of_t_is_that_of_scipy(tail: float, df: int) -> None:
    assert quantile(tail, df) == pytest.approx(stats.t.isf(tail, df), rel=1e-5, abs=1e-9)


@given(st.integers(1, 300), st.floats(0.5, 3))
def test_a_widened_tail_is_smaller_and_has_an_inverse(df: int, factor: float) -> None:
    share = widen_tail(0.025, df, factor)
    assert 0 < share < 0.025
    if share > 1e-9:  # below that the tail is cut off
        assert nominal_tail(share, df, factor) == pytest.approx(0.025, rel=1e-4)


def test_many_degrees_of_freedom_need_no_widening() -> None:
    assert widen_tail(0.025, 5000, math.sqrt(5000 / 4999)) == pytest.approx(0.025, rel=2e-3)


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="degree of freedom"):
        upper_tail(1.0, 0)
    with pytest.raises(ValueError, match="tail"):
        quantile(0.7, 5)
