"""An ensemble of stored runs: combined and given thresholds out of fold, scored, and written as a run."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench._version import __version__
from abawbench.contracts import Task, UsageError
from abawbench.contracts.text import name_people
from abawbench.harness.combine.methods import METHODS, Combination, Examples, Method, fit_combination
from abawbench.harness.learn.postprocessing import rescale_to_threshold, tune_thresholds
from abawbench.harness.request import devices
from abawbench.harness.request.splits import assign_folds
from abawbench.harness.score.scoring import official_value, score, track_statistics
from abawbench.harness.stored.scored import ScoredRun, annotated
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.cost import Cost
from abawbench.records.ensemble import EnsembleRecord, Member
from abawbench.records.predictions import Predictions
from abawbench.records.record import ProtocolRecord, Record, WeightsRecord
from abawbench.statistics.paired import compare_paired

Scores = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How members are combined."""

    method: Method = "mean"
    tuned: bool = False
    """Whether thresholds are chosen, on tracks of other subjects than those that they decide."""
    folds: int = 5
    name: str | None = None
    """What tables call the ensemble; ``ensemble-<method>`` unless given."""

    @property
    def fits(self) -> bool:
        """Whether anything is fitted to labels."""
        return self.tuned or self.method not in ("mean", "rank")


@dataclass(frozen=True)
class _Fitted:
    """A combination with its thresholds."""

    combination: Combination
    thresholds: dict[str, float]

    def apply(self, task: Task, scores: NDArray[np.float64]) -> Scores:
        combined = self.combination.apply(scores).astype(np.float32)
        return rescale_to_threshold(task, combined, self.thresholds) if self.thresholds else combined


def combine(members: Sequence[ScoredRun], recipe: Recipe, out: Path, progress: Progress) -> Record:
    """Combine runs of the same tracks, write the ensemble as a run to ``out`` and return its record.

    Its predictions are out of fold: of every track, by what was fitted to tracks of other subjects. The parameters in
    its record are fitted to all, for tracks that are new. Raises UsageError for runs that do not belong together and
    for a folder that is there.
    """
    started = datetime.now(UTC)
    _check(members, recipe, out)
    first = members[0]
    task, tracks = first.run.task, first.tracks
    examples = _side_by_side(members)
    kept = annotated(first)
    progress.note(f"fit {recipe.method} to all {len(kept)} tracks")
    whole = _fit(recipe, first, examples.pick(kept))
    seen = [whole.apply(task, one) for one in examples.scores]
    unseen, folds, thresholds = seen, 0, [whole.thresholds]
    if recipe.fits:
        folds = min(recipe.folds, len({examples.groups[i] for i in kept}))
        unseen, thresholds = _out_of_fold(recipe, first, examples, folds, progress)
    found, floor = score(first.run.metric, task, tracks, unseen)
    statistics = track_statistics(first.run.metric, task, tracks, unseen)
    names = [one.track.id for one in tracks]
    best = max(members, key=lambda one: float(first.run.metric.merit(one.value)))
    gain = compare_paired(
        first.run.metric.value,
        best.statistics.in_order_of(statistics.tracks),
        statistics.values,
        groups=statistics.subjects,
    )
    in_sample = official_value(
        first.run.metric, task, [names[i] for i in kept], [seen[i] for i in kept],
        [tracks[i].known for i in kept],
    )  # fmt: skip
    told = EnsembleRecord(
        method=recipe.method,
        members=tuple(_member(one) for one in members),
        folds=folds,
        parameters=whole.combination.parameters() | ({"thresholds": whole.thresholds} if whole.thresholds else {}),
        in_sample=in_sample,
        best=best.name,
        gain=gain.value,
        gain_low=gain.low,
        gain_high=gain.high,
        gain_p_value=gain.p_value,
        gain_reason=gain.reason,
    )
    records = [one.run.record for one in members]
    record = records[0].model_copy(
        update={
            "abawbench": __version__,
            "job": _digest(told, recipe),
            "started": started,
            "finished": datetime.now(UTC),
            "model": recipe.name or f"ensemble-{recipe.method}",
            "seed": 0,
            "settings": _settings(records),
            "protocol": _protocol(records[0], recipe, folds, thresholds),
            "weights": _weights(records),
            "plugins": tuple({(p.kind, p.name): p for one in records for p in one.plugins}.values()),
            "score": found,
            "floor": floor,
            "counts": _counts(records),
            "ensemble": told,
            "cost": _cost(records),
            "parity": None,
            "training": (),
            "trained": None,
            "seconds": type(records[0].seconds)(score=(datetime.now(UTC) - started).total_seconds()),
            "process": devices.describe_process(1),
            "versions": devices.versions(),
        }
    )
    by_track = dict(zip(names, unseen, strict=True))
    frame_names = {} if task.level == "track" else {one.track.id: one.track.frame_names() for one in tracks}
    predictions = Predictions(outputs=task.outputs, scores=by_track, frame_names=frame_names)
    return store.write(out, Record.model_validate(record.model_dump()), predictions, statistics=statistics)


