"""Confidence intervals by resampling tracks: replicates of the total from one matrix product."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.metric import Metric, Statistics
from abawbench.statistics.jackknife import acceleration, degrees_of_freedom, variance_of
from abawbench.statistics.student import NORMAL, widen_tail

Method = Literal["percentile", "BCa", "widened"]
"""Percentile: Efron (1979), Annals of Statistics 7. BCa: Efron (1987), JASA 82. Widened: the outer ends of both, each
with the tail of ``student.widen_tail``. Percentile errs where the metric is biased, BCa where a few tracks decide its
correction; by simulation (``tests/simulations/coverage.py``) only both hold their level over 30 to 160 tracks."""
REPLICATES = 10_000
ENOUGH = 5
"""Independent units below which nothing is claimed: by simulation a "95%" interval over 2, 3 and 4 covers 48, 78 and
88%, and from 5 on it holds its level."""
BLOCK = 250_000
"""Weights drawn at a time: 2 MB stay in the cache, and thousands of tracks (EMI has 4,588) need no gigabytes."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval and how it was made. Without one, ``low`` and ``high`` are NaN and ``reason`` says why."""

    low: float
    high: float
    level: float
    method: Method = "percentile"
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


def sum_by_group(statistics: Statistics, groups: Sequence[str] | None) -> Statistics:
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


def resample(units: Statistics, replicates: int = REPLICATES, seed: int = 0) -> Statistics:
    """Return replicates of the total, [replicates, S], for the statistics of units [units, S].

    Equals ``track_weights(...) @ units`` without ever holding all weights. Two models scored on the same units get
    the same draws from the same seed.
    """
    return np.concatenate([block @ units for block in _weight_blocks(len(units), replicates, seed)])


def resample_totals(units: Statistics, replicates: int = REPLICATES, seed: int = 0) -> Statistics:
    """Return the replicates of the total, the total without each unit, and the total: [replicates + units + 1, S]."""
    total = units.sum(axis=0)
    return np.concatenate([resample(units, replicates, seed), total - units, total[None]])


def interval(
    value: Callable[[Statistics], Statistics],
    statistics: Statistics,
    *,
    groups: Sequence[str] | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
    seed: int = 0,
    method: Method = "percentile",
) -> Interval:
    """Return the interval of a value over tracks with statistics [tracks, S].

    ``value`` maps statistics [..., S] to [...], like ``Metric.value``; ``groups`` names the subject of each track. Give
    only tracks that have annotated frames: one without them would count as a unit and widen the interval.
    """
    units = sum_by_group(statistics, groups)
    rows = _rows(units, replicates, level, seed)
    return _interval(value(rows), len(units), level, seed, method)


def intervals(
    metric: Metric,
    statistics: Statistics,
    *,
    groups: Sequence[str] | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
    seed: int = 0,
    method: Method = "percentile",
) -> tuple[Interval, dict[str, Interval]]:
    """Return the intervals of a metric's value and of each named part, all from the same draws; see ``interval``."""
    units = sum_by_group(statistics, groups)
    rows = _rows(units, replicates, level, seed)
    parts = {name: _interval(found, len(units), level, seed, method) for name, found in metric.parts(rows).items()}
    return _interval(metric.value(rows), len(units), level, seed, method), parts


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


def _rows(units: Statistics, replicates: int, level: float, seed: int) -> Statistics:
    """Return what ``resample_totals`` does."""
    if not 0 < level < 1:
        raise ValueError(f"the level must be between 0 and 1, not {level}")
    if len(units) < 2:  # nothing to resample; the zeros only carry the shape
        return np.zeros((replicates + len(units) + 1, units.shape[1]))
    return resample_totals(units, replicates, seed)


def _interval(values: Statistics, units: int, level: float, seed: int, method: Method) -> Interval:
    """Return the interval from the values of ``_rows``."""
    drawn, without, estimate = values[: -units - 1], values[-units - 1 : -1], float(values[-1])
    usable = drawn[~np.isnan(drawn)]
    low, high, reason = np.nan, np.nan, None
    if units < ENOUGH:
        reason = too_few(units)
    elif len(usable) < level * len(drawn):
        reason = without_value(len(drawn) - len(usable), len(drawn))
    else:
        without, tail = without[~np.isnan(without)], (1 - level) / 2
        if method == "widened":
            tail = widen_tail(tail, degrees_of_freedom(without), narrowness(usable, without))
        plain, corrected = (tail, 1 - tail), bca_shares(usable, estimate, without, tail)
        outer = min(plain[0], corrected[0]), max(plain[1], corrected[1])
        low, high = np.quantile(usable, {"percentile": plain, "BCa": corrected, "widened": outer}[method])
    return Interval(
        low=float(low),
        high=float(high),
        level=level,
        method=method,
        replicates=len(drawn),
        dropped=len(drawn) - len(usable) if units >= 2 else 0,
        seed=seed,
        units=units,
        reason=reason,
    )


def too_few(units: int) -> str:
    """Return why nothing is claimed from so few units."""
    subjects = "subject is" if units == 1 else "subjects are"
    return f"{units} independent {subjects} too few to claim anything, {ENOUGH} are needed"


def without_value(dropped: int, drawn: int) -> str:
    """Return why nothing is claimed where so many resamples have no value: the others do not stand for them."""
    return f"{dropped:,} of {drawn:,} resamples have no value"


def narrowness(usable: Statistics, without: Statistics) -> float:
    """Return how many times the jackknife's standard error exceeds the spread of the replicates; 1 without spread."""
    spread, error = float(usable.std()), variance_of(without) ** 0.5 if len(without) > 1 else 0.0
    return error / spread if spread > 0 else 1.0


def bca_shares(usable: Statistics, estimate: float, without: Statistics, tail: float) -> tuple[float, float]:
    """Return the shares of replicates below the ends of a bias-corrected and accelerated interval.

    ``without`` holds the values without each unit. Source: Efron (1987), JASA 82, "Better bootstrap confidence
    intervals"; replicates equal to the estimate count half, so that a discrete metric is not called biased.
    """
    below = np.count_nonzero(usable < estimate) + np.count_nonzero(usable == estimate) / 2
    if not 0 < below < len(usable) or not without.size:  # every replicate on one side: nothing to correct with
        return tail, 1 - tail
    bias, bend = NORMAL.inv_cdf(below / len(usable)), acceleration(without)

    def moved(z: float) -> float:
        stretch = 1 - bend * (bias + z)
        return NORMAL.cdf(bias + (bias + z) / stretch) if stretch > 0 else float(z > 0)  # the limit from above

    return moved(NORMAL.inv_cdf(tail)), moved(-NORMAL.inv_cdf(tail))
