"""Normal and Student quantiles, and what they say about resampling few units."""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

NORMAL = NormalDist()
SMALLEST = 1e-12
"""The smallest share of replicates: over 2 units Student's tail would ask for less than float64 can hold."""


def upper_tail(t: float, df: int) -> float:
    """Return P(T > t) for Student's t with a whole number of degrees of freedom.

    The finite series in the angle atan(t / sqrt(df)), exact to float64's rounding in the body of the distribution.
    Raises ValueError when ``df`` is below 1. Source: Abramowitz & Stegun (1964), 26.7.3 and 26.7.4.

    >>> round(upper_tail(2.228, 10), 4)
    0.025
    """
    if df < 1:
        raise ValueError(f"Student's t needs at least 1 degree of freedom, not {df}")
    angle = math.atan(t / math.sqrt(df))
    cosine, odd = math.cos(angle), df % 2
    k = np.arange(1, (df - 1) // 2 if odd else df // 2)
    factors = (2 * k / (2 * k + 1) if odd else (2 * k - 1) / (2 * k)) * cosine**2
    series = 1.0 + float(np.cumprod(factors).sum())
    if odd:
        series = series * cosine if df > 1 else 0.0
        inside = 2 / math.pi * (angle + math.sin(angle) * series)
    else:
        inside = math.sin(angle) * series
    return (1 - inside) / 2


@lru_cache(maxsize=256)
def quantile(tail: float, df: int) -> float:
    """Return t with P(T > t) = ``tail``, for a tail above 0 and at most one half; found by bisection.

    >>> round(quantile(0.025, 10), 3)
    2.228
    """
    if not 0 < tail <= 0.5:
        raise ValueError(f"the tail must be above 0 and at most 0.5, not {tail}")
    low, high = 0.0, 1.0
    while upper_tail(high, df) > tail:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if upper_tail(middle, df) > tail else (low, middle)
    return (low + high) / 2


def widen_tail(tail: float, df: int, factor: float) -> float:
    """Return the share of replicates to leave out on one side so that an interval over few units is wide enough.

    ``factor`` is the jackknife's standard error over the standard deviation of the replicates, which spread too
    little; Student's quantile with the jackknife's degrees of freedom stands for the normal one. For a mean of n units
    these are sqrt(n / (n - 1)) and n - 1, the "expanded percentile interval" of Hesterberg (2015), The American
    Statistician 69(4); over tracks of unequal length it widens more. A factor below 1 counts as 1.

    >>> round(widen_tail(0.025, 9, math.sqrt(10 / 9)), 4), round(widen_tail(0.025, 999, 1.0), 4)
    (0.0086, 0.0249)
    """
    return max(NORMAL.cdf(-max(factor, 1.0) * quantile(tail, df)), SMALLEST)


def nominal_tail(share: float, df: int, factor: float) -> float:
    """Return the tail probability that a share of replicates stands for: the inverse of ``widen_tail``.

    >>> round(nominal_tail(widen_tail(0.025, 9, 1.2), 9, 1.2), 6)
    0.025
    """
    return upper_tail(-NORMAL.inv_cdf(share) / max(factor, 1.0), df)
