"""A stored network on its scored split under declared corruptions: what each costs, paired with the clean split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abawbench.contracts import LabelledTrack, UsageError
from abawbench.contracts.metric import Statistics
from abawbench.harness.insight.corruptions import CONTROL, CORRUPTIONS, SEVERITIES, CorruptedTrack, Corruption
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.learn.postprocessing import rescale_to_threshold
from abawbench.harness.score.scoring import track_statistics
from abawbench.harness.stored.scored import ScoredRun
from abawbench.progress import Progress
from abawbench.statistics.paired import Difference, compare_paired
from abawbench.system.repeatable import make_repeatable

SAMPLED = 20
"""Images from which the signal to noise ratio of a corruption is measured."""


@dataclass(frozen=True)
class Change:
    """The value under a corruption less the clean one, paired over subjects."""

    value: float | None
    low: float | None
    high: float | None
    p_value: float | None
    reason: str | None
    """Why there is no interval."""


@dataclass(frozen=True)
class Severity:
    """A corruption at one severity."""

    severity: int
    level: float
    value: float
    change: Change
    psnr_db: float | None
    """Mean over sampled images; null for what changes no image, and where nothing changed."""


@dataclass(frozen=True)
class Disturbed:
    """A corruption at the severities asked for."""

    corruption: str
    unit: str
    severities: tuple[Severity, ...]
    mean: Change
    """Of the mean value over the severities."""


@dataclass(frozen=True)
class Robustness:
    """What corruptions cost a run."""

    run: str
    task: str
    metric: str
    database: str
    synthetic: bool
    subjects: int
    clean: float
    stored: float
    """The value in the record; the clean one is predicted anew, on this machine."""
    control: float
    """The change by a corruption that changes nothing: 0."""
    disturbed: tuple[Disturbed, ...]
    not_asked: tuple[str, ...]
    """Corruptions of inputs that the model does not have."""


def choose_corruptions(names: Sequence[str], inputs: frozenset[str]) -> list[Corruption]:
    """Return the corruptions of those names, all unless given, that reach an input of the model.

    Raises UsageError for an unknown name and for one that is asked for and reaches none.
    """
    for name in names:
        if name not in CORRUPTIONS:
            raise UsageError(f"unknown corruption '{name}'; use {', '.join(CORRUPTIONS)}")
        if CORRUPTIONS[name].input not in inputs:
            raise UsageError(f"corruption '{name}' disturbs {CORRUPTIONS[name].input}, which the model does not have")
    chosen = [CORRUPTIONS[name] for name in names] if names else list(CORRUPTIONS.values())
    return [one for one in chosen if one.input in inputs]


def measure_robustness(
    run: ScoredRun, names: Sequence[str], severities: Sequence[int], device: str, progress: Progress
) -> Robustness:
    """Return what each corruption costs a stored network on the split that it scored, with intervals over subjects.

    Raises UsageError and DataError as for a run that is exported: it needs its network and weights.
    """
    if wrong := [one for one in severities if one not in SEVERITIES]:
        raise UsageError(f"unknown severity {wrong[0]}; use 1 to 5")
    learner, metric = run.run.learner(device), run.run.metric
    chosen = choose_corruptions(names, learner.model.inputs)
    subjects = run.statistics.subjects
    clean = _predict(run, learner, None, progress)
    control = compare_paired(metric.value, clean, _predict(run, learner, (CONTROL, 1), progress), groups=subjects)
    found = []
    steps = [(one, severity) for one in chosen for severity in sorted(set(severities))]
    rows: dict[str, list[tuple[int, Statistics]]] = {}
    for one, severity in progress.track(steps, "corrupt", len(steps), "pass"):
        rows.setdefault(one.name, []).append((severity, _predict(run, learner, (one, severity), Progress())))
    for one in chosen:
        own = rows[one.name]
        stacked = np.stack([statistics for _, statistics in own])
        mean = compare_paired(metric.value, np.broadcast_to(clean, stacked.shape), stacked, groups=subjects)
        found.append(
            Disturbed(
                one.name,
                one.unit,
                tuple(
                    Severity(
                        severity,
                        one.levels[severity - 1],
                        float(metric.value(statistics.sum(axis=0))),
                        _change(compare_paired(metric.value, clean, statistics, groups=subjects)),
                        _psnr(run, one, severity),
                    )
                    for severity, statistics in own
                ),
                _change(mean),
            )
        )
    return Robustness(
        run=run.name,
        task=run.run.task.name,
        metric=run.run.task.metric,
        database=run.database.name,
        synthetic=run.database.synthetic,
        subjects=len(set(subjects)),
        clean=float(metric.value(clean.sum(axis=0))),
        stored=run.value,
        control=control.value,
        disturbed=tuple(found),
        not_asked=tuple(name for name, one in CORRUPTIONS.items() if one.input not in learner.model.inputs),
    )


def _predict(
    run: ScoredRun, learner: NetworkLearner, corruption: tuple[Corruption, int] | None, progress: Progress
) -> Statistics:
    """Return the statistics of the tracks, predicted as they are or corrupted."""
    tracks = [one.track if corruption is None else CorruptedTrack(one.track, *corruption) for one in run.tracks]
    with make_repeatable(run.run.record.seed):
        inputs = learner.embed(tracks, progress, once=corruption is not None)
        scores = learner.predict(inputs, tracks)
    scores = [rescale_to_threshold(run.run.task, one, run.run.thresholds) for one in scores]
    labelled = [LabelledTrack(track, one.labels) for track, one in zip(tracks, run.tracks, strict=True)]
    return track_statistics(run.run.metric, run.run.task, labelled, scores).values


def _psnr(run: ScoredRun, corruption: Corruption, severity: int) -> float | None:
    """Return the mean peak signal to noise ratio of corrupted images in dB, 20 log10(255 / root mean square error)."""
    if corruption.image is None:
        return None
    found = []
    for one in run.tracks[:SAMPLED]:
        there = np.flatnonzero(one.track.frame_mask())[:1]
        if len(there):
            before, after = one.track.frames(there)[0], CorruptedTrack(one.track, corruption, severity).frames(there)[0]
            error = float(np.mean((before.astype(np.float64) - after) ** 2))
            found += [10 * np.log10(255**2 / error)] if error else []
    return float(np.mean(found)) if found else None


def _change(found: Difference) -> Change:
    value, low, high, p_value = (
        x if np.isfinite(x) else None for x in (found.value, found.low, found.high, found.p_value)
    )
    return Change(value, low, high, p_value, found.reason)
