"""P_MTL, the official metric of multi-task learning: the metrics of the parts, added up."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Metric, Task, UsageError
from abawbench.contracts.metric import Statistics
from abawbench_plugins.metrics.checks import check_size, require_kind
from abawbench_plugins.metrics.concordance import Concordance
from abawbench_plugins.metrics.f1 import MacroF1, WeightedF1
from abawbench_plugins.metrics.moments import MomentMetric
from abawbench_plugins.metrics.pearson import Pearson

_METRICS: dict[str, type[MomentMetric] | type[MacroF1]] = {
    "ccc": Concordance,
    "pearson": Pearson,
    "macro-f1": MacroF1,
    "weighted-f1": WeightedF1,
}


def _build_metric(part: Task, absent_class: str) -> Metric:
    metric = _METRICS[part.metric]
    return metric(part, absent_class) if issubclass(metric, MacroF1) else metric(part)


class SumOfParts(Metric):
    """Sum of the official values of the task's parts, each over the frames annotated for it, pooled.

    For ABAW's three parts P_MTL = P_VA + P_EXPR + P_AU, -1 to 3. The parts hold the value of each task by its name
    and then what each of them names itself. It is NaN when one part has no annotated frame.

    Statistics are those of the parts, one after the other.

    Source: ABAW11's description of the challenge (abaw-protocols, section 2.4, CONFIRMED).
    """

    higher_is_better = True

    def __init__(self, task: Task, absent_class: str = "zero") -> None:
        require_kind(task, "multitask")
        unknown = sorted({part.metric for part in task.parts} - set(_METRICS))
        if unknown:
            raise UsageError(f"it cannot add up {', '.join(unknown)}; it knows {', '.join(_METRICS)}")
        self.task = task
        self._metrics = [_build_metric(part, absent_class) for part in task.parts]
        self._edges = np.cumsum([metric.size for metric in self._metrics])
        self.size = int(self._edges[-1])

    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        """Return the statistics of one track's decisions [N, C] under its masks [N, P], float64 [S]."""
        prediction, target, mask = np.asarray(prediction), np.asarray(target), np.asarray(mask)
        width = self.task.part_columns[-1].stop
        if mask.ndim != 2 or mask.shape[1] != len(self._metrics):
            raise ValueError(f"{self.task.name}: the mask must be bool [N, {len(self._metrics)}]")
        for name, values in (("prediction", prediction), ("target", target)):
            if values.shape != (len(mask), width):
                raise ValueError(f"{self.task.name}: the {name} must have shape {[len(mask), width]}")
        return np.concatenate(
            [
                metric.statistics(self.task.part_of(prediction, i), self.task.part_of(target, i), mask[:, i])
                for i, metric in enumerate(self._metrics)
            ]
        )

    def value(self, statistics: Statistics) -> Statistics:
        """Return the sum over the parts, [...], for statistics [..., S]; NaN where a part has no annotated frame."""
        return np.asarray(sum(self._values(statistics)))

    def parts(self, statistics: Statistics) -> dict[str, Statistics]:
        """Return the value of every part by its name, then the parts of each, all [...]."""
        found = {part.name: value for part, value in zip(self.task.parts, self._values(statistics), strict=True)}
        for metric, own in zip(self._metrics, self._split(statistics), strict=True):
            found |= metric.parts(own)
        return found

    def _values(self, statistics: Statistics) -> list[Statistics]:
        return [metric.value(own) for metric, own in zip(self._metrics, self._split(statistics), strict=True)]

    def _split(self, statistics: Statistics) -> list[Statistics]:
        return np.split(check_size(statistics, self.size), self._edges[:-1], axis=-1)
