"""The official value of predictions, its interval, its parts and its floor."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Database, DataError, Decided, LabelledTrack, Labels, Metric, PluginError, Task
from abawbench.contracts.metric import Statistics
from abawbench.contracts.text import name_people
from abawbench.records.scores import Confusion, Floor, Interval, PartScore, Score
from abawbench.records.track_statistics import TrackStatistics
from abawbench.statistics import bootstrap
from abawbench.statistics.floor import floor
from abawbench.statistics.jackknife import design_effect

RANDOM_GROUPS = 200
SAMPLE = 200_000
"""Frames from which the variance of independent frames is estimated."""

Predicted = NDArray[Any] | Decided
"""Predictions of one track: scores [N, K] that the task decides on, or decisions taken elsewhere."""


def decide(task: Task, predicted: Predicted) -> Decided:
    """Return the decisions of a track, and the scores they rest on where those are known."""
    return predicted if isinstance(predicted, Decided) else Decided(task.decide(predicted), predicted)


def statistics_of(
    metric: Metric, task: Task, names: Sequence[str], predictions: Sequence[Predicted], labels: Sequence[Labels]
) -> Statistics:
    """Return the additive statistics [tracks, S]. Raises DataError naming the track whose predictions are unusable."""
    rows = []
    for name, predicted, known in zip(names, predictions, labels, strict=True):
        found = decide(task, predicted)
        if not np.isfinite((found.decisions if found.scores is None else found.scores)[known.annotated]).all():
            raise DataError(f"the predictions of track '{name}' hold NaN or infinity on annotated frames")
        try:
            rows.append(_statistics(metric, found, known))
        except ValueError as error:
            raise DataError(f"track '{name}': {error}") from error
    stacked = np.stack(rows)
    if stacked.dtype.kind not in "fiu" or not np.isfinite(stacked).all():
        bad = stacked.dtype if stacked.dtype.kind not in "fiu" else "NaN or infinity"
        raise PluginError(f"metric '{task.metric}' gives statistics that are {bad}; they are finite float64")
    return stacked


def track_statistics(
    metric: Metric, task: Task, tracks: Sequence[LabelledTrack], scores: Sequence[Predicted]
) -> TrackStatistics:
    """Return the statistics of the tracks that have an annotated frame. Raises DataError when none has."""
    kept = [i for i, one in enumerate(tracks) if one.known.annotated.any()]
    if not kept:
        raise DataError(f"no frame of the scored split is annotated for task '{task.name}'")
    names = [tracks[i].track.id for i in kept]
    rows = statistics_of(metric, task, names, [scores[i] for i in kept], [tracks[i].known for i in kept])
    return TrackStatistics(tuple(names), tuple(name_people(tracks[i].track.subject for i in kept)), rows)


def score(
    metric: Metric,
    task: Task,
    tracks: Sequence[LabelledTrack],
    scores: Sequence[Predicted],
) -> tuple[Score, Floor]:
    """Return the score of predictions per track, pooled over tracks, and the floor on the same frames.

    Intervals are 95% intervals of the track bootstrap (widened, the plain percentile interval beside it), tracks
    of one subject drawn together; tracks without an annotated frame take no part.
    """
    found = track_statistics(metric, task, tracks, scores)
    labels = [one.known for one in tracks]
    total = found.values.sum(axis=0)
    best = _value_of(metric, task, total)
    value, parts = bootstrap.intervals(metric, found.values, groups=found.subjects, method="widened")
    plain, plain_parts = bootstrap.intervals(metric, found.values, groups=found.subjects)
    frames = sum(int(known.annotated.sum()) for known in labels)
    units = bootstrap.sum_by_group(found.values, found.subjects)
    sampled = min(1.0, SAMPLE / frames)
    effect = design_effect(metric.value, units, _random_groups(metric, task, scores, labels), share=sampled)
    known = [labels_ for labels_ in labels if labels_.annotated.any()]
    floor_rows, what = floor(metric, task, known)
    return (
        Score(
            metric=task.metric,
            higher_is_better=metric.higher_is_better is not False,
            direction_declared=metric.higher_is_better is not None,
            value=best,
            reason=f"{task.metric} has no value for these labels" if np.isnan(best) else None,
            interval=_record(value),
            percentile=_record(plain),
            design_effect=effect,
            effective_frames=frames / effect if effect > 0 else None,
            parts={
                name: PartScore(value=float(part), interval=_record(parts[name]), percentile=_record(plain_parts[name]))
                for name, part in metric.parts(total).items()
            },
            confusion=_confusion(task, scores, labels),
        ),
        Floor(
            value=float(metric.value(floor_rows.sum(axis=0))),
            interval=_record(bootstrap.interval(metric.value, floor_rows, groups=found.subjects, method="widened")),
            what=what,
        ),
    )


def _value_of(metric: Metric, task: Task, total: Statistics) -> float:
    """Return the official value; NaN where there is none. Raises PluginError for anything but one real number."""
    found = np.asarray(metric.value(total))
    if found.dtype.kind not in "fiu" or found.size != 1 or np.isinf(found).any():
        what = "infinite" if found.dtype.kind == "f" and found.size == 1 else f"{found.dtype} {list(found.shape)}"
        raise PluginError(f"metric '{task.metric}' gives a value that is {what}; it is one real number")
    return float(found)


def _confusion(task: Task, scores: Sequence[Predicted], labels: Sequence[Labels]) -> Confusion | None:
    """Return how often each class was taken for each, where every frame has one class."""
    if task.kind != "multiclass":
        return None
    k = len(task.outputs)
    counts = np.zeros(k * k, dtype=np.int64)
    for predicted, known in zip(scores, labels, strict=True):
        actual, decided = (np.asarray(v)[known.annotated] for v in (known.values, decide(task, predicted).decisions))
        counts += np.bincount(actual.astype(np.int64) * k + decided.astype(np.int64), minlength=k * k)
    return Confusion(classes=task.outputs, counts=tuple(map(tuple, counts.reshape(k, k).tolist())))


def count_dropped(database: Database, task: Task, splits: Iterable[str]) -> dict[str, int]:
    """Return track -> annotated frames (1 for a track-level task) of those in the splits that could not be used."""
    found: dict[str, int] = {}
    for split in splits:
        found |= database.dropped(task.label, split)
    return dict.fromkeys(found, 1) if task.level == "track" else found


def tracks_digest(tracks: Sequence[LabelledTrack]) -> str:
    """Return the SHA-256 over the sorted ids of the tracks with an annotated frame, one per line."""
    ids = sorted(one.track.id for one in tracks if one.known.annotated.any())
    return hashlib.sha256("".join(f"{name}\n" for name in ids).encode()).hexdigest()


def _random_groups(metric: Metric, task: Task, scores: Sequence[Predicted], labels: Sequence[Labels]) -> Statistics:
    """Return the statistics [G, S] of annotated frames, at most ``SAMPLE``, dealt at random into groups of one size."""
    random = np.random.default_rng(0)
    frames = [np.flatnonzero(known.annotated) for known in labels]
    ends = np.cumsum([len(at) for at in frames])
    groups = min(RANDOM_GROUPS, int(ends[-1]))
    chosen = np.sort(random.choice(ends[-1], min(int(ends[-1]), SAMPLE) // groups * groups, replace=False))
    places = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    kept = [at[place - end + len(at)] for at, place, end in zip(frames, places, ends, strict=True)]
    all_found = [decide(task, predicted) for predicted in scores]
    decisions = _join([found.decisions for found in all_found], kept)
    known_scores = [found.scores for found in all_found if found.scores is not None]
    numbers = _join(known_scores, kept) if len(known_scores) == len(all_found) else None
    target, mask = (_join(part, kept) for part in ([k.values for k in labels], [k.mask for k in labels]))
    return np.stack(
        [
            _statistics(
                metric,
                Decided(decisions[some], None if numbers is None else numbers[some]),
                Labels(target[some], mask[some]),
            )
            for some in np.split(random.permutation(len(target)), groups)
        ]
    )


def _join(parts: Sequence[NDArray[Any]], kept: Sequence[NDArray[np.intp]]) -> NDArray[Any]:
    return np.concatenate([part[frames] for part, frames in zip(parts, kept, strict=True)])


def _statistics(metric: Metric, found: Decided, known: Labels) -> Statistics:
    if found.scores is None:
        given = metric.statistics(found.decisions, known.values, known.mask)
    else:
        given = metric.scored_statistics(found.scores, found.decisions, known.values, known.mask)
    return np.array(given)  # a copy: a metric may fill one array again


def score_of_refit(task: Task) -> tuple[Score, None]:
    """Return the score of a run that fitted every labelled track: no value, and why."""
    why = "refit on training and validation tracks: no labelled track is left to score"
    return Score(metric=task.metric, value=None, reason=why), None


def official_value(
    metric: Metric, task: Task, names: Sequence[str], scores: Sequence[Predicted], labels: Sequence[Labels]
) -> float:
    """Return the official value alone."""
    return _value_of(metric, task, statistics_of(metric, task, names, scores, labels).sum(axis=0))


def _record(found: bootstrap.Interval) -> Interval:
    return Interval(
        low=found.low,
        high=found.high,
        level=found.level,
        method=f"track bootstrap, {found.method}",
        replicates=found.replicates,
        units=f"{found.units} subjects",
        reason=found.reason,
    )
