"""Metrics that misbehave: what they give is refused by name, or said, and never stands in a table as a number."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from abawbench.contracts import LabelledTrack, Labels, Metric, PluginError, Task, Track
from abawbench.contracts.task import MOST_OUTPUTS
from abawbench.harness.score.scoring import score

TASK = Task(
    name="odd", level="frame", kind="regression", outputs=("x",), metric="odd-metric", database="d", label="x",
    edition=1, activation="identity", loss="", ranges=(-1.0, 1.0),
)  # fmt: skip


class Error(Metric):
    """The mean squared error, changed."""

    size = 2

    def __init__(self, change: Any = lambda found: found) -> None:
        self.change = change
        self.kept = np.zeros(2)

    def statistics(self, prediction: Any, target: Any, mask: Any) -> Any:
        self.kept[:] = mask.sum(), ((prediction - target)[mask] ** 2).sum()
        return self.kept

    def value(self, statistics: Any) -> Any:
        return self.change(statistics[..., 1] / np.maximum(statistics[..., 0], 1))

    def parts(self, statistics: Any) -> Mapping[str, Any]:
        return {}


class Numbered(Track):
    def __init__(self, name: str) -> None:
        self.id = self.subject = name
        self.n_frames, self.rate = 3, 30.0

    def frame_mask(self) -> Any:
        return np.zeros(3, bool)

    def frames(self, indices: Any) -> Any:
        raise NotImplementedError

    def frame_files(self) -> Any:
        return [None] * 3


def scored(metric: Metric) -> Any:
    """The score of six tracks whose errors are 0, 0.1 to 0.5, and the floor."""
    tracks = [LabelledTrack(Numbered(f"t{n}"), Labels(np.zeros((3, 1)), np.ones(3, bool))) for n in range(6)]
    return score(metric, TASK, tracks, [np.full((3, 1), n / 10) for n in range(6)])


def test_a_metric_may_fill_one_array_again() -> None:
    class Fresh(Error):
        def statistics(self, prediction: Any, target: Any, mask: Any) -> Any:
            return super().statistics(prediction, target, mask).copy()

    assert scored(Error()) == scored(Fresh())
    assert scored(Error())[0].value == pytest.approx(np.mean((np.arange(6) / 10) ** 2))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda found: found * 1j, r"complex128 \[\]"),
        (lambda found: found + np.inf, "infinite"),
        (lambda found: np.stack([found, found], -1), r"float64 \[2\]"),
        (lambda found: np.asarray(found, object), r"object \[\]"),
    ],
)
def test_a_value_that_is_no_real_number_is_refused_by_name(change: Any, what: str) -> None:
    with pytest.raises(PluginError, match=f"metric 'odd-metric' gives a value that is {what}; it is one real number"):
        scored(Error(change))


def test_a_value_that_is_nan_says_so() -> None:
    found, _ = scored(Error(lambda found: found * np.nan))
    assert (found.value, found.reason) == (None, "odd-metric has no value for these labels")


def test_resamples_without_a_value_take_the_interval_with_them() -> None:
    found, _ = scored(Error(lambda found: np.where(np.abs(found - np.median(found)) > 0.02, np.nan, found)))
    assert found.value is not None
    assert found.interval.low is None
    assert "resamples have no value" in found.interval.reason


def test_a_task_has_a_limit_of_outputs() -> None:
    fields = {name: getattr(TASK, name) for name in ("level", "kind", "metric", "database", "label", "activation")}
    outputs = tuple(f"o{n}" for n in range(MOST_OUTPUTS + 1))
    with pytest.raises(ValueError, match="1,001 outputs; at most 1,000 are scored"):
        Task(name="wide", outputs=outputs, edition=1, loss="", **fields)
