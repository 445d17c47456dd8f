"""The results of a table, and the difference of any two of them."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

import numpy as np

from abawbench.compare.comparison import load_statistics, metric_of
from abawbench.compare.sides import Run
from abawbench.contracts.errors import AbawbenchError
from abawbench.contracts.metric import Metric, Statistics
from abawbench.plugins import Plugins
from abawbench.records.track_statistics import TrackStatistics
from abawbench.statistics.bootstrap import resample_totals, sum_by_group
from abawbench.statistics.paired import Difference, compare_resampled

TOGETHER = 16
"""Results that are resampled at a time: drawing the weights costs more than using them, and memory is bounded."""

Loaded = tuple[Metric, TrackStatistics]
_Order = tuple[tuple[str, ...], tuple[str, ...]]


class Pairs:
    """Results by place, each read and resampled once.

    Attributes:
        loaded: The metric and the statistics of each, or the sentence that says why it has none.
    """

    def __init__(self, runs: Sequence[Run], plugins: Plugins) -> None:
        self.loaded = [_load(run, plugins) for run in runs]
        self._orders = {place: _order_of(one[1]) for place, one in enumerate(self.loaded) if not isinstance(one, str)}
        self._values: dict[int, Statistics] = {}
        self._units: dict[int, int] = {}
        alike: dict[_Order, list[int]] = defaultdict(list)
        for place, order in self._orders.items():
            alike[order].append(place)
        for order, places in alike.items():
            left = iter(places)
            while some := list(islice(left, TOGETHER)):
                self._resample(some, order)

    def _resample(self, places: Sequence[int], order: _Order) -> None:
        """Keep the value of each resample of some results on the same tracks."""
        tracks, subjects = order
        found = [one for place in places if not isinstance(one := self.loaded[place], str)]
        units = [sum_by_group(statistics.in_order_of(tracks), subjects) for _, statistics in found]
        totals = resample_totals(np.concatenate(units, axis=1))
        parts = np.split(totals, np.cumsum([each.shape[1] for each in units])[:-1], axis=1)
        for place, (metric, _), each, part in zip(places, found, units, parts, strict=True):
            self._values[place] = metric.value(part)
            self._units[place] = len(each)

    def difference(self, a: int, b: int) -> Difference | str:
        """Return the difference of result ``b`` from ``a``, or why there is none.

        It is that of ``comparison.compare`` for the two runs alone: no correction for looking at many pairs.
        """
        missing = next((one for one in (self.loaded[a], self.loaded[b]) if isinstance(one, str)), None)
        if missing is not None:
            return missing
        if self._orders[a] != self._orders[b]:
            return "the scored tracks or their subjects differ"
        return compare_resampled(self._values[a], self._values[b], self._units[a])


def _load(run: Run, plugins: Plugins) -> Loaded | str:
    try:
        metric = metric_of(run.record, plugins)
        return metric, load_statistics(run, metric)
    except AbawbenchError as error:
        return str(error)


def _order_of(statistics: TrackStatistics) -> _Order:
    subject = dict(zip(statistics.tracks, statistics.subjects, strict=True))
    order = tuple(sorted(subject))
    return order, tuple(subject[track] for track in order)
