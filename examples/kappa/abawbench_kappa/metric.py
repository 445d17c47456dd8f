"""The metric ``kappa``: a sum per track, and the value of a sum."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from abawbench.contracts import Metric, Task, UsageError
from abawbench.contracts.metric import Statistics
from numpy.typing import NDArray


class KappaMetric(Metric):
    """Agreement of prediction and truth beyond chance, -1 to 1: (p - e) / (1 - e).

    p is the share of annotated frames that agree, e the share that would by chance, given how often each class was
    predicted and how often it is true. Where e is 1 it is 0. Statistics are the confusion counts, truth by rows.

    Source: Cohen (1960), Educational and Psychological Measurement 20.
    """

    name = "kappa"

    def __init__(self, task: Task) -> None:
        if task.kind != "multiclass":
            raise UsageError(f"metric '{self.name}' needs a multiclass task, but task '{task.name}' is {task.kind}")
        self.task = task
        self.size = len(task.outputs) ** 2

    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        """Return the confusion counts of one track, [classes * classes]."""
        chosen, known = prediction[mask], target[mask]
        if not (np.isfinite(chosen).all() and np.isfinite(known).all()):
            raise ValueError(f"{self.task.name}: NaN or infinity in an annotated frame")
        pairs = known.astype(np.int64) * len(self.task.outputs) + chosen.astype(np.int64)
        return np.bincount(pairs, minlength=self.size).astype(np.float64)

    def value(self, statistics: Statistics) -> Statistics:
        """Return kappa, NaN where nothing is annotated."""
        classes = len(self.task.outputs)
        confusion = statistics.reshape(*statistics.shape[:-1], classes, classes)
        total = confusion.sum(axis=(-2, -1))
        n = np.where(total > 0, total, 1.0)
        agreed = np.trace(confusion, axis1=-2, axis2=-1) / n
        chance = (confusion.sum(axis=-1) * confusion.sum(axis=-2)).sum(axis=-1) / n**2
        beyond = np.where(chance < 1, (agreed - chance) / np.where(chance < 1, 1 - chance, 1.0), 0.0)
        return np.where(total > 0, beyond, np.nan)

    def parts(self, statistics: Statistics) -> Mapping[str, Statistics]:
        """Return no parts: there is one number."""
        return {}
