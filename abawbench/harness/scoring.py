"""The official value of predictions, its interval, its parts and its floor."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Labels, Metric, Task, Track
from abawbench.contracts.metric import Statistics
from abawbench.results.record import Floor, Interval, PartScore, Score
from abawbench.results.track_statistics import TrackStatistics
from abawbench.statistics import bootstrap
from abawbench.statistics.floor import floor
from abawbench.statistics.jackknife import design_effect

RANDOM_GROUPS = 200
SAMPLE = 200_000
"""Frames from which the variance of independent frames is estimated."""


def statistics_of(
    metric: Metric, task: Task, names: Sequence[str], scores: Sequence[NDArray[Any]], labels: Sequence[Labels]
) -> Statistics:
    """Return the additive statistics [tracks, S]. Raises DataError naming the track whose predictions are unusable."""
    rows = []
    for name, predicted, known in zip(names, scores, labels, strict=True):
        if not np.isfinite(predicted[known.annotated]).all():
            raise DataError(f"the predictions of track '{name}' hold NaN or infinity on annotated frames")
        try:
            decided = task.decide(predicted)
            rows.append(metric.scored_statistics(predicted, decided, known.values, known.mask))
        except ValueError as error:
            raise DataError(f"track '{name}': {error}") from error
    return np.stack(rows)


def track_statistics(
    metric: Metric, task: Task, tracks: Sequence[Track], scores: Sequence[NDArray[Any]], labels: Sequence[Labels]
) -> TrackStatistics:
    """Return the statistics of the tracks that have an annotated frame. Raises DataError when none has."""
    kept = [i for i, known in enumerate(labels) if known.mask.any()]
    if not kept:
        raise DataError(f"no frame of the scored split is annotated for task '{task.name}'")
    names = [tracks[i].id for i in kept]
    rows = statistics_of(metric, task, names, [scores[i] for i in kept], [labels[i] for i in kept])
    return TrackStatistics(tuple(names), tuple(tracks[i].subject for i in kept), rows)


def score(
    metric: Metric,
    task: Task,
    tracks: Sequence[Track],
    scores: Sequence[NDArray[Any]],
    labels: Sequence[Labels],
) -> tuple[Score, Floor]:
    """Return the score of predictions [N, K] per track, pooled over tracks, and the floor on the same frames.

    Intervals are 95% intervals of the track bootstrap (widened BCa, the plain percentile interval beside it), tracks
    of one subject drawn together; tracks without an annotated frame take no part.
    """
    found = track_statistics(metric, task, tracks, scores, labels)
    total = found.values.sum(axis=0)
    value, parts = bootstrap.intervals(metric, found.values, groups=found.subjects, method="widened BCa")
    plain, plain_parts = bootstrap.intervals(metric, found.values, groups=found.subjects)
    frames = sum(int(known.annotated.sum()) for known in labels)
    units = bootstrap.grouped(found.values, found.subjects)
    sampled = min(1.0, SAMPLE / frames)
    effect = design_effect(metric.value, units, _random_groups(metric, task, scores, labels), share=sampled)
    known = [labels_ for labels_ in labels if labels_.mask.any()]
    floor_rows, what = floor(metric, task, known)
    return (
        Score(
            metric=task.metric,
            value=float(metric.value(total)),
            interval=_record(value),
            percentile=_record(plain),
            design_effect=effect,
            effective_frames=frames / effect if effect > 0 else None,
            parts={
                name: PartScore(value=float(part), interval=_record(parts[name]), percentile=_record(plain_parts[name]))
                for name, part in metric.parts(total).items()
            },
        ),
        Floor(
            value=float(metric.value(floor_rows.sum(axis=0))),
            interval=_record(bootstrap.interval(metric.value, floor_rows, groups=found.subjects, method="widened BCa")),
            what=what,
        ),
    )


def _random_groups(metric: Metric, task: Task, scores: Sequence[NDArray[Any]], labels: Sequence[Labels]) -> Statistics:
    """Return the statistics [G, S] of annotated frames, at most ``SAMPLE``, dealt at random into groups of one size."""
    random = np.random.default_rng(0)
    frames = [np.flatnonzero(known.annotated) for known in labels]
    ends = np.cumsum([len(at) for at in frames])
    groups = min(RANDOM_GROUPS, int(ends[-1]))
    chosen = np.sort(random.choice(ends[-1], min(int(ends[-1]), SAMPLE) // groups * groups, replace=False))
    places = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    picked = [at[place - end + len(at)] for at, place, end in zip(frames, places, ends, strict=True)]
    found = np.concatenate([score[at] for score, at in zip(scores, picked, strict=True)])
    target = np.concatenate([known.values[at] for known, at in zip(labels, picked, strict=True)])
    mask = np.concatenate([known.mask[at] for known, at in zip(labels, picked, strict=True)])
    return np.stack(
        [
            metric.scored_statistics(found[some], task.decide(found[some]), target[some], mask[some])
            for some in np.split(random.permutation(len(found)), groups)
        ]
    )


def unscored(task: Task) -> tuple[Score, None]:
    """Return the score of a run that fitted every labelled track: no value, and why."""
    why = "refit on training and validation tracks: no labelled track is left to score"
    return Score(metric=task.metric, value=None, reason=why), None


def official(
    metric: Metric, task: Task, names: Sequence[str], scores: Sequence[NDArray[Any]], labels: Sequence[Labels]
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
