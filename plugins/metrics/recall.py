"""Macro F1 with the unweighted average recall beside it, as work on acted emotions reports them."""

import numpy as np

from abawbench.contracts.metric import Statistics
from abawbench_plugins.metrics.checks import check_size
from abawbench_plugins.metrics.f1 import MacroF1


class MacroF1WithUAR(MacroF1):
    """Macro F1; the parts hold the F1 of each class and ``uar``, the mean recall of the classes that occur.

    Chance is 1 / K for the recall, whatever the shares of the classes; a class without an annotated clip has none and
    is left out of it. NaN without any annotated clip.
    """

    kinds = ("multiclass",)

    def parts(self, statistics: Statistics) -> dict[str, Statistics]:
        """Return the F1 of every class by its name and ``uar``, each [...]."""
        return {**super().parts(statistics), "uar": self.average_recall(statistics)}

    def average_recall(self, statistics: Statistics) -> Statistics:
        """Return the unweighted average recall, [...], for statistics [..., S]."""
        statistics = check_size(statistics, self.size)
        hits, _, missed = np.split(statistics[..., 1:], 3, axis=-1)
        support = hits + missed
        there = support > 0
        count = there.sum(axis=-1)
        total = np.where(there, hits / np.where(there, support, 1.0), 0.0).sum(axis=-1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
