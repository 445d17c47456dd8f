"""Macro F1 of two classes with the organisers' average precision beside it, as the BAH scorer computes both."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Task, UsageError
from abawbench.contracts.metric import Statistics
from abawbench_plugins.metrics.checks import check_size
from abawbench_plugins.metrics.f1 import MacroF1, WeightedF1

THRESHOLDS = np.arange(1000) / 1000
"""0.000, 0.001 to 0.999, each the nearest float64 of its decimal."""
_BLOCK = 1000
"""Replicates at a time: a curve of 1000 points each, so 10,000 of them at once would take 80 MB an array."""


class MacroF1WithAP(MacroF1):
    """Mean F1 of the two classes, 0 to 1; the parts hold each F1, ``weighted`` F1 and ``ap``.

    ``ap`` is the organisers' average precision of class 1, not scikit-learn's: precision and recall at the thresholds
    0.000 to 0.999, where class 1 is predicted if its score is at least the threshold, precision is 0 where nothing is
    predicted, and the trapezoids under (recall, precision) are added up. No anchor point is put at recall 0. Without
    scores for every item it is 0. Scores are compared in their own precision, so that a float32 of 0.7 reaches 0.7.

    Statistics are those of ``MacroF1`` and the counts of TP and FP at each threshold: S = 7 + 2000.

    Source: abaw-protocols, section 5.3 (the scorer of ABAW10 and 11, CONFIRMED); that the area is counted positive
    although recall falls with the threshold, and that recall is 0 without any item of class 1, is INFERRED.
    """

    kinds = ("multiclass",)

    def __init__(self, task: Task, absent_class: str = "zero") -> None:
        super().__init__(task, absent_class)
        if len(task.outputs) != 2:
            raise UsageError(f"it needs a task of two classes, '{task.name}' has {len(task.outputs)}")
        self._counts = self.size
        self._weighted = WeightedF1(task, absent_class)
        self.size += 2 * len(THRESHOLDS)

    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        """Return the counts of one track without its scores, float64 [S]; see ``Metric.statistics``."""
        counts = super().statistics(prediction, target, mask)
        return np.concatenate([counts, np.zeros(2 * len(THRESHOLDS))])

    def scored_statistics(
        self, scores: NDArray[Any], prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]
    ) -> Statistics:
        """Return the counts of one track, float64 [S]. Raises ValueError for a score outside 0 to 1."""
        statistics = self.statistics(prediction, target, mask)
        positive = np.asarray(scores)[mask, 1]
        if not ((positive >= 0) & (positive <= 1)).all():
            raise ValueError(f"{self.task.name}: the scores of '{self.task.outputs[1]}' must be in 0 to 1")
        reached = np.searchsorted(THRESHOLDS.astype(positive.dtype), positive, side="right")
        for place, label in enumerate((1, 0)):
            passed = np.bincount(reached[np.asarray(target)[mask] == label], minlength=len(THRESHOLDS) + 1)
            start = self._counts + place * len(THRESHOLDS)
            statistics[start : start + len(THRESHOLDS)] = passed[::-1].cumsum()[-2::-1]
        return statistics

    def parts(self, statistics: Statistics) -> dict[str, Statistics]:
        """Return ``absent`` and ``present`` (the F1 of each class), ``weighted`` and ``ap``, each [...]."""
        counts = check_size(statistics, self.size)[..., : self._counts]
        return {
            **super().parts(statistics),
            "weighted": self._weighted.value(counts),
            "ap": self.average_precision(statistics),
        }

    def scores(self, statistics: Statistics) -> Statistics:
        """Return the F1 of the two classes, [..., 2], for statistics [..., S]."""
        return self._weighted.scores(check_size(statistics, self.size)[..., : self._counts])

    def average_precision(self, statistics: Statistics) -> Statistics:
        """Return the organisers' average precision, [...], for statistics [..., S]; NaN without annotated items."""
        statistics = check_size(statistics, self.size)
        rows = statistics.reshape(-1, self.size)
        blocks = [self._area(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)]
        return np.concatenate(blocks or [np.zeros(0)]).reshape(statistics.shape[:-1])

    def _area(self, rows: Statistics) -> Statistics:
        hits, false = np.split(rows[:, self._counts :], 2, axis=1)
        n, positives = rows[:, 0], rows[:, 2] + rows[:, 6]
        chosen = hits + false
        precision = hits / np.where(chosen == 0, 1.0, chosen)
        recall = hits / np.where(positives == 0, 1.0, positives)[:, None]
        area = ((recall[:, :-1] - recall[:, 1:]) * (precision[:, :-1] + precision[:, 1:])).sum(axis=1) / 2
        # everything reaches the threshold 0, so fewer there than annotated means that some had no score
        return np.where(n == 0, np.nan, np.where(chosen[:, 0] == n, area, 0.0))
