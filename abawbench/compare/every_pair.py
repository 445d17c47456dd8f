"""Every two results of one table against each other, each resampled once."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from abawbench.compare.comparison import load_statistics, metric_of
from abawbench.compare.sides import Run
from abawbench.contracts.errors import AbawbenchError
from abawbench.contracts.metric import Metric, Statistics
from abawbench.plugins import Plugins
from abawbench.records.track_statistics import TrackStatistics
from abawbench.statistics.bootstrap import sum_by_group
from abawbench.statistics.paired import Difference, compare_resampled, resampled_values

Loaded = tuple[Metric, TrackStatistics]


def load_all(runs: Sequence[Run], plugins: Plugins) -> list[Loaded | str]:
    """Return the metric and the statistics of each run, or the sentence that says why it has none."""
    found: list[Loaded | str] = []
    for run in runs:
        try:
            metric = metric_of(run.record, plugins)
            found.append((metric, load_statistics(run, metric)))
        except AbawbenchError as error:
            found.append(str(error))
    return found


def compare_every_pair(loaded: Sequence[Loaded | str]) -> Mapping[tuple[int, int], Difference | str]:
    """Return the difference of every later result from every earlier one, by place, or why there is none.

    The figures are those of ``comparison.compare`` for the two runs alone: no correction for looking at many pairs.
    """
    values: dict[int, Statistics] = {}
    orders: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    units: dict[int, int] = {}
    for place, one in enumerate(loaded):
        if isinstance(one, str):
            continue
        metric, statistics = one
        order = tuple(sorted(statistics.tracks))
        subject = dict(zip(statistics.tracks, statistics.subjects, strict=True))
        orders[place] = order, tuple(subject[track] for track in order)
        rows = statistics.in_order_of(order)
        values[place] = resampled_values(metric.value, rows, orders[place][1])
        units[place] = len(sum_by_group(rows, orders[place][1]))

    def difference(a: int, b: int) -> Difference | str:
        missing = next((one for one in (loaded[a], loaded[b]) if isinstance(one, str)), None)
        if missing is not None:
            return missing
        if orders[a] != orders[b]:
            return "the scored tracks or their subjects differ"
        return compare_resampled(values[a], values[b], units[a])

    return {(a, b): difference(a, b) for a, b in combinations(range(len(loaded)), 2)}
