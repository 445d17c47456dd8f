"""The concordance correlation coefficient (CCC), the official metric of valence-arousal estimation."""

import numpy as np

from abawbench.contracts.metric import Statistics
from abawbench_plugins.metrics.moments import MomentMetric, Moments


class Concordance(MomentMetric):
    """Mean CCC over the outputs: 2 cov(x, y) / (var x + var y + (mean x - mean y)²), population moments, -1 to 1.

    All annotated frames of all tracks are pooled before the one division. A constant prediction scores 0, and so does
    a constant prediction of a constant target, even the right one: the fraction is 0/0 there, and we credit no
    agreement where nothing varies. Without any annotated frame it is NaN.

    Source: Lin (1989), Biometrics 45; P_VA of the ABAW editions 3 to 10 is the mean over valence and arousal.
    """

    def agreement(self, moments: Moments) -> Statistics:
        """Return the CCC of each output, [..., K]."""
        spread = moments.prediction + moments.target + moments.gap**2
        defined = spread > 0
        return np.where(defined, 2 * moments.covariance / np.where(defined, spread, 1.0), 0.0)
