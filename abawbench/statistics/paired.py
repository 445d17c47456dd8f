"""Is one model better than another on the same tracks? The difference, from resamples that both share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abawbench.contracts.metric import Statistics
from abawbench.statistics.bootstrap import (
    ENOUGH,
    REPLICATES,
    narrowness,
    resample_totals,
    sum_by_group,
    too_few,
    without_value,
)
from abawbench.statistics.jackknife import Value, degrees_of_freedom, variance_of
from abawbench.statistics.student import nominal_tail, quantile, widen_tail

POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The value of B minus that of A on shared tracks.

    What cannot be computed or is not claimed is NaN, and ``reason`` says why: too few units, or an interval and a
    p-value that disagree, which they do where the interval ends at the most extreme resample.
    """

    value: float
    low: float
    high: float
    level: float
    p_value: float
    """Two-sided, by inverting the interval: below 1 - level where that leaves out 0."""
    standard_error: float
    """Over tracks, by the jackknife."""
    detectable: float
    """The smallest true difference that this data would have shown, with a probability of 80%."""
    lowest: float
    """The lowest difference of any resample: what holds of these tracks, and is no claim about others."""
    highest: float
    units: int
    replicates: int
    reason: str | None = None


def compare_paired(
    value: Value,
    a: Statistics,
    b: Statistics,
    *,
    groups: Sequence[str] | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Return the difference B - A for statistics [tracks, S] or, of several seeds, [seeds, tracks, S].

    Both models get the same draws of the same tracks, those of one subject together, so that what is hard for both
    cancels. Of several seeds the means of their values are compared, the seeds taken as they are. The interval is the
    widened percentile interval; the p-value inverts it. Raises ValueError when the shapes differ.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, 15.4 and 16.4; the +1 of the p-value: Davison
    & Hinkley (1997), 4.2; the smallest detectable difference: Bloom (1995), Evaluation Review 19.
    """
    units, seeds = _side_by_side(a, b, groups)
    rows = units.sum(axis=0)[None]
    if len(units) > 1:
        rows = resample_totals(units, replicates, seed)
    values = value(rows.reshape(len(rows), 2, seeds, -1)).mean(axis=-1)
    return _difference(values[:, 1] - values[:, 0], len(units), level)


def compare_resampled(a: Statistics, b: Statistics, units: int, level: float = 0.95) -> Difference:
    """Return the difference B - A that ``compare_paired`` gives, from the values of both over ``units``.

    They are the values of what ``bootstrap.resample_totals`` gives, [replicates + units + 1]: so each of many models
    is resampled once, not once for every pair.
    """
    return _difference(b - a, units, level)


def _difference(differences: Statistics, units: int, level: float) -> Difference:
    """Return the difference, given those of each replicate, without each unit, and of all."""
    drawn, without = differences[: -units - 1], differences[-units - 1 : -1]
    if units < 2:  # there is nothing to resample, and nothing to leave out
        drawn = without = differences[-1:]
    given = len(drawn)
    drawn, without = drawn[~np.isnan(drawn)], without[~np.isnan(without)]
    if not drawn.size or np.isnan(differences[-1]):
        return _unknown("the metric is not defined on these tracks", units, level)
    factor, df, tail = narrowness(drawn, without), degrees_of_freedom(without), (1 - level) / 2
    share = widen_tail(tail, df, factor)
    low, high = (float(end) for end in np.quantile(drawn, (share, 1 - share)))
    p_value, error, reason = _p_value(drawn, df, factor), variance_of(without) ** 0.5, None
    detectable = error * (quantile(tail, df) + quantile(1 - POWER, df))
    if units < ENOUGH and drawn.any():  # that nothing differs at all holds of one track too
        low = high = p_value = detectable = float("nan")
        reason = too_few(units)
    elif len(drawn) < level * given:
        low = high = p_value = detectable = float("nan")
        reason = without_value(given - len(drawn), given)
    elif (low > 0 or high < 0) != (p_value < 1 - level):
        reason = (
            f"the {level:.4g} interval [{low:+.3f}, {high:+.3f}] and p = {p_value:.3f} disagree: nothing is claimed"
        )
        low = high = float("nan")
    return Difference(
        value=float(differences[-1]),
        low=low,
        high=high,
        level=level,
        p_value=p_value,
        standard_error=error,
        detectable=detectable,
        lowest=float(drawn.min()),
        highest=float(drawn.max()),
        units=units,
        replicates=len(drawn),
        reason=reason,
    )


def spread_of_seeds(value: Value, statistics: Statistics) -> float:
    """Return the standard deviation between seeds of the value, for statistics [seeds, tracks, S]; NaN of one seed.

    The tracks stay the same, so this is what training again changes and says nothing about other tracks; the
    interval over tracks, in turn, takes the seeds as they are. The two are reported apart.

    Source: Bouthillier et al. (2021), Accounting for Variance in Machine Learning Benchmarks, MLSys.
    """
    values = value(statistics.sum(axis=1))
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _side_by_side(a: Statistics, b: Statistics, groups: Sequence[str] | None) -> tuple[Statistics, int]:
    """Return the units of A's seeds, then of B's, [units, 2 * seeds * S], and the number of seeds."""
    a, b = (np.asarray(x, dtype=np.float64) for x in (a, b))
    if a.shape != b.shape or a.ndim not in (2, 3):
        raise ValueError(
            f"A has statistics {list(a.shape)} and B {list(b.shape)}: expected the same [(seeds,) tracks, S]"
        )
    both = np.stack([a, b]).reshape(2, -1, *a.shape[-2:])
    flat = both.transpose(2, 0, 1, 3).reshape(both.shape[2], -1)
    return sum_by_group(flat, groups), both.shape[1]


def _p_value(drawn: Statistics, df: int, factor: float) -> float:
    """Return the smallest level at which the widened interval of these replicates leaves out 0."""
    share = (1 + min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))) / (len(drawn) + 1)
    return min(1.0, 2 * nominal_tail(share, df, factor)) if share < 0.5 else 1.0


def _unknown(reason: str, units: int, level: float) -> Difference:
    none = float("nan")
    return Difference(
        value=none,
        low=none,
        high=none,
        level=level,
        p_value=none,
        standard_error=none,
        detectable=none,
        lowest=none,
        highest=none,
        units=units,
        replicates=0,
        reason=reason,
    )
