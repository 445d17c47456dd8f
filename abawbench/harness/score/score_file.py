"""Scoring predictions that lie on disk: anyone's file, or a run, whose stored value must come out again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Database, DataError, Decided, Labels, Metric, Task, Track, UsageError
from abawbench.harness.data.images import nearest
from abawbench.harness.request.assumptions import checked_readings, counted, in_effect
from abawbench.harness.request.databases import Databases
from abawbench.harness.request.rules import layout_of
from abawbench.harness.score.frame_index import FrameIndex
from abawbench.harness.score.prediction_files import FilePredictions, read_prediction_file, submission_of
from abawbench.harness.score.scoring import Predicted, score, tracks_digest
from abawbench.plugins import Plugin, Plugins
from abawbench.records import store
from abawbench.records.record import DatabaseRecord, Record
from abawbench.records.scored import ScoredFile

Missing = Literal["error", "nearest", "interpolate"]
MISSING: tuple[Missing, ...] = ("error", "nearest", "interpolate")
SHOWN = 10
"""Missing frames that a message names."""


@dataclass(frozen=True)
class _Labelled:
    """The labelled tracks of a split."""

    name: str
    database: Database
    tracks: list[Track]
    labels: list[Labels]

    def record(self, task: Task, split: str | None) -> DatabaseRecord:
        return DatabaseRecord(
            name=self.name,
            layout=layout_of(task, self.database),
            synthetic=self.database.synthetic,
            fingerprint=self.database.fingerprint(),
            split=split,
            tracks_sha256=tracks_digest(self.tracks, self.labels),
        )


def score_file(
    path: Path,
    task_name: str,
    plugins: Plugins,
    databases: Databases,
    *,
    split: str = "val",
    missing: Missing = "error",
    readings: Mapping[str, str] | None = None,
) -> ScoredFile:
    """Return the official score of a file of predictions, in any of the forms of ``read_prediction_file``.

    Annotated frames that the file does not predict are an error, unless ``missing`` fills them from their track:
    ``nearest`` with the nearest prediction (of two equally near, the later), ``interpolate`` linearly in time between
    numbers. ``readings`` of uncertain facts are chosen by name. Raises DataError naming file and line for a file
    that cannot be used.
    """
    if missing not in MISSING:
        raise UsageError(f"unknown rule '{missing}' for missing frames; use {', '.join(MISSING)}")
    chosen = checked_readings(plugins, readings or {})
    task, metric, asked = _task(plugins, task_name, chosen)
    known = _labelled(task, databases.under(chosen), split, chosen)
    found = read_prediction_file(path, task, known.tracks)
    lacking = [labels.annotated & ~given for labels, given in zip(known.labels, found.given, strict=True)]
    count = sum(int(frames.sum()) for frames in lacking)
    if count and missing == "error":
        raise DataError(f"{path}: {_missing(task, known.tracks, lacking, count)}")
    filled = [
        _filled(path, task, found, number, missing, known.tracks[number].id) if frames.any() else found.tracks[number]
        for number, frames in enumerate(lacking)
    ]
    return _scored(
        path,
        found.form,
        task,
        metric,
        known,
        split,
        filled,
        filled_frames=count,
        missing=missing,
        readings=in_effect(chosen, task, [*asked, databases.plugin(known.name)]),
    )


def score_run(folder: Path, task_name: str | None, plugins: Plugins, databases: Databases) -> ScoredFile:
    """Return the score of a run's stored predictions, which is the stored value.

    Raises DataError when it is another: when predictions, scored tracks or labels are not those of the run.
    """
    record = store.read(folder)
    if task_name not in (None, record.task):
        raise UsageError(f"{folder}: a run of task '{record.task}', not '{task_name}'; leave --task out")
    if record.score is None or record.score.value is None:
        raise DataError(f"{folder}: the run has no value to verify")
    readings = record.protocol.readings if record.protocol else {}
    task, metric, _ = _task(plugins, record.task, readings, record.near("task"))
    predictions = store.read_run_predictions(folder, task.outputs)
    known = _run_tracks(folder, record, task, databases.under(readings), predictions.scores, readings)
    scores = [predictions.scores[track.id] for track in known.tracks]
    found = _scored(
        folder,
        "run",
        task,
        metric,
        known,
        record.database.split,
        scores,
        stored_value=record.score.value,
        readings=readings,
    )
    if found.score.value != record.score.value:
        raise DataError(
            f"{folder}: its predictions score {found.score.value} on these labels and the record says "
            f"{record.score.value}; {_other_labels(record, found.database)}"
        )
    return found


def _task(
    plugins: Plugins, name: str, readings: Mapping[str, str], near: Sequence[str] = ()
) -> tuple[Task, Metric, list[Plugin]]:
    """Return the task of that name and its metric, with the plugins that gave them."""
    its = plugins.get("task", name, near)
    task: Task = its.build_under(readings)
    measured = plugins.get("metric", task.metric, its.near)
    metric: Metric = measured.build_under(readings, task)
    return task, metric, [its, measured]


def _labelled(task: Task, databases: Databases, split: str, readings: Mapping[str, str]) -> _Labelled:
    name, database = databases.for_split(task, split)
    tracks = database.tracks(task.label, split)
    found = [(track, counted(track.labels(task.label), track, task, readings)) for track in tracks]
    pairs = [(track, labels) for track, labels in found if labels is not None]
    if not any(labels.annotated.any() for _, labels in pairs):
        raise UsageError(
            f"split '{split}' of '{name}' has no labels of task '{task.name}': nothing can be scored on it"
        )
    return _Labelled(name, database, [track for track, _ in pairs], [labels for _, labels in pairs])


def _run_tracks(
    folder: Path,
    record: Record,
    task: Task,
    databases: Databases,
    predictions: Mapping[str, NDArray[Any]],
    readings: Mapping[str, str],
) -> _Labelled:
    """Return the labelled tracks of a run in the order of its predictions, which is that of its sums.

    A run over several splits together (folds) has them all.
    """
    name, database = databases.for_task(task, pooled=True)
    there = database.splits(task.label)
    own = record.database.split
    splits = [own] if own is not None and own in there else [split for split in there if split != "test"]
    tracks = {track.id: track for split in splits for track in database.tracks(task.label, split)}
    known_labels = {i: counted(track.labels(task.label), track, task, readings) for i, track in tracks.items()}
    labels = {track_id: found for track_id, found in known_labels.items() if found is not None}
    ids = [track_id for track_id in predictions if track_id in labels]
    known = _Labelled(name, database, [tracks[i] for i in ids], [labels[i] for i in ids])
    digests = record.database.tracks_sha256, tracks_digest(known.tracks, known.labels)
    if len(ids) < len(predictions) or digests[0] not in (None, digests[1]):
        remedy = _other_labels(record, known.record(task, record.database.split))
        raise DataError(f"{folder}: the run scored other tracks than '{name}' has; {remedy}")
    for track_id in ids:
        rows, wanted = len(predictions[track_id]), len(labels[track_id].mask)
        if rows != wanted:
            remedy = _other_labels(record, known.record(task, record.database.split))
            raise DataError(f"{folder}: track '{track_id}' has {rows} predictions and {wanted} labels; {remedy}")
    return known


def _other_labels(record: Record, found: DatabaseRecord) -> str:
    if found.fingerprint == record.database.fingerprint:
        return "the annotation files are the same, so the program that reads or scores them is not"
    return (
        f"the annotation files of '{found.name}' are not those of the run (fingerprint {found.fingerprint[:12]}, not "
        f"{record.database.fingerprint[:12]}): give the --data, or the --preset and --data-seed, of the run"
    )


def _missing(task: Task, tracks: Sequence[Track], lacking: Sequence[NDArray[np.bool_]], count: int) -> str:
    names = FrameIndex(task, tracks, submission_of(task)).names
    shown = [names[place] for place in np.flatnonzero(np.concatenate(lacking))[:SHOWN]]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    unit = "tracks" if task.level == "track" else "frames"
    remedy = "predict them" if task.level == "track" else "predict them, or choose --missing nearest or interpolate"
    return f"{count} annotated {unit} have no prediction: {', '.join(shown)}{more}; {remedy}"


def _filled(path: Path, task: Task, found: FilePredictions, number: int, missing: Missing, name: str) -> Predicted:
    """Return the predictions of a track with the missing frames filled by the rule."""
    given, predicted = found.given[number], found.tracks[number]
    if not given.any():
        raise DataError(f"{path}: track '{name}' has no prediction at all, so there is nothing to fill it with")
    if missing == "nearest":
        at = nearest(given)
        return replace(
            predicted,
            decisions=predicted.decisions[at],
            scores=None if predicted.scores is None else predicted.scores[at],
        )
    if found.decided and task.kind != "regression":
        raise UsageError(f"{path}: it holds decisions, which cannot be interpolated; use --missing nearest")
    numbers = predicted.decisions if predicted.scores is None else predicted.scores
    between = _interpolated(numbers, given)
    return Decided(between) if predicted.scores is None else Decided(task.decide(between), between)


def _interpolated(values: NDArray[Any], given: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values [N, K], those not given taken from a line between their neighbours; the ends are repeated."""
    frames, known = np.arange(len(given)), np.flatnonzero(given)
    columns = [np.interp(frames, known, values[known, k]) for k in range(values.shape[1])]
    return np.where(given[:, None], values, np.stack(columns, axis=1)).astype(values.dtype)


def _scored(
    path: Path,
    form: str,
    task: Task,
    metric: Metric,
    known: _Labelled,
    split: str | None,
    predicted: Sequence[Predicted],
    *,
    filled_frames: int = 0,
    missing: Missing = "error",
    stored_value: float | None = None,
    readings: Mapping[str, str],
) -> ScoredFile:
    result, floor = score(metric, task, known.tracks, predicted, known.labels)
    annotated = sum(int(labels.annotated.sum()) for labels in known.labels)
    return ScoredFile(
        file=path.name,
        form=form,
        task=task.name,
        edition=task.edition,
        database=known.record(task, split),
        score=result,
        floor=floor,
        tracks=sum(bool(labels.annotated.any()) for labels in known.labels),
        annotated_frames=annotated,
        predicted_frames=annotated - filled_frames,
        filled_frames=filled_frames,
        missing=missing,
        readings=dict(readings),
        stored_value=stored_value,
    )
