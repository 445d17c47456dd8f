"""Two metrics that are wrong in ways a run cannot see: only ``abawbench check`` tells."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Declaration, Metric, MetricDeclaration, Task
from abawbench.contracts.metric import Statistics
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        MetricDeclaration(name="broken-mask-ignored", summary="counts every frame", build=f"{__name__}:MaskIgnored"),
        MetricDeclaration(name="broken-non-additive", summary="adds up means", build=f"{__name__}:NonAdditive"),
    ]


class MaskIgnored(Metric):
    """Accuracy over all frames, annotated or not."""

    size = 2
    higher_is_better = True

    def __init__(self, task: Task) -> None:
        self.task = task

    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        right = (prediction == target).reshape(len(prediction), -1).all(axis=1)
        return np.array([right.sum(), len(right)], dtype=np.float64)

    def value(self, statistics: Statistics) -> Statistics:
        return np.asarray(statistics[..., 0] / np.maximum(statistics[..., 1], 1))

    def parts(self, statistics: Statistics) -> Mapping[str, Statistics]:
        return {}


class NonAdditive(MaskIgnored):
    """The accuracy of each track, so that a sum over tracks means nothing."""

    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        right, frames = super().statistics(prediction[mask], target[mask], mask[mask])
        return np.array([right / max(frames, 1), 1.0])

    def value(self, statistics: Statistics) -> Statistics:
        return np.asarray(statistics[..., 0])
