"""A made-up population of tracks whose frames are much alike, with models of known quality on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Metric, Task
from abawbench.plugins import Plugins

TASKS = {"ccc": "va", "macro-f1": "expr", "pearson": "emi"}
RHO = 0.97
"""Correlation of neighbouring frames within a track, besides what the whole track shares."""


@dataclass
class Population:
    """Tracks to sample from; the population itself is the truth, so a true value is known exactly."""

    metric: Metric
    statistics: NDArray[np.float64]
    """[tracks, S], or [tracks, 2, S] for two models."""
    frames: list[NDArray[np.float64]]
    """Per track the statistics of its single frames [N, S], for the first tracks only."""

    @property
    def truth(self) -> NDArray[np.float64]:
        """Return the value on the whole population."""
        return self.metric.value(self.statistics.sum(axis=0))


def population(name: str, tracks: int, seed: int, *, models: int = 1, gap: float = 0.0, kept: int = 0) -> Population:
    """Return a population for a metric; ``gap`` makes the second model worse, 0 leaves the models equal in law."""
    plugins = Plugins()
    task: Task = plugins.get("task", TASKS[name]).build()
    metric: Metric = plugins.get("metric", name).build(task)
    random = np.random.default_rng(seed)
    draw = _classes if task.kind == "multiclass" else _curves
    rows, frames = [], []
    for number in range(tracks):
        target, predictions = draw(random, task, models, gap)
        mask = np.ones(len(target), bool)
        rows.append([metric.statistics(prediction, target, mask) for prediction in predictions])
        if number < kept:
            one = np.ones(1, bool)
            frames.append(
                np.stack(
                    [metric.statistics(predictions[0][i : i + 1], target[i : i + 1], one) for i in range(len(mask))]
                )
            )
    statistics = np.array(rows)
    return Population(metric, statistics if models > 1 else statistics[:, 0], frames)


def _length(random: np.random.Generator) -> int:
    return int(np.clip(random.lognormal(4.6, 0.6), 20, 600))


def _ar(random: np.random.Generator, n: int, k: int) -> NDArray[np.float64]:
    """Return curves [n, k] of variance 1 whose neighbours correlate by RHO."""
    noise = random.normal(size=(n, k))
    noise[1:] *= np.sqrt(1 - RHO**2)
    for i in range(1, n):
        noise[i] += RHO * noise[i - 1]
    return noise


def _curves(random: np.random.Generator, task: Task, models: int, gap: float):  # type: ignore[no-untyped-def]
    n, k = _length(random), len(task.outputs)
    low, high = task.ranges or (-1.0, 1.0)
    middle, scale = (low + high) / 2, (high - low) / 8
    target = random.normal(size=k) + 0.7 * _ar(random, n, k)
    predictions = []
    for model in range(models):
        share = 0.7 - gap * model
        predictions.append(share * target + 0.4 * random.normal(size=k) + 0.4 * _ar(random, n, k))
    squeeze = [np.clip(middle + scale * x, low, high) for x in (target, *predictions)]
    return squeeze[0], squeeze[1:]


def _classes(random: np.random.Generator, task: Task, models: int, gap: float):  # type: ignore[no-untyped-def]
    n, k = _length(random), len(task.outputs)
    taste = random.dirichlet(np.full(k, 0.6))
    segments = random.integers(15, 60, size=n)
    target = np.repeat(random.choice(k, size=n, p=taste), segments)[:n]
    predictions = []
    for model in range(models):
        right = np.clip(random.beta(4, 3) - gap * model, 0, 1)
        keep = np.repeat(random.random(n) < right, random.integers(5, 30, size=n))[:n]
        wrong = np.repeat(random.choice(k, size=n, p=0.5 * taste + 0.5 / k), random.integers(5, 30, size=n))[:n]
        predictions.append(np.where(keep, target, wrong))
    return target, predictions
