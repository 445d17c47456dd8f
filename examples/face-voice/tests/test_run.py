"""A whole run on the tiny synthetic database."""

from collections.abc import Callable
from typing import Any


def test_it_is_trained_and_scored(abawbench_run: Callable[..., Any]) -> None:
    record = abawbench_run("face-voice", "ah", epochs=1)
    assert 0 <= record.score.value <= 1
