"""The official value of predictions, its interval, its parts and its floor."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Decided, Labels, Metric, Task, Track
from abawbench.contracts.metric import Statistics
from abawbench.results.record import Floor, Interval, PartScore, Score
from abawbench.statistics import bootstrap
from abawbench.statistics.floor import floor

Predicted = NDArray[Any] | Decided
"""Predictions of one track: scores [N, K] that the task decides on, or decisions taken elsewhere."""


def decided(task: Task, predicted: Predicted) -> Decided:
    """Return the decisions of a track, and the scores they rest on where those are known."""
    return predicted if isinstance(predicted, Decided) else Decided(task.decide(predicted), predicted)


def statistics_of(
    metric: Metric, task: Task, names: Sequence[str], predictions: Sequence[Predicted], labels: Sequence[Labels]
) -> Statistics:
    """Return the additive statistics [tracks, S]. Raises DataError naming the track whose predictions are unusable."""
    rows = []
    for name, predicted, known in zip(names, predictions, labels, strict=True):
        found = decided(task, predicted)
        if not np.isfinite((found.decisions if found.scores is None else found.scores)[known.annotated]).all():
            raise DataError(f"the predictions of track '{name}' hold NaN or infinity on annotated frames")
        try:
            if found.scores is None:
                rows.append(metric.statistics(found.decisions, known.values, known.mask))
            else:
                rows.append(metric.scored_statistics(found.scores, found.decisions, known.values, known.mask))
        except ValueError as error:
            raise DataError(f"track '{name}': {error}") from error
    return np.stack(rows)


def score(
    metric: Metric,
    task: Task,
    tracks: Sequence[Track],
    scores: Sequence[Predicted],
    labels: Sequence[Labels],
) -> tuple[Score, Floor]:
    """Return the score of predictions per track, pooled over tracks, and the floor on the same frames.

    Intervals are 95% percentile intervals of the track bootstrap, tracks of one subject drawn together; tracks
    without an annotated frame take no part.
    """
    kept = [i for i, known in enumerate(labels) if known.mask.any()]
    if not kept:
        raise DataError(f"no frame of the scored split is annotated for task '{task.name}'")
    known = [labels[i] for i in kept]
    rows = statistics_of(metric, task, [tracks[i].id for i in kept], [scores[i] for i in kept], known)
    subjects = [tracks[i].subject for i in kept]
    total = rows.sum(axis=0)
    value, parts = bootstrap.intervals(metric, rows, groups=subjects)
    floor_rows, what = floor(metric, task, known)
    return (
        Score(
            metric=task.metric,
            value=float(metric.value(total)),
            interval=_record(value),
            parts={
                name: PartScore(value=float(part), interval=_record(parts[name]))
                for name, part in metric.parts(total).items()
            },
        ),
        Floor(
            value=float(metric.value(floor_rows.sum(axis=0))),
            interval=_record(bootstrap.interval(metric.value, floor_rows, groups=subjects)),
            what=what,
        ),
    )


def tracks_digest(tracks: Sequence[Track], labels: Sequence[Labels]) -> str:
    """Return the SHA-256 over the sorted ids of the tracks with an annotated frame, one per line."""
    ids = sorted(track.id for track, known in zip(tracks, labels, strict=True) if known.annotated.any())
    return hashlib.sha256("".join(f"{name}\n" for name in ids).encode()).hexdigest()


def unscored(task: Task) -> tuple[Score, None]:
    """Return the score of a run that fitted every labelled track: no value, and why."""
    why = "refit on training and validation tracks: no labelled track is left to score"
    return Score(metric=task.metric, value=None, reason=why), None


def official(
    metric: Metric, task: Task, names: Sequence[str], scores: Sequence[Predicted], labels: Sequence[Labels]
) -> float:
    """Return the official value alone."""
    return float(metric.value(statistics_of(metric, task, names, scores, labels).sum(axis=0)))


def _record(found: bootstrap.Interval) -> Interval:
    return Interval(
        low=found.low,
        high=found.high,
        level=found.level,
        method=f"track bootstrap, {found.method}",
        replicates=found.replicates,
        units=f"{found.units} subjects",
    )
