"""The unweighted average recall beside macro F1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from abawbench_plugins.metrics.f1 import MacroF1
from abawbench_plugins.metrics.recall import MacroF1WithUAR
from abawbench_plugins.tasks import expr_clip

TASK = expr_clip.task()
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60)


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label was found")
@given(PAIRS)
def test_uar_is_the_balanced_accuracy_and_the_value_macro_f1(pairs: list[tuple[int, int]]) -> None:
    target, predicted = np.array(pairs).T
    metric, mask = MacroF1WithUAR(TASK), np.ones(len(target), dtype=np.bool_)
    found = metric.statistics(predicted, target, mask)
    assert float(metric.parts(found)["uar"]) == pytest.approx(balanced_accuracy_score(target, predicted))
    assert float(metric.value(found)) == float(MacroF1(TASK).value(found))


def test_without_an_annotated_clip_there_is_no_recall() -> None:
    metric = MacroF1WithUAR(TASK)
    assert np.isnan(metric.parts(np.zeros(metric.size))["uar"])
