"""A whole run on the tiny synthetic database."""

from collections.abc import Callable
from typing import Any


def test_it_is_fitted_and_scored(abawbench_run: Callable[..., Any]) -> None:
    record = abawbench_run("colour-ridge", "expr", ridge=2.0)
    assert 0 <= record.score.value <= 1
