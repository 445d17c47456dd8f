"""The metric ``kappa``: a sum per track, and the value of a sum."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from abawbench.contracts import Metric, Task, UsageError
from abawbench.contracts.metric import Statistics
from numpy.typing import NDArray


class KappaMetric(Metric):
    """Agreement of prediction and truth beyond chance, -1 to 1: (p - e) / (1 - e), or 0 where e is 1.

    p is the share of annotated frames that agree, e the share that would agree by chance, given how often each class
    is predicted and how often it is true. Statistics are the confusion counts, truth by rows.

    Source: Cohen (1960), Educational and Psychological Measurement 20.
    """

    higher_is_better = True

    def __init__(self, task: Task) -> None:
        if task.kind != "multiclass":
            raise UsageError(f"it needs a multiclass task, but task '{task.name}' is {task.kind}")
        self.classes = len(task.outputs)
        self.size = self.classes**2

    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        """Return the confusion counts of one track, [classes * classes]. Raises ValueError for NaN under the mask."""
        pairs = target[mask] * float(self.classes) + prediction[mask]  # small integers would overflow
        if not np.isfinite(pairs).all():
            raise ValueError("NaN or infinity in an annotated frame")
        return np.bincount(pairs.astype(np.int64), minlength=self.size).astype(np.float64)

    def value(self, statistics: Statistics) -> Statistics:
        """Return the agreement beyond chance, NaN where nothing is annotated."""
        confusion = statistics.reshape(*statistics.shape[:-1], self.classes, self.classes)
        total = confusion.sum(axis=(-2, -1))
        n = np.where(total > 0, total, 1.0)
        agreed = np.trace(confusion, axis1=-2, axis2=-1) / n
        chance = (confusion.sum(axis=-1) * confusion.sum(axis=-2)).sum(axis=-1) / n**2
        beyond = np.where(chance < 1, (agreed - chance) / np.where(chance < 1, 1 - chance, 1.0), 0.0)
        return np.where(total > 0, beyond, np.nan)

    def parts(self, statistics: Statistics) -> Mapping[str, Statistics]:
        """Return no parts: there is one number."""
        return {}
