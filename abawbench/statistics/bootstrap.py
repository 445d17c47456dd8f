"""Confidence intervals by resampling tracks: replicates of the total from one matrix product."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.metric import Metric, Statistics

REPLICATES = 10_000
BLOCK = 250_000
"""Weights drawn at a time: 2 MB stay in the cache, and thousands of tracks (EMI has 4,588) need no gigabytes."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval and how it was made. Without one, ``low`` and ``high`` are NaN and ``reason`` says why."""

    low: float
    high: float
    level: float
    method: Literal["percentile"] = "percentile"
    replicates: int
    dropped: int = 0
    """Replicates that had no value (NaN) and were left out."""
    seed: int
    units: int
    """How many groups of tracks were resampled."""
    reason: str | None = None


def track_weights(units: int, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.float64]:
    """Return how often each unit is drawn in each replicate, whole numbers as float64 [replicates, units].

    Every row is one multinomial draw of ``units`` units with replacement, so it sums to ``units``. The same numbers
    give the same weights, which is what makes a comparison of two models paired.
    """
    return np.concatenate(list(_weight_blocks(units, replicates, seed)))


def grouped(statistics: Statistics, groups: Sequence[str] | None) -> Statistics:
    """Return the statistics [units, S] of tracks [tracks, S] added up by group, in the order of the sorted names.

    Tracks of one subject are not independent, so they are resampled together. Without groups every track is its own.
    Raises ValueError when the number of groups is not the number of tracks.
    """
    statistics = np.asarray(statistics, dtype=np.float64)
    if statistics.ndim != 2:
        raise ValueError(f"statistics must have shape [tracks, S], not {list(statistics.shape)}")
    if groups is None:
        return statistics
    if len(groups) != len(statistics):
        raise ValueError(f"{len(groups)} groups for {len(statistics)} tracks: give one group per track")
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    total = np.zeros((len(names), statistics.shape[1]))
    np.add.at(total, index, statistics)
    return total


def resampled(units: Statistics, replicates: int = REPLICATES, seed: int = 0) -> Statistics:
    """Return replicates of the total, [replicates, S], for the statistics of units [units, S].

    Equals ``track_weights(...) @ units`` without ever holding all weights. Two models scored on the same units get
    the same draws from the same seed.
    """
    return np.concatenate([block @ units for block in _weight_blocks(len(units), replicates, seed)])


def interval(
    value: Callable[[Statistics], Statistics],
    statistics: Statistics,
    *,
    groups: Sequence[str] | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of a value over tracks with statistics [tracks, S].

    ``value`` maps statistics [..., S] to [...], like ``Metric.value``; ``groups`` names the subject of each track. Give
    only tracks that have annotated frames: one without them would count as a unit and widen the interval.
    """
    units = grouped(statistics, groups)
    return _percentiles(value(_totals(units, replicates, level, seed)), len(units), level, seed)


def intervals(
    metric: Metric,
    statistics: Statistics,
    *,
    groups: Sequence[str] | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Interval, dict[str, Interval]]:
    """Return the intervals of a metric's value and of each named part, all from the same draws; see ``interval``."""
    units = grouped(statistics, groups)
    totals = _totals(units, replicates, level, seed)
    parts = {name: _percentiles(values, len(units), level, seed) for name, values in metric.parts(totals).items()}
    return _percentiles(metric.value(totals), len(units), level, seed), parts


def _weight_blocks(units: int, replicates: int, seed: int) -> Iterator[NDArray[np.float64]]:
    if units < 1 or replicates < 1:
        raise ValueError(f"cannot draw {replicates} replicates of {units} units: give at least 1 of each")
    random = np.random.default_rng(seed)
    size = max(1, BLOCK // units)
    for start in range(0, replicates, size):
        rows = min(size, replicates - start)
        drawn = random.integers(0, units, (rows, units))
        drawn += np.arange(0, rows * units, units)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)


def _totals(units: Statistics, replicates: int, level: float, seed: int) -> Statistics:
    if not 0 < level < 1:
        raise ValueError(f"the level must be between 0 and 1, not {level}")
    if len(units) < 2:  # nothing to resample; the zeros only carry the shape
        return np.zeros((replicates, units.shape[1]))
    return resampled(units, replicates, seed)


def _percentiles(values: Statistics, units: int, level: float, seed: int) -> Interval:
    usable = values[~np.isnan(values)]
    low, high, reason = np.nan, np.nan, None
    if units < 2:
        reason = f"an interval over tracks needs at least 2 independent tracks, there is {units}"
    elif not usable.size:
        reason = "no replicate has a value"
    else:
        low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        low=float(low),
        high=float(high),
        level=level,
        replicates=len(values),
        dropped=len(values) - len(usable) if units >= 2 else 0,
        seed=seed,
        units=units,
        reason=reason,
    )
