"""Calibration and abstention of a stored run: reliability, ECE, Brier and the risk at each coverage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Labels, Task, UsageError
from abawbench.contracts.metric import Statistics
from abawbench.contracts.text import name_people
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.stored.scored import ScoredRun, annotated
from abawbench.records.scores import BinRecord, CalibrationRecord, KeptRecord, PartRecord
from abawbench.statistics import calibration as sums
from abawbench.statistics.bootstrap import interval


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval over subjects; the ends are null where nothing is claimed."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Bin:
    """Answers of about one confidence."""

    low: float
    high: float
    answers: int
    confidence: float
    """Their mean."""
    right: Estimate


@dataclass(frozen=True)
class Kept:
    """The surest answers."""

    coverage: float
    level: float
    """The least confidence among them."""
    risk: Estimate


@dataclass(frozen=True)
class Calibrated:
    """How far the scores of a run can be taken as probabilities."""

    run: str
    task: str
    part: str
    """Of a task of several; else the task itself."""
    database: str
    synthetic: bool
    answers: int
    subjects: int
    error: Estimate
    """Expected calibration error."""
    brier: Estimate
    bins: tuple[Bin, ...]
    risk_area: Estimate
    kept: tuple[Kept, ...]
    notes: tuple[str, ...]


def calibrate(run: ScoredRun) -> list[Calibrated]:
    """Return how well calibrated a run is, for each part whose scores are probabilities.

    An answer is a frame, or a track, of a class, or one unit of it. Raises UsageError where no part has probabilities.
    """
    task = run.run.task
    places = annotated(run)
    found = []
    for number, part in enumerate(task.parts or (task,)):
        if part.kind == "regression":
            continue
        at = task.part_outputs[number] if task.parts else slice(0, len(task.outputs))
        tracks = [
            _answers(
                part,
                run.scores[i][:, at],
                task.part_labels(run.tracks[i].known, number) if task.parts else run.tracks[i].known,
            )
            for i in places
        ]
        people = name_people(run.tracks[i].track.subject for i in places)
        found.append(_calibrated(run, part, tracks, people))
    if not found:
        raise UsageError(f"the scores of task '{task.name}' are values, not probabilities: nothing can be calibrated")
    return found


def record_of(run: ScoredRun, found: Sequence[Calibrated]) -> CalibrationRecord:
    """Return what the page shows of a run's calibration."""

    def ends(one: Estimate) -> tuple[float | None, float | None, float | None]:
        return one.value, one.low, one.high

    return CalibrationRecord(
        seal=run.run.record.seal,
        parts=tuple(
            PartRecord(
                part=one.part,
                error=ends(one.error),
                brier=ends(one.brier),
                bins=tuple(
                    BinRecord(confidence=b.confidence, answers=b.answers, right=ends(b.right)) for b in one.bins
                ),
                kept=tuple(KeptRecord(coverage=k.coverage, risk=ends(k.risk)) for k in one.kept),
            )
            for one in found
        ),
    )


def _answers(task: Task, scores: Scores, labels: Labels) -> sums.Answers:
    known = scores[labels.annotated].astype(np.float64)
    truth = labels.values[labels.annotated]
    if task.kind == "multiclass":
        right = known.argmax(axis=1) == truth
        brier = ((known - np.eye(len(task.outputs))[truth.astype(np.int64)]) ** 2).sum(axis=1)
        return sums.Answers(np.clip(known.max(axis=1), 0, 1), right.astype(np.float64), brier)
    decided = known >= task.threshold
    sure = np.where(decided, known, 1 - known)
    pairs: tuple[NDArray[np.float64], ...] = (sure, (decided == truth).astype(np.float64), (known - truth) ** 2)
    return sums.Answers(*(one.ravel() for one in pairs))


def _calibrated(run: ScoredRun, task: Task, tracks: list[sums.Answers], subjects: list[str]) -> Calibrated:
    rows = sums.calibration_statistics(tracks)
    levels = sums.coverage_levels(tracks)
    covered = sums.coverage_statistics(tracks, levels)
    total, bins = rows.sum(axis=0), sums.BINS

    def estimate(value: Callable[[Statistics], Statistics], statistics: Statistics) -> Estimate:
        got = interval(value, statistics, groups=subjects, replicates=2_000, method="widened")
        return Estimate(*(_finite(x) for x in (float(value(statistics.sum(axis=0))), got.low, got.high)))

    notes = []
    protocol = run.run.record.protocol
    if protocol is not None and protocol.thresholds != "fixed":
        notes.append(
            f"thresholds are {protocol.thresholds}: scores were stretched to meet them, and are no shares then"
        )
    if run.run.record.ensemble is not None:
        notes.append("an ensemble: its scores are out of fold")
    return Calibrated(
        run=run.name,
        task=run.run.task.name,
        part=task.name or run.run.task.name,
        database=run.database.name,
        synthetic=run.database.synthetic,
        answers=int(total[:bins].sum()),
        subjects=len(set(subjects)),
        error=estimate(sums.expected_error, rows),
        brier=estimate(sums.brier_score, rows),
        bins=tuple(
            Bin(
                k / bins,
                (k + 1) / bins,
                int(total[k]),
                float(total[bins + k] / total[k]),
                estimate(partial(sums.bin_share, number=k), rows),
            )
            for k in range(bins)
            if total[k]
        ),
        risk_area=estimate(sums.area_under_risk, covered),
        kept=tuple(
            Kept(share, float(levels[k]), estimate(partial(sums.risk_at, number=k), covered))
            for k, share in enumerate(sums.COVERAGES)
        ),
        notes=tuple(notes),
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
