"""Which neighbours of a ranking the data can tell apart."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from abawbench.compare.comparison import load_statistics, metric_of
from abawbench.compare.sides import Run
from abawbench.contracts.errors import AbawbenchError
from abawbench.plugins import Plugins
from abawbench.records.record import Record
from abawbench.statistics.paired import compare_paired
from abawbench.statistics.ranking import holm

ALPHA = 0.05
Separate = Callable[[Sequence[Record]], list[bool]]
"""Maps records sorted from the best to whether each differs from the next: one answer fewer than records."""


def count_all_apart(records: Sequence[Record]) -> list[bool]:
    """Return that every neighbour differs: what is said where nothing is known."""
    return [True] * (len(records) - 1)


def compare_neighbours(runs: Sequence[Run], plugins: Plugins) -> Separate:
    """Return what tells neighbours among the records of ``runs`` apart: paired tests, Holm-corrected, at 5%.

    Neighbours without statistics of the same tracks are not compared, and so never share a rank.
    """
    at = {id(run.record): run for run in runs}

    def separate(records: Sequence[Record]) -> list[bool]:
        p_values = [_p_value(at.get(id(a)), at.get(id(b)), plugins) for a, b in pairwise(records)]
        return [p < ALPHA for p in holm(p_values)]

    return separate


def _p_value(a: Run | None, b: Run | None, plugins: Plugins) -> float:
    if a is None or b is None:
        return 0.0
    try:
        metric = metric_of(a.record, plugins)
        one, other = (load_statistics(run, metric) for run in (a, b))
    except AbawbenchError:
        return 0.0
    if set(one.tracks) != set(other.tracks):
        return 0.0
    found = compare_paired(metric.value, one.values, other.in_order_of(one.tracks), groups=one.subjects)
    return found.p_value if found.reason is None else 1.0  # nothing is claimed
