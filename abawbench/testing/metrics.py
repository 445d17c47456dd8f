"""What a metric keeps: its statistics add up, and only annotated frames count."""

import pickle
from typing import Any
from unittest import SkipTest

import numpy as np

from abawbench.contracts import Metric, Task, UsageError
from abawbench.testing.checks import Breach, Subject, expect
from abawbench.testing.probes import PROBES, Frames, draw

CLOSE = 1e-9
"""How far two float64 sums of the same frames may lie apart, as a share of them."""


def metrics_of(subject: Subject) -> list[tuple[Task, Metric]]:
    """Return the metric built for each task that it takes. Raises Breach when it takes none."""
    found, refusals = [], []
    official = [plugin.build() for plugin in subject.plugins.all("task")]
    for task in (*PROBES, *(task for task in official if task.metric == subject.plugin.name)):
        try:
            metric = subject.build(task)
        except UsageError as error:
            refusals.append(str(error))
            continue
        expect(isinstance(metric, Metric), "a builder that returns an abawbench.contracts.Metric", type(metric))
        found.append((task, metric))
    if not found:
        raise Breach("a metric that takes at least one kind of task", f"refusals: {refusals[0]}")
    return found


def count(metric: Metric, frames: Frames) -> Any:
    """Return the statistics of frames whose scores are known."""
    return metric.scored_statistics(frames.scores, frames.prediction, frames.target, frames.mask)


def check_shapes(subject: Subject) -> None:
    """Statistics are float64 [size]; value and parts take any number of replicates [..., size]."""
    for task, metric in metrics_of(subject):
        for found in (count(metric, draw(task, 40)), metric.statistics(*draw(task, 40)[1:])):
            expect(
                isinstance(found, np.ndarray) and found.dtype == np.float64 and found.shape == (metric.size,),
                f"statistics float64 [{metric.size}] for a {task.kind} task",
                f"{getattr(found, 'dtype', type(found).__name__)} {list(np.shape(found))}",
            )
        tracks = np.stack([count(metric, draw(task, 40, seed)) for seed in range(6)]).reshape(2, 3, -1)
        named = {"value": metric.value(tracks), **metric.parts(tracks)}
        for name, found in named.items():
            expect(
                np.shape(found) == (2, 3), f"{name} [2, 3] for statistics [2, 3, {metric.size}]", list(np.shape(found))
            )
        for name, found in {"value": metric.value(tracks[0, 0]), **metric.parts(tracks[0, 0])}.items():
            expect(np.isfinite(found).all(), f"a finite {name} of 40 frames of a {task.kind} task", found)
            expect(
                np.isclose(found, np.asarray(named[name])[0, 0], rtol=CLOSE),
                f"the same {name} alone and among replicates",
                f"{found} and {np.asarray(named[name])[0, 0]}",
            )


def check_additivity(subject: Subject) -> None:
    """The value of a sum over pieces is the value of all frames pooled, however they are cut and ordered."""
    for task, metric in metrics_of(subject):
        frames = draw(task, 120, seed=3)
        pooled = count(metric, frames)
        for cuts in ([60], [1, 2, 90], [17, 40, 80, 100]):
            pieces = np.split(np.arange(120), cuts)
            total = np.sum([count(metric, frames.take(piece)) for piece in pieces], axis=0)
            came, whole = float(metric.value(total)), float(metric.value(pooled))
            expect(
                np.isclose(came, whole, rtol=CLOSE, atol=CLOSE),
                f"value(sum of statistics over {len(pieces)} pieces) = value of all frames pooled, {whole:.6f}",
                f"{came:.6f}",
            )
            expect(
                np.allclose(total, pooled, rtol=CLOSE, atol=CLOSE),
                f"statistics of {len(pieces)} pieces that add up to those of all frames",
                f"a difference of {np.abs(total - pooled).max():.3g}",
            )
        shuffled = frames.take(np.random.default_rng(0).permutation(120))
        expect(
            np.allclose(count(metric, shuffled), pooled, rtol=CLOSE, atol=CLOSE),
            "statistics that do not depend on the order of frames",
            "others after a shuffle",
        )


