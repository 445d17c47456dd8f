"""Pearson's correlation, the official metric of emotional mimicry intensity."""

import numpy as np

from abawbench.contracts.metric import Statistics
from abawbench_plugins.metrics.moments import MomentMetric, Moments


class Pearson(MomentMetric):
    """Mean Pearson's r over the outputs, each over all clips (or frames) pooled, -1 to 1.

    An output whose prediction or target is constant has no correlation and scores 0, where others give NaN. Without
    anything annotated it is NaN.

    Source: P_EMI of the ABAW editions 6, 8 and 10 is the mean over the six emotions.
    """

    def agreement(self, moments: Moments) -> Statistics:
        """Return r of each output, [..., K]."""
        spread = np.sqrt(moments.prediction) * np.sqrt(moments.target)
        defined = spread > 0
        r = np.where(defined, moments.covariance / np.where(defined, spread, 1.0), 0.0)
        return np.clip(r, -1.0, 1.0)
