"""What a data set can show: the smallest difference it would see, and how many subjects a given one needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from abawbench.contracts import Metric, UsageError
from abawbench.records.record import Record
from abawbench.records.track_statistics import TrackStatistics
from abawbench.statistics.paired import compare_paired
from abawbench.statistics.power import detectable, units_needed

MOST_PAIRS = 30


@dataclass(frozen=True)
class Needed:
    """How many subjects show a difference."""

    difference: float
    subjects: int


@dataclass(frozen=True)
class Powered:
    """What a pair of runs says about differences such as theirs."""

    a: str
    b: str
    difference: float
    standard_error: float
    subjects: int
    detectable: float
    """The smallest difference that these subjects show with a probability of 80%."""
    detectable_here: float | None
    """The same on the data set that was asked about, where there is one."""
    needed: tuple[Needed, ...]


def measure_power(
    runs: Sequence[tuple[Path, Record, TrackStatistics]],
    metric: Metric,
    differences: Sequence[float],
    subjects: int | None = None,
) -> list[Powered]:
    """Return what each pair of runs on the same tracks says, those with the smallest error first.

    How far two models differ from track to track depends on the two; near relatives need fewer subjects. ``subjects``
    are those of another data set. Raises UsageError without two runs on the same tracks.
    """
    found = []
    for (_, one, own), (_, other, theirs) in combinations(runs, 2):
        if set(own.tracks) != set(theirs.tracks) or own.values.shape != theirs.values.shape:
            continue
        got = compare_paired(
            metric.value, own.values, theirs.in_order_of(own.tracks), groups=own.subjects, replicates=200
        )
        if not got.standard_error > 0:
            continue
        found.append(
            Powered(
                a=one.describe(seeds=True),
                b=other.describe(seeds=True),
                difference=got.value,
                standard_error=got.standard_error,
                subjects=got.units,
                detectable=detectable(got.standard_error, got.units, got.units),
                detectable_here=None if subjects is None else detectable(got.standard_error, got.units, subjects),
                needed=tuple(Needed(d, units_needed(got.standard_error, got.units, d)) for d in differences),
            )
        )
        if len(found) == MOST_PAIRS:
            break
    if not found:
        raise UsageError(
            f"{len(runs)} run(s), and no two on the same tracks that differ; run two models, or one with two seeds"
        )
    return sorted(found, key=lambda one: one.standard_error)
