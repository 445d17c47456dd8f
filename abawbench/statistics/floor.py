"""What a model that looks at nothing would score: the best constant prediction."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import Labels
from abawbench.contracts.errors import DataError
from abawbench.contracts.metric import Metric, Statistics
from abawbench.contracts.task import Task

Scorer = Callable[[NDArray[Any]], Statistics]
"""From a constant decision to the statistics [tracks, S] of predicting it everywhere."""


def floor(metric: Metric, task: Task, labels: Sequence[Labels]) -> tuple[Statistics, str]:
    """Return the statistics [tracks, S] of the best constant prediction, and what it predicts, in words.

    Best is meant by the official value of all tracks together, with their labels in hand: an oracle, so the floor is
    if anything too high. Regression predicts the mean label (any constant scores 0 in CCC and Pearson's r);
    multiclass tries each class; multilabel takes the better of 0 and 1 for each output; a multitask task finds the
    best constant part by part. Of equals the first wins. Raises DataError when no frame is annotated.
    """
    if not any(track.annotated.any() for track in labels):
        raise DataError(
            f"task '{task.name}' has no annotated frame, so no constant can be scored: check the label files"
        )

    def score(constant: NDArray[Any]) -> Statistics:
        return np.stack(
            [
                np.array(metric.statistics(np.broadcast_to(constant, (len(t.mask), *constant.shape)), t.values, t.mask))
                for t in labels
            ]
        )

    _, statistics, words = _best(metric, task, labels, score)
    return statistics, words


def _best(metric: Metric, task: Task, labels: Sequence[Labels], score: Scorer) -> tuple[NDArray[Any], Statistics, str]:
    if task.parts:
        return _best_parts(metric, task, labels, score)
    best: tuple[float, NDArray[Any], Statistics, str] | None = None
    for constant, words in _candidates(metric, task, labels, score):
        statistics = score(constant)
        value = float(metric.merit(metric.value(statistics.sum(axis=0))))
        if best is None or value > best[0]:
            best = value, constant, statistics, words
    assert best is not None
    return best[1:]


def _best_parts(
    metric: Metric, task: Task, labels: Sequence[Labels], score: Scorer
) -> tuple[NDArray[Any], Statistics, str]:
    whole = np.zeros(task.part_columns[-1].stop)
    words = []
    for number, (part, columns) in enumerate(zip(task.parts, task.part_columns, strict=True)):
        own = [task.part_labels(track, number) for track in labels]
        if not any(track.annotated.any() for track in own):
            raise DataError(f"task '{task.name}' has no frame annotated for '{part.name}': check the label files")

        def with_rest(constant: NDArray[Any], columns: slice = columns) -> Statistics:
            filled = whole.copy()
            filled[columns] = constant
            return score(filled)

        whole[columns], statistics, what = _best(metric, part, own, with_rest)
        words.append(f"{part.name}: {what}")
    return whole, statistics, "; ".join(words)


def _candidates(
    metric: Metric, task: Task, labels: Sequence[Labels], score: Scorer
) -> Iterator[tuple[NDArray[Any], str]]:
    width = len(task.outputs)
    if task.kind == "regression":
        mean = np.concatenate([track.values[track.mask] for track in labels]).mean(axis=0, dtype=np.float64)
        yield mean, "the mean label: " + ", ".join(f"{n} {v:.3f}" for n, v in zip(task.outputs, mean, strict=True))
    elif task.kind == "multiclass":
        for k, name in enumerate(task.outputs):
            yield np.asarray(k), f"always {name}"
    else:
        parts = []
        for bit, words in ((1, "every output always 1"), (0, "every output always 0")):
            constant = np.full(width, bit)
            yield constant, words
            parts.append(metric.parts(score(constant).sum(axis=0)))
        one, zero = ([float(metric.merit(part[name])) for name in task.outputs] for part in parts)
        ones = np.array([is_one >= is_zero for is_one, is_zero in zip(one, zero, strict=True)], dtype=np.int64)
        yield ones, "always 1: " + ", ".join(n for n, one in zip(task.outputs, ones, strict=True) if one)
