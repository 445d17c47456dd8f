"""Does a model do worse for some people? The largest gap between groups, by permuting who belongs to which."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.metric import Statistics
from abawbench.statistics.jackknife import Value

PERMUTATIONS = 2_000
CHUNK = 200
"""Permutations at a time."""


@dataclass(frozen=True)
class Gap:
    """The largest gap between two groups."""

    value: float
    low_group: int
    """The group with the smallest value."""
    high_group: int
    p_value: float
    """Of a gap as large as this one between any two groups, were it chance who is in which."""
    permutations: int


def group_sums(units: Statistics, member: NDArray[np.int64], groups: int) -> Statistics:
    """Return the statistics [groups, S] of units [units, S] that are members of groups."""
    return np.eye(groups)[member].T @ units


def largest_gap(
    value: Value, units: Statistics, member: NDArray[np.int64], permutations: int = PERMUTATIONS, seed: int = 0
) -> Gap:
    """Return the largest gap between groups, for the statistics of units [units, S] and the group of each.

    The largest gap of each permutation is the yardstick, so the p-value holds however many groups there are. A group
    without a value counts for none. Source: Westfall & Young (1993), Resampling-Based Multiple Testing, the max-T
    method; the +1: Davison & Hinkley (1997), 4.2. Raises ValueError for fewer than two groups.
    """
    groups = int(member.max()) + 1 if len(member) else 0
    if groups < 2:
        raise ValueError("a gap needs two groups")
    observed = value(group_sums(units, member, groups))
    if np.isnan(observed).all():
        return Gap(float("nan"), 0, 0, float("nan"), 0)
    random, found = np.random.default_rng(seed), []
    one_hot = np.eye(groups)
    for start in range(0, permutations, CHUNK):
        orders = random.permuted(np.tile(member, (min(CHUNK, permutations - start), 1)), axis=1)
        values = value(one_hot[orders].transpose(0, 2, 1) @ units)
        found.append(_gap(values))
    drawn, gap = np.concatenate(found), float(_gap(observed))
    drawn = drawn[~np.isnan(drawn)]
    # an order that gives the same sums gives the same gap but for rounding
    larger = int(np.count_nonzero(drawn >= gap * (1 - 1e-12)))
    return Gap(
        gap, int(np.nanargmin(observed)), int(np.nanargmax(observed)), (1 + larger) / (len(drawn) + 1), len(drawn)
    )


def _gap(values: Statistics) -> Statistics:
    high = np.where(np.isnan(values), -np.inf, values).max(axis=-1)
    low = np.where(np.isnan(values), np.inf, values).min(axis=-1)
    return np.where(np.isfinite(high - low), high - low, np.nan)
