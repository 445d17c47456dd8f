"""What a validation set can show: how many subjects a difference needs."""

import math

from abawbench.statistics.paired import POWER
from abawbench.statistics.student import NORMAL, quantile

LARGE = 200
"""Degrees of freedom from which on Student's t is as good as normal here."""
MOST = 10**9
"""Units beyond which nobody counts."""


def detectable(standard_error: float, units: int, others: int, level: float = 0.95, power: float = POWER) -> float:
    """Return the smallest difference that ``others`` units would show, given its standard error over ``units``.

    The error shrinks with the root of the units. Source: Bloom (1995), Evaluation Review 19.
    """
    tail, df = (1 - level) / 2, max(others - 1, 1)
    if df >= LARGE:
        reach = -NORMAL.inv_cdf(tail) - NORMAL.inv_cdf(1 - power)
    else:
        reach = quantile(tail, df) + quantile(1 - power, df)
    return standard_error * math.sqrt(units / others) * reach


def units_needed(
    standard_error: float, units: int, difference: float, level: float = 0.95, power: float = POWER
) -> int:
    """Return the smallest number of units that would show a difference with this power; at most ``MOST``.

    Raises ValueError for a difference that is not above 0.
    """
    if not difference > 0:
        raise ValueError(f"a difference to show is above 0, not {difference}")

    def shows(count: int) -> bool:
        return detectable(standard_error, units, count, level, power) <= difference

    low, high = 1, 2
    while not shows(high) and high < MOST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return min(high, MOST)
