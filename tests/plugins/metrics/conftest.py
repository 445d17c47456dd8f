"""Tasks, metrics and random frames for the tests of the metrics."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from abawbench.contracts import Metric, Task
from abawbench.plugins import Plugins

PLUGINS = Plugins(third_party=False)
TASKS: dict[str, Task] = {name: PLUGINS.get("task", name).build() for name in ("va", "expr", "au", "ce", "emi", "ah")}
METRICS: dict[str, Callable[[Task], Metric]] = {
    name: PLUGINS.get("metric", name).build for name in ("ccc", "pearson", "macro-f1", "weighted-f1")
}


class Frames(NamedTuple):
    prediction: NDArray[Any]
    target: NDArray[Any]
    mask: NDArray[np.bool_]


def draw(task: Task, n: int, seed: int = 0, masked: float = 0.1) -> Frames:
    """Return plausible frames of a task: related to the truth, with the official ignore codes under a false mask."""
    random = np.random.default_rng(seed)
    k = len(task.outputs)
    prediction: NDArray[Any]
    target: NDArray[Any]
    if task.kind == "regression":
        low, high = task.ranges or (-1.0, 1.0)
        target = np.clip(random.normal(0.6 * high + 0.4 * low, 0.2 * (high - low), (n, k)), low, high)
        prediction = np.clip(0.6 * target + random.normal(0.05, 0.1 * (high - low), (n, k)), low, high)
    else:
        shape = (n,) if task.kind == "multiclass" else (n, k)
        kinds = k if task.kind == "multiclass" else 2
        frequency = np.arange(kinds, 0, -1) / np.arange(kinds, 0, -1).sum()
        target = random.choice(kinds, size=shape, p=frequency)
        prediction = np.where(random.random(shape) < 0.5, target, random.choice(kinds, size=shape, p=frequency))
    mask = random.random(n) >= masked
    target[~mask] = -5 if task.kind == "regression" else -1
    return Frames(prediction, target, mask)


@pytest.fixture(scope="session")
def tasks() -> dict[str, Task]:
    return TASKS


@pytest.fixture(scope="session")
def metrics() -> dict[str, Callable[[Task], Metric]]:
    return METRICS


@pytest.fixture(scope="session")
def frames() -> Callable[..., Frames]:
    return draw


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that asks for ``metric`` once for each official task, with that task's official metric."""
    if "metric" in metafunc.fixturenames:
        metafunc.parametrize("metric", [METRICS[t.metric](t) for t in TASKS.values()], ids=list(TASKS))