def _check(members: Sequence[ScoredRun], recipe: Recipe, out: Path) -> None:
    if recipe.method not in METHODS:
        raise UsageError(f"unknown method '{recipe.method}'; use {', '.join(METHODS)}")
    if len(members) < 2:
        raise UsageError("an ensemble needs two runs or more; name further run folders")
    if recipe.folds < 2:
        raise UsageError(f"{recipe.folds} folds leave nothing to fit; give 2 or more")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out}: already there; choose another folder with --out, or delete it")
    first = members[0].run
    jobs: dict[str, Path] = {}
    for one in members:
        record, own = one.run.record, first.record
        for what, mine, theirs in (
            ("task", record.task, own.task),
            ("database", record.database.name, own.database.name),
            ("annotations", record.database.fingerprint, own.database.fingerprint),
            ("scored tracks", record.database.tracks_sha256, own.database.tracks_sha256),
            ("assumptions", one.run.protocol.assumptions, first.protocol.assumptions),
        ):
            if mine != theirs:
                raise UsageError(
                    f"{one.run.folder}: other {what} than {first.folder} ({mine} and {theirs}); "
                    "only runs scored on the same tracks can be combined"
                )
        if record.job in jobs:
            raise UsageError(f"{one.run.folder}: the same run as {jobs[record.job]}; name each once")
        jobs[record.job] = one.run.folder
        if record.ensemble is not None:
            raise UsageError(f"{one.run.folder}: an ensemble itself; name its members instead")


def _side_by_side(members: Sequence[ScoredRun]) -> Examples:
    """Return what the members say of the tracks, in the order of the first one's."""
    first = members[0]
    by_track = [{one.track.id: s for one, s in zip(m.tracks, m.scores, strict=True)} for m in members]
    scores = [np.stack([own[one.track.id] for own in by_track]).astype(np.float64) for one in first.tracks]
    return Examples(scores, [one.known for one in first.tracks], name_people(one.track.subject for one in first.tracks))


def _fit(recipe: Recipe, first: ScoredRun, examples: Examples) -> _Fitted:
    task, metric = first.run.task, first.run.metric
    combination = fit_combination(recipe.method, task, metric, examples)
    if not recipe.tuned:
        return _Fitted(combination, {})
    own = [combination.apply(one).astype(np.float32) for one in examples.scores]
    return _Fitted(combination, tune_thresholds(metric, task, own, examples.labels))


def _out_of_fold(
    recipe: Recipe, first: ScoredRun, examples: Examples, folds: int, progress: Progress
) -> tuple[list[Scores], list[dict[str, float]]]:
    """Return the scores of every track by what was fitted to other subjects, and the thresholds of each fold."""
    task = first.run.task
    fold = assign_folds(examples.groups, [len(one.mask) for one in examples.labels], folds)
    found: dict[int, Scores] = {}
    thresholds = []
    usable = set(annotated(first))
    for k in progress.track(range(folds), f"combine by {recipe.method}", folds, "fold"):
        fitted = _fit(recipe, first, examples.pick([i for i in np.flatnonzero(fold != k).tolist() if i in usable]))
        thresholds.append(fitted.thresholds)
        found |= {i: fitted.apply(task, examples.scores[i]) for i in np.flatnonzero(fold == k).tolist()}
    return [found[i] for i in range(len(fold))], thresholds


def _member(one: ScoredRun) -> Member:
    record = one.run.record
    assert record.predictions is not None
    return Member(
        model=record.model,
        seed=record.seed,
        job=record.job,
        predictions_sha256=record.predictions.sha256,
        value=one.value,
    )


def _digest(told: EnsembleRecord, recipe: Recipe) -> str:
    parts = [told.model_dump(mode="json", include={"method", "members", "folds"}), recipe.tuned, __version__]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _settings(records: Sequence[Record]) -> dict[str, Any]:
    """Return the settings of members that keep a result from being ranked; they do so of the ensemble too."""
    found: dict[str, Any] = {}
    for name, usual in (("size", "full"), ("control", None)):
        odd = [one.settings[name] for one in records if one.settings.get(name) not in (None, usual)]
        if odd:
            found[name] = odd[0]
    return found


def _protocol(record: Record, recipe: Recipe, folds: int, thresholds: Sequence[dict[str, float]]) -> ProtocolRecord:
    tuned = [dict[str, float | None](one) for one in thresholds if one]
    return ProtocolRecord(
        thresholds="tuned" if tuned else "fixed",
        threshold_values=tuple(tuned),
        tuned_on=f"tracks of other subjects, in {folds} folds of the scored split" if tuned else None,
        assumptions=record.protocol.assumptions if record.protocol else {},
        folds=record.protocol.folds if record.protocol else 0,
    )


def _weights(records: Sequence[Record]) -> WeightsRecord:
    parts = tuple(one.weights for one in records if one.weights is not None)
    return WeightsRecord(
        source="members",
        trained_on=_union(one.trained_on for one in parts),
        against_the_rules=_union(one.against_the_rules for one in parts),
        parts=tuple(flat for one in parts for flat in (one, *one.parts)),
    )


def _union(names: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def _counts(records: Sequence[Record]) -> Any:
    """Return the counts of the member that lost most, for what one could not read the ensemble does not know."""
    known = [one.counts for one in records if one.counts is not None]
    return max(known, key=lambda one: (one.lost_tracks, one.frames_without_image), default=None)


def _cost(records: Sequence[Record]) -> Cost | None:
    """Return the parameters and MACs of all members together; None where one was not counted."""
    known = [one.cost for one in records if one.cost is not None]
    if len(known) < len(records):
        return None
    counters = [name for name in known[0].macs_per_frame if all(one.macs_per_frame.get(name) for one in known)]
    sizes = [one.weights_bytes for one in known if one.weights_bytes is not None]
    return Cost(
        parameters_total=sum(one.parameters_total for one in known),
        parameters_trained=sum(one.parameters_trained for one in known),
        macs_per_frame={name: sum(one.macs_per_frame[name] or 0.0 for one in known) for name in counters},
        macs_missed=_union(one.macs_missed for one in known),
        left_out={"single-stream": "an ensemble is not timed, its members are", "offline": "as single-stream"},
        weights_bytes=sum(sizes) if len(sizes) == len(known) else None,
    )