def check_mask(subject: Subject) -> None:
    """A frame that nobody annotated does not count, whatever stands there."""
    for task, metric in metrics_of(subject):
        frames = draw(task, 60, masked=0.5)
        before = count(metric, frames)
        unknown = ~frames.mask if frames.mask.ndim == 1 else ~frames.mask.any(axis=1)
        other = draw(task, 60, seed=9)
        changed = Frames(*(values.copy() for values in frames))
        for values, strange in zip(changed[:3], other[:3], strict=True):
            values[unknown] = strange[unknown]
        came = count(metric, changed)
        expect(
            np.array_equal(came, before),
            f"the same statistics of a {task.kind} task whatever stands in frames that are not annotated",
            f"a difference of {np.abs(came - before).max():.3g} after {int(unknown.sum())} such frames changed",
        )
        if task.parts:
            continue
        target = changed.target.astype(np.float64)
        target[unknown] = np.nan
        expect(
            np.array_equal(
                metric.statistics(changed.prediction, target, frames.mask),
                metric.statistics(frames.prediction, frames.target, frames.mask),
            ),
            "NaN labels that are not annotated to be ignored",
            "other statistics",
        )


def check_nan(subject: Subject) -> None:
    """NaN in an annotated frame raises ValueError: it is never counted as anything."""
    for task, metric in metrics_of(subject):
        frames = draw(task, 20, masked=0.0)
        for place, name in ((0, "prediction"), (1, "target")):
            given = [frames.prediction.astype(np.float64), frames.target.astype(np.float64)]
            given[place][3] = np.nan
            try:
                came = metric.statistics(given[0], given[1], frames.mask)
            except ValueError:
                continue
            raise Breach(f"ValueError for NaN in the {name} of an annotated frame", f"statistics {came[:4]}")


def check_empty(subject: Subject) -> None:
    """A track without annotated frames adds nothing, and spoils no replicate beside it."""
    for task, metric in metrics_of(subject):
        nothing = count(metric, draw(task, 10, masked=1.1))
        expect(not nothing.any(), "statistics of zeros for a track that nobody annotated", nothing[:4])
        some = count(metric, draw(task, 40))
        both = np.asarray(metric.value(np.stack([some, nothing])))
        expect(both[0] == metric.value(some), "the same value beside an empty replicate", both)


def check_repeatability(subject: Subject) -> None:
    """The same frames give the same statistics, and are left as they were."""
    for task, metric in metrics_of(subject):
        frames, again = draw(task, 40), draw(task, 40)
        first = count(metric, frames)
        expect(np.array_equal(first, count(metric, frames)), "the same statistics twice", "others the second time")
        for before, after in zip(again, frames, strict=True):
            expect(np.array_equal(before, after), "arrays that are left as they were", "changed ones")


def check_pickling(subject: Subject) -> None:
    """It can be sent to another process."""
    for task, metric in metrics_of(subject):
        frames = draw(task, 20)
        there = pickle.loads(pickle.dumps(metric))
        expect(np.array_equal(count(metric, frames), count(there, frames)), "the same metric after pickling", "another")


def check_direction(subject: Subject) -> None:
    """It says whether more or less of it is better."""
    for _, metric in metrics_of(subject):
        found = metric.higher_is_better
        expect(isinstance(found, bool), "higher_is_better to be True or False", repr(found))


def check_perfect(subject: Subject) -> None:
    """The truth scores no worse than chance."""
    for task, metric in metrics_of(subject):
        if task.parts:
            raise SkipTest("the scores of a multitask task are not tried")
        frames = draw(task, 200, masked=0.0)
        truth = float(metric.value(metric.statistics(frames.target, frames.target, frames.mask)))
        chance = float(metric.value(metric.statistics(*frames[1:])))
        expect(
            metric.merit(truth) >= metric.merit(chance),
            f"the truth to score no worse than chance, {chance:.3f}",
            f"{truth:.3f}, where {'lower' if metric.higher_is_better is False else 'higher'} is better",
        )


CHECKS = (
    ("shapes", "statistics, value and parts have the shapes of the contract", check_shapes),
    ("additive", "its statistics add up", check_additivity),
    ("masks", "frames that nobody annotated do not count", check_mask),
    ("nan", "it refuses NaN", check_nan),
    ("empty", "a track without annotated frames adds nothing", check_empty),
    ("direction", "it says which way is better", check_direction),
    ("truth", "the truth scores no worse than chance", check_perfect),
    ("repeatable", "it repeats itself and changes nothing it was given", check_repeatability),
    ("pickle", "it can be sent to another process", check_pickling),
)
