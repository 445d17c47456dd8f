"""Are these timings slower than those? The rank test of Mann and Whitney, without and with ties."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from abawbench.statistics.student import NORMAL

EXACT = 20
"""Largest sample for which the distribution is counted out; beyond it, or with ties, the normal approximation."""


def mann_whitney(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the one-sided p-value of x being no larger than y: small where x is larger.

    Source: Mann & Whitney (1947), Annals of Mathematical Statistics 18; normal approximation with tie and continuity
    correction. Raises ValueError for an empty sample.

    >>> round(mann_whitney([3.1, 3.2, 3.3], [1.0, 1.1, 1.2]), 3)
    0.05
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not a.size or not b.size:
        raise ValueError("a rank test needs at least one timing on each side")
    wins = float((a[:, None] > b).sum() + (a[:, None] == b).sum() / 2)
    _, ties = np.unique(np.concatenate([a, b]), return_counts=True)
    if max(a.size, b.size) <= EXACT and ties.max() == 1:
        counts = _counts(a.size, b.size)
        return sum(counts[int(wins) :]) / sum(counts)
    n = a.size + b.size
    variance = a.size * b.size / 12 * (n + 1 - float((ties**3 - ties).sum()) / (n * (n - 1)))
    if variance == 0:
        return 1.0
    return NORMAL.cdf(-(wins - a.size * b.size / 2 - 0.5) / math.sqrt(variance))


@cache
def _counts(m: int, n: int) -> tuple[int, ...]:
    """Return in how many orders of m and n values the m win u = 0 .. m n pairs."""
    # the largest value is one of the m, and wins n pairs, or one of the n
    if m == 0 or n == 0:
        return (1,)
    first, second = (0,) * n + _counts(m - 1, n), _counts(m, n - 1)
    size = m * n + 1
    return tuple((first[u] if u < len(first) else 0) + (second[u] if u < len(second) else 0) for u in range(size))


def rounds_needed(x: Sequence[float], y: Sequence[float], alpha: float, power: float = 0.8) -> int | None:
    """Return how many timings on each side would show a difference as large as this one; None where there is none.

    Source: Noether (1987), JASA 82, for the probability that one of x exceeds one of y as seen here.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    wins = float((a[:, None] > b).mean() + (a[:, None] >= b).mean()) / 2
    if abs(wins - 0.5) < 1e-3:
        return None
    reach = NORMAL.inv_cdf(1 - alpha) + NORMAL.inv_cdf(power)
    return math.ceil(reach**2 / (6 * (wins - 0.5) ** 2))
