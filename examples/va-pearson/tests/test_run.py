"""A whole run on the tiny synthetic database."""

from collections.abc import Callable
from typing import Any


def test_a_model_is_scored_on_it(abawbench_run: Callable[..., Any]) -> None:
    record = abawbench_run("prior", "va-pearson")
    assert record.score.metric == "pearson"
