"""F1 scores over a fixed set of classes or action units: macro and weighted by support."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Metric, Task
from abawbench.contracts.metric import Statistics
from abawbench_plugins.metrics.checks import check_size, require_kind, select_annotated

_ABSENT = {"zero": 0.0, "one": 1.0, "left-out": np.nan}


class MacroF1(Metric):
    """Unweighted mean over the task's K outputs of F1 = 2 TP / (2 TP + FP + FN), 0 to 1.

    For a multiclass task each class is one against the rest; for a multilabel task it is the F1 of the positive
    label. K is the number of outputs of the task and never of those that happen to occur: an output that is in
    neither prediction nor target has F1 0 and stays in the denominator (assumption ``absent-class``: 1, or left out).
    Outputs that the database has no labels of (``Task.left_out``) take no part in the mean and are no part of it.
    Without any annotated frame it is NaN.

    Statistics are (n, TP, FP, FN), the last three for each output: S = 1 + 3 K.

    Source: P_EXPR and P_AU of the ABAW editions 3 to 10, P_CE of 6 to 8.
    """

    higher_is_better = True
    kinds: tuple[str, ...] = ("multiclass", "multilabel")

    def __init__(self, task: Task, absent_class: str = "zero") -> None:
        require_kind(task, *self.kinds)
        self._absent = _ABSENT[absent_class]
        self.task = task
        self.size = 1 + 3 * len(task.outputs)

    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        """Return the counts of one track, float64 [S]; see ``Metric.statistics``."""
        predicted, actual = select_annotated(self.task, prediction, target, mask)
        n, classes = len(actual), len(self.task.outputs)
        if self.task.kind == "multiclass":
            confusion = np.bincount(actual * classes + predicted, minlength=classes**2).reshape(classes, classes)
            hits, chosen, support = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
        else:
            hits, chosen, support = (bits.sum(axis=0) for bits in (predicted & actual, predicted, actual))
        return np.concatenate([[n], hits, chosen - hits, support - hits]).astype(np.float64)

    def value(self, statistics: Statistics) -> Statistics:
        """Return the mean F1, [...], for statistics [..., S]; NaN where no frame is annotated."""
        scores = self.scores(statistics)
        if self.task.left_out:  # else untouched: another layout in memory would be summed in another order
            scores = np.ascontiguousarray(scores[..., self.task.counted])
        if np.isnan(self._absent):
            there = ~np.isnan(scores)
            count = there.sum(axis=-1)
            mean = np.where(there, scores, 0.0).sum(axis=-1) / np.maximum(count, 1)
            return np.where(count > 0, mean, np.nan)
        return np.asarray(scores.mean(axis=-1))

    def parts(self, statistics: Statistics) -> dict[str, Statistics]:
        """Return the F1 of every output by its name, each [...]; NaN where no frame is annotated."""
        scores = self.scores(statistics)
        return {name: scores[..., k] for k, name in enumerate(self.task.outputs) if self.task.counted[k]}

    def scores(self, statistics: Statistics) -> Statistics:
        """Return the F1 of every output, [..., K], for statistics [..., S]."""
        statistics = check_size(statistics, self.size)
        hits, false, missed = np.split(statistics[..., 1:], 3, axis=-1)
        twice = 2 * hits + false + missed
        scores = np.where(twice == 0, self._absent, 2 * hits / np.where(twice == 0, 1.0, twice))
        return np.where(statistics[..., :1] == 0, np.nan, scores)


class WeightedF1(MacroF1):
    """Mean of the one-against-rest F1 weighted by each class's share of the annotated frames, 0 to 1.

    A class without annotated frames has weight 0. The parts hold the F1 of each class and, as ``macro``, their
    unweighted mean, because predicting only the frequent class can look good here. NaN without annotated frames.

    Source: the ABAW8 ambivalence/hesitancy challenge, over all frames pooled.
    """

    kinds = ("multiclass",)

    def value(self, statistics: Statistics) -> Statistics:
        """Return the weighted mean F1, [...], for statistics [..., S]; NaN where no frame is annotated."""
        statistics = check_size(statistics, self.size)
        hits, _, missed = np.split(statistics[..., 1:], 3, axis=-1)
        support = hits + missed
        total = support.sum(axis=-1)
        scores = np.where((support == 0) & (total[..., None] > 0), 0.0, self.scores(statistics))
        return np.asarray((scores * support).sum(axis=-1) / np.where(total == 0, 1.0, total))

    def parts(self, statistics: Statistics) -> dict[str, Statistics]:
        """Return the F1 of every class by its name and their unweighted mean as ``macro``, each [...]."""
        return {**super().parts(statistics), "macro": super().value(statistics)}
