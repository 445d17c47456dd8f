"""First and second moments as additive statistics: the common part of CCC and Pearson's r."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Metric, Task
from abawbench.contracts.metric import Statistics
from abawbench_plugins.metrics.checks import check_size, require_kind, select_annotated

ROUNDING = 1e-13
"""A central moment below this share of its raw moment is rounding, and counts as 0.

A pairwise float64 sum of millions of frames is wrong by a few 1e-15 of itself, so this is safely above the noise. It
makes a constant a constant: without it, one of 0.3 has a variance of about 1e-17, and its correlation is noise.
"""


class Moments(NamedTuple):
    """Population (ddof 0) moments, each [..., K]; ``none`` [..., 1] is true where no frame is annotated.

    Of nothing (``none``) every moment is 0.
    """

    none: NDArray[np.bool_]
    gap: Statistics
    """Mean of the prediction minus mean of the target."""
    covariance: Statistics
    prediction: Statistics
    """Variance of the prediction."""
    target: Statistics
    """Variance of the target."""


class MomentMetric(Metric):
    """A mean over the outputs of a function of their moments.

    Statistics are (n, Σx, Σy, Σx², Σy², Σxy), the last five for each of the K outputs: S = 1 + 5 K, with x the
    prediction and y the target, both minus the middle of the task's range. That shift is fixed, so that sums of
    different tracks, models and machines still add up, and it keeps the sums well conditioned: the spread is then of
    the order of the distance from 0, and nothing cancels. A prediction whose spread is below about 3e-7 of its
    distance from the middle is a constant, to ``ROUNDING``.
    """

    higher_is_better = True

    def __init__(self, task: Task) -> None:
        require_kind(task, "regression")
        self.task = task
        self.centre = sum(task.ranges) / 2 if task.ranges is not None else 0.0
        self.size = 1 + 5 * len(task.outputs)

    def statistics(self, prediction: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> Statistics:
        """Return the sums of one track, float64 [S]; see ``Metric.statistics``."""
        rows = select_annotated(self.task, prediction, target, mask)
        # One contiguous row per output: numpy sums those pairwise, and columns one by one, which drifts.
        x, y = (np.ascontiguousarray(values.T, dtype=np.float64) - self.centre for values in rows)
        with np.errstate(over="ignore"):
            sums = [values.sum(axis=-1) for values in (x, y, x * x, y * y, x * y)]
        total = np.concatenate([[x.shape[-1]], *sums])
        if not np.isfinite(total).all():
            raise ValueError(f"{self.task.name}: the squares of the prediction do not fit into float64")
        return total

    def moments(self, statistics: Statistics) -> Moments:
        """Return the moments that statistics [..., S] stand for."""
        statistics = check_size(statistics, self.size)
        none = statistics[..., :1] == 0
        means = statistics[..., 1:] / np.where(none, 1.0, statistics[..., :1])
        x, y, xx, yy, xy = np.split(means, 5, axis=-1)
        return Moments(
            none=none,
            gap=x - y,
            covariance=_significant(xy - x * y, np.sqrt(xx) * np.sqrt(yy)),
            prediction=np.maximum(_significant(xx - x * x, xx), 0),
            target=np.maximum(_significant(yy - y * y, yy), 0),
        )

    def agreement(self, moments: Moments) -> Statistics:
        """Return the agreement of each output, [..., K], 0 where it is not defined."""
        raise NotImplementedError

    def value(self, statistics: Statistics) -> Statistics:
        """Return the mean over the outputs, [...], for statistics [..., S]; NaN where no frame is annotated."""
        return np.asarray(self._outputs(statistics).mean(axis=-1))

    def parts(self, statistics: Statistics) -> dict[str, Statistics]:
        """Return the agreement of every output by its name, each [...]; NaN where no frame is annotated."""
        outputs = self._outputs(statistics)
        return {name: outputs[..., k] for k, name in enumerate(self.task.outputs)}

    def _outputs(self, statistics: Statistics) -> Statistics:
        moments = self.moments(statistics)
        return np.where(moments.none, np.nan, self.agreement(moments))


def _significant(central: Statistics, raw: Statistics) -> Statistics:
    return np.where(np.abs(central) <= ROUNDING * raw, 0.0, central)
