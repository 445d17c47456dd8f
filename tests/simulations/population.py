"""Made-up populations of tracks whose frames are much alike, with models of known quality on them.

The intervals were chosen on ``FIRST`` and ``SECOND``. ``THIRD`` was written down before any interval was tried on it,
and is not to be tuned: it judges.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Metric, Task
from abawbench.plugins import Plugins

TASKS = {"ccc": "va", "macro-f1": "expr", "pearson": "emi"}


@dataclass(frozen=True)
class Law:
    """How tracks are drawn."""

    name: str
    length_spread: float
    """Standard deviation of the logarithm of a track's length, whose median is 100 frames."""
    longest: int
    rho: float
    """Correlation of neighbouring frames within a track, besides what the whole track shares."""
    within: float
    """Standard deviation within a track, of a label whose track means spread by 1."""
    skew: float
    """0 for normal labels and scores; else they are log-normal, with this standard deviation of the logarithm."""
    zipf: float
    """How unequal the classes are: the class of rank r has a share proportional to r to the power of -zipf."""
    classes: float
    """Mean of the Dirichlet parameters of a track's classes: small where a track shows few."""


FIRST = Law("first", length_spread=0.6, longest=600, rho=0.97, within=0.7, skew=0.0, zipf=0.0, classes=0.6)
SECOND = Law("second", length_spread=1.0, longest=4_000, rho=0.99, within=0.4, skew=0.5, zipf=1.0, classes=0.4)
THIRD = Law("third", length_spread=0.8, longest=2_000, rho=0.9, within=1.0, skew=-0.4, zipf=0.5, classes=0.8)


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


def population(
    name: str,
    tracks: int,
    seed: int,
    *,
    law: Law = FIRST,
    models: int = 1,
    gap: float = 0.0,
    spoilt: float | None = None,
    kept: int = 0,
) -> Population:
    """Return a population for a metric; ``gap`` makes the second model worse, 0 leaves the models equal in law.

    With ``spoilt`` the second model is the first with that share of its frames predicted at random.
    """
    plugins = Plugins()
    task: Task = plugins.get("task", TASKS[name]).build()
    metric: Metric = plugins.get("metric", name).build(task)
    random = np.random.default_rng(seed)
    draw = _classes if task.kind == "multiclass" else _curves
    rows, frames = [], []
    for number in range(tracks):
        target, predictions = draw(random, law, task, models, gap)
        mask = np.ones(len(target), bool)
        if spoilt is not None:
            predictions = [predictions[0], _spoil(random, predictions[0], spoilt)]
        rows.append([metric.statistics(prediction, target, mask) for prediction in predictions])
        if number < kept:
            one = np.ones(1, bool)
            frames.append(
                np.stack(
                    [metric.statistics(predictions[0][i : i + 1], target[i : i + 1], one) for i in range(len(mask))]
                )
            )
    statistics = np.array(rows)
    return Population(metric, statistics if statistics.shape[1] > 1 else statistics[:, 0], frames)


def _spoil(random: np.random.Generator, prediction: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    return np.where(
        (random.random(len(prediction)) < share).reshape(-1, *[1] * (prediction.ndim - 1)),
        random.permutation(prediction),
        prediction,
    )


def _length(random: np.random.Generator, law: Law) -> int:
    return int(np.clip(random.lognormal(4.6, law.length_spread), 20, law.longest))


def _ar(random: np.random.Generator, rho: float, n: int, k: int) -> NDArray[np.float64]:
    """Return curves [n, k] of variance 1 whose neighbours correlate by ``rho``."""
    noise = random.normal(size=(n, k))
    noise[1:] *= np.sqrt(1 - rho**2)
    for i in range(1, n):
        noise[i] += rho * noise[i - 1]
    return noise


def _curves(random: np.random.Generator, law: Law, task: Task, models: int, gap: float):  # type: ignore[no-untyped-def]
    n, k = _length(random, law), len(task.outputs)
    low, high = task.ranges or (-1.0, 1.0)
    middle, scale = (low + high) / 2, (high - low) / 8
    target = random.normal(size=k) + law.within * _ar(random, law.rho, n, k)
    predictions = []
    for model in range(models):
        share = 0.7 - gap * model
        predictions.append(share * target + 0.4 * random.normal(size=k) + 0.4 * _ar(random, law.rho, n, k))
    squeeze = [np.clip(middle + scale * _bent(x, law.skew), low, high) for x in (target, *predictions)]
    return squeeze[0], squeeze[1:]


def _bent(x: NDArray[np.float64], skew: float) -> NDArray[np.float64]:
    return np.expm1(skew * x) / skew if skew else x


def _classes(random: np.random.Generator, law: Law, task: Task, models: int, gap: float):  # type: ignore[no-untyped-def]
    n, k = _length(random, law), len(task.outputs)
    share = np.arange(1, k + 1) ** -law.zipf
    taste = random.dirichlet(law.classes * k * share / share.sum())
    segments = random.integers(15, 60, size=n)
    target = np.repeat(random.choice(k, size=n, p=taste), segments)[:n]
    predictions = []
    for model in range(models):
        right = np.clip(random.beta(4, 3) - gap * model, 0, 1)
        keep = np.repeat(random.random(n) < right, random.integers(5, 30, size=n))[:n]
        wrong = np.repeat(random.choice(k, size=n, p=0.5 * taste + 0.5 / k), random.integers(5, 30, size=n))[:n]
        predictions.append(np.where(keep, target, wrong))
    return target, predictions
