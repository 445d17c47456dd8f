"""A whole run on the tiny synthetic database."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from abawbench_kappa.metric import KappaMetric
from abawbench_kappa.task import task


def test_a_model_is_scored_by_it(abawbench_run: Callable[..., Any]) -> None:
    record = abawbench_run("prior", "expr-kappa")
    assert record.score.metric == "kappa"
    assert -1 <= record.score.value <= 1


def test_a_table_counted_by_hand_gives_its_value() -> None:
    metric = KappaMetric(task())
    confusion = np.zeros((8, 8))
    confusion[:2, :2] = [[20, 5], [10, 15]]
    assert metric.value(confusion.reshape(-1)) == pytest.approx((0.7 - 0.5) / (1 - 0.5))
