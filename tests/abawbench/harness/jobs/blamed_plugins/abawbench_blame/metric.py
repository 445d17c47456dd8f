"""The metric: the share of right answers, averaged over outputs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from faults import reach

from abawbench.contracts import Metric, Task


class Hits(Metric):
    higher_is_better = True

    def __init__(self, task: Task) -> None:
        reach("metric")
        self.outputs = task.outputs
        self.size = len(task.outputs) + 1

    def statistics(self, prediction: Any, target: Any, mask: Any) -> Any:
        reach("metric")
        right = (prediction == target)[mask].sum(axis=0)
        return np.array([*right, mask.sum()], dtype=np.float64)

    def value(self, statistics: Any) -> Any:
        return np.asarray(self._shares(statistics).mean(axis=-1))

    def parts(self, statistics: Any) -> Mapping[str, Any]:
        return {name: self._shares(statistics)[..., k] for k, name in enumerate(self.outputs)}

    def _shares(self, statistics: Any) -> Any:
        return statistics[..., :-1] / np.maximum(statistics[..., -1:], 1)
