"""What is done to scores before they become decisions: frames without a face filled, smoothed, thresholds met."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Labels, Metric, Task
from abawbench.harness.request.protocol import Protocol, parse_smoothing

GRID = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9)
"""Thresholds tried, the nearest to 0.5 first: of equally good ones the first is taken."""

Scores = NDArray[np.float64]


def finish_scores(scores: Scores, own: NDArray[np.intp], protocol: Protocol) -> NDArray[np.float32]:
    """Return the scores [N, K] of a track under a protocol; ``own`` are its frames that show their own image."""
    if protocol.no_face == "interpolate":
        scores = interpolate(scores, own)
    return smooth(scores, protocol.smoothing).astype(np.float32)


def interpolate(scores: Scores, own: NDArray[np.intp]) -> Scores:
    """Return scores [N, K] with the other frames' rows drawn from their neighbours in ``own`` (ascending).

    Linear between two neighbours, the nearest one's at the ends; without any neighbour the scores stay.
    """
    if not own.size:
        return scores
    frames = np.arange(len(scores))
    return np.stack([np.interp(frames, own, column) for column in scores[own].T], axis=1)


def smooth(scores: Scores, smoothing: str) -> Scores:
    """Return scores [N, K] smoothed along the frames; at the borders the window is cut and its weights sum to 1.

    ``box:d`` is the mean of the frames at most d away; ``gaussian:sigma`` weighs frame j for frame i by
    exp(-(i - j)^2 / (2 sigma^2)), up to 4 sigma away. ``none`` returns the scores as they are.
    """
    kind, width = parse_smoothing(smoothing)
    if kind == "none":
        return scores
    n = len(scores)
    if kind == "box":
        sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, axis=0, dtype=np.float64)])
        start = np.maximum(np.arange(n) - int(width), 0)
        stop = np.minimum(np.arange(n) + int(width) + 1, n)
        return np.asarray((sums[stop] - sums[start]) / (stop - start)[:, None])
    reach = min(int(np.ceil(4 * width)), n - 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    total = _convolve(np.ones(n), weights)
    return np.stack([_convolve(column, weights) / total for column in scores.T], axis=1)


def _convolve(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = len(weights) // 2
    return np.convolve(values, weights)[reach : reach + len(values)]


def tune_thresholds(
    metric: Metric, task: Task, scores: Sequence[NDArray[Any]], labels: Sequence[Labels]
) -> dict[str, float]:
    """Return for each multilabel output of a task, or of its parts, the threshold of ``GRID`` that is best for it.

    ``scores`` [N, K] and ``labels`` must be of tracks that are not scored.
    """
    names = [name for one in (task, *task.parts) if one.kind == "multilabel" for name in one.outputs]
    values = []
    for threshold in GRID:
        tried = _with_threshold(task, threshold)
        total = sum(
            metric.statistics(tried.decide(predicted), known.values, known.mask)
            for predicted, known in zip(scores, labels, strict=True)
        )
        parts = metric.parts(np.asarray(total))
        values.append([float(np.nan_to_num(metric.merit(parts[name]), nan=-np.inf)) for name in names])
    return {name: GRID[best] for name, best in zip(names, np.argmax(np.array(values), axis=0), strict=True)}


def _with_threshold(task: Task, threshold: float) -> Task:
    return replace(task, threshold=threshold, parts=tuple(replace(part, threshold=threshold) for part in task.parts))


def rescale_to_threshold(
    task: Task, scores: NDArray[np.float32], thresholds: Mapping[str, float]
) -> NDArray[np.float32]:
    """Return scores [N, K], each multilabel output rescaled so that its own threshold comes to lie at the task's.

    Linear on both sides of the threshold, so that order is kept, and exact at it: ``rescaled >= to`` where
    ``scores >= threshold``. Decisions, files and other programs then need one threshold only.
    """
    if task.parts:
        parts = zip(task.parts, task.part_outputs, strict=True)
        return np.concatenate([rescale_to_threshold(part, scores[:, at], thresholds) for part, at in parts], axis=1)
    if task.kind != "multilabel" or not thresholds:
        return scores
    own, to = np.array([thresholds[name] for name in task.outputs]), task.threshold
    below = np.minimum(scores / own * to, np.nextafter(np.float32(to), np.float32(0)))
    above = np.maximum(to + (scores - own) / (1 - own) * (1 - to), to)
    return np.asarray(np.where(scores >= own, above, below), dtype=np.float32)
