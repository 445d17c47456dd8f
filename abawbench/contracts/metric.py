"""A metric is a sum: additive statistics per track, and a closed-form value of their total."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Statistics = NDArray[np.float64]


class Metric(ABC):
    """An official metric as a function of sums.

    The pooled official value is ``value(sum of statistics over tracks)``; a bootstrap replicate is
    ``value(weights @ statistics)``. Nothing is ever averaged over batches or tracks.

    A metric is built for one task (``build(task) -> Metric``), so it knows the number of outputs.
    """

    name: str = ""
    """What the declaration calls it; set when abawbench builds it."""
    size: int
    """S, the length of the statistics vector."""
    higher_is_better: bool | None = None
    """Which way rankings, floors, gates and the choice of an epoch or a threshold look.

    None is a metric that does not say: its results have no rank and pass no gate, and what must choose takes it for one
    of which more is better."""

    def merit(self, value: Any) -> Any:
        """Return a value, or an array of them, so that larger is better: negated where lower is."""
        return -value if self.higher_is_better is False else value

    @abstractmethod
    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        """Return the additive statistics of one track, float64 [S].

        ``prediction`` and ``target`` have the decision and label shapes of the task's kind, ``mask`` [N] is true
        where the frame is annotated; other frames do not count. Raises ValueError on NaN under the mask.
        """

    def scored_statistics(
        self, scores: NDArray[Any], prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]
    ) -> Statistics:
        """Return the statistics of one track whose scores [N, K] are known beside the decisions they led to.

        A metric that looks at decisions only leaves this as it is; one that can use scores counts them here, and must
        still do without in ``statistics``: files that others submit need not hold any.
        """
        return self.statistics(prediction, target, mask)

    @abstractmethod
    def value(self, statistics: Statistics) -> Statistics:
        """Return the official value, float64 [...], for statistics [..., S]."""

    @abstractmethod
    def parts(self, statistics: Statistics) -> Mapping[str, Statistics]:
        """Return the named parts (per class, per dimension, companion metrics), each [...], for [..., S]."""
