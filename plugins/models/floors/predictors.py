"""Predictors that look at no input: what a model must beat to have learned anything from its own."""

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import LabelledTrack, Labels, Predictor, Task, Track

Scores = NDArray[np.float64]


class _Blind(Predictor):
    """Draws or repeats scores, part by part; each track has random numbers of its own, whatever the order."""

    def fit(self, task: Task, tracks: Sequence[LabelledTrack], seed: int) -> None:
        """Keep what of the training labels is needed."""
        self._seed = seed
        labels = [one.known for one in tracks]
        self._parts = [(part, self.known(part, rows)) for part, rows in _by_part(task, labels)]

    def predict(self, task: Task, track: Track) -> Scores:
        """Return the scores of a track, [n_frames, K] or [1, K]."""
        count = 1 if task.level == "track" else track.n_frames
        random = np.random.default_rng([self._seed, crc32(track.id.encode())])
        return np.concatenate([self.scores(part, known, count, random) for part, known in self._parts], axis=1)

    def known(self, task: Task, rows: NDArray[Any]) -> Scores:
        """Return what is kept of the annotated training labels, [N] or [N, K], as rows [N, K] or [1, K]."""
        raise NotImplementedError

    def scores(self, task: Task, known: Scores, count: int, random: np.random.Generator) -> Scores:
        """Return ``count`` rows of scores, [count, K]."""
        raise NotImplementedError


class Constant(_Blind):
    """The mean of a regression label, the most frequent class, or how often each of several labels is there."""

    def known(self, task: Task, rows: NDArray[Any]) -> Scores:
        """Return the one row that is predicted everywhere."""
        mean = _as_scores(task, rows).mean(axis=0, keepdims=True)
        return np.asarray(mean == mean.max(), dtype=np.float64) if task.kind == "multiclass" else mean

    def scores(self, task: Task, known: Scores, count: int, random: np.random.Generator) -> Scores:
        """Return the row again and again."""
        return np.repeat(known, count, axis=0)


class Prior(_Blind):
    """The label of a training frame drawn at random for every frame: sampled, so that rare classes come as often."""

    def known(self, task: Task, rows: NDArray[Any]) -> Scores:
        """Return the training labels as scores."""
        return _as_scores(task, rows)

    def scores(self, task: Task, known: Scores, count: int, random: np.random.Generator) -> Scores:
        """Return rows drawn from the training labels."""
        return known[random.integers(len(known), size=count)]


class Random(_Blind):
    """Scores drawn evenly: a regression value from its range, any class alike, a label with probability one half."""

    def known(self, task: Task, rows: NDArray[Any]) -> Scores:
        """Return nothing."""
        return np.empty((0, len(task.outputs)))

    def scores(self, task: Task, known: Scores, count: int, random: np.random.Generator) -> Scores:
        """Return rows drawn evenly."""
        drawn = random.random((count, len(task.outputs)))
        if task.kind == "multiclass":
            return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))
        low, high = (0.0, 1.0) if task.kind == "multilabel" else task.ranges or (0.0, 1.0)
        return np.asarray(low + drawn * (high - low))


def _by_part(task: Task, labels: Sequence[Labels]) -> list[tuple[Task, NDArray[Any]]]:
    """Return each part of a task, or the task itself, with its annotated labels [N] or [N, K]."""
    pick: list[tuple[Task, Callable[[Labels], Labels]]] = [
        (part, lambda one, number=number: task.part_labels(one, number))  # type: ignore[misc]
        for number, part in enumerate(task.parts)
    ] or [(task, lambda one: one)]
    found = []
    for part, of in pick:
        own = [of(one) for one in labels]
        found.append((part, np.concatenate([one.values[one.mask] for one in own])))
    return found


def _as_scores(task: Task, rows: NDArray[Any]) -> Scores:
    """Return annotated labels as the scores that decide for them, [N, K]."""
    if task.kind == "multiclass":
        return np.asarray(np.eye(len(task.outputs))[rows.astype(np.intp)])
    return np.asarray(rows, dtype=np.float64)
