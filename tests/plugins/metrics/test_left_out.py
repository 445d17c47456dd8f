"""Classes that a database has no labels of leave the mean; predicting one is still wrong."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from abawbench_plugins.metrics.f1 import MacroF1
from abawbench_plugins.tasks import expr

TARGET = np.array([0, 0, 1, 2, 3, 4, 5, 6, 6])
PREDICTED = np.array([0, 7, 1, 1, 3, 4, 7, 6, 0])
EVERY = np.ones(len(TARGET), dtype=np.bool_)


def test_the_mean_is_over_the_classes_the_database_has() -> None:
    metric = MacroF1(expr.task().leave_out(["Other"]))
    found = metric.statistics(PREDICTED, TARGET, EVERY)
    assert float(metric.value(found)) == pytest.approx(f1_score(TARGET, PREDICTED, labels=range(7), average="macro"))
    assert "Other" not in metric.parts(found)


def test_a_class_a_split_does_not_show_stays_in_the_mean() -> None:
    metric, target = MacroF1(expr.task().leave_out(["Other"])), np.zeros(4, dtype=int)
    assert float(metric.value(metric.statistics(target, target, np.ones(4, dtype=np.bool_)))) == pytest.approx(1 / 7)


@pytest.mark.parametrize("names", [["Contempt"], expr.task().outputs])
def test_neither_a_stranger_nor_all_can_be_left_out(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cannot leave out"):
        expr.task().leave_out(names)
