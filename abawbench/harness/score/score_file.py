"""Scoring predictions that lie on disk: anyone's file, or a run, whose stored value must come out again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Database, DataError, Decided, LabelledTrack, Metric, Task, UsageError
from abawbench.harness.data.images import find_nearest
from abawbench.harness.request.assumptions import check_assumptions, count_frames, select_assumptions
from abawbench.harness.request.databases import Databases
from abawbench.harness.request.rules import layout_of
from abawbench.harness.request.splits import take_first
from abawbench.harness.score.frame_index import SURPLUS, FrameIndex, Surplus, escape
from abawbench.harness.score.prediction_files import FilePredictions, read_prediction_file, submission_of
from abawbench.harness.score.scoring import Predicted, count_dropped, score, tracks_digest
from abawbench.plugins import Plugin, Plugins
from abawbench.records import store
from abawbench.records.record import DatabaseRecord, Record
from abawbench.records.scored_file import ScoredFile

Missing = Literal["error", "nearest", "interpolate"]
MISSING: tuple[Missing, ...] = ("error", "nearest", "interpolate")
SHOWN = 10
"""Missing frames that a message names."""


@dataclass(frozen=True)
class _Scored:
    """What is scored by what: the labelled tracks of a split, the task and its metric."""

    task: Task
    metric: Metric
    database: Database
    split: str | None
    tracks: list[LabelledTrack]
    assumptions: Mapping[str, str]
    """Of uncertain facts, where another than the default took effect."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Tracks of the split that could not be read, and the annotated frames (or tracks) of each."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """Where the database lies or how it was made, as ``Databases.describe`` gives it."""

    def record(self) -> DatabaseRecord:
        return DatabaseRecord(
            name=self.database.name,
            layout=layout_of(self.task, self.database),
            synthetic=self.database.synthetic,
            fingerprint=self.database.fingerprint(),
            split=self.split,
            tracks_sha256=tracks_digest(self.tracks),
            **self.place,
            lacks=self.task.left_out,
        )


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """How a file of predictions is scored."""

    task: str
    split: str = "val"
    missing: Missing = "error"
    """What stands for annotated frames that the file does not predict: see ``score_file``."""
    surplus: Surplus = "error"
    """What happens to rows of frames that the split does not have: ``ignore`` passes over them, and counts them."""
    form: str | None = None
    """The toolkit whose tables the file holds: ``openface``, ``py-feat`` or ``libreface``."""
    assumptions: Mapping[str, str] = field(default_factory=dict)
    """Of uncertain facts, chosen by name."""


def score_file(path: Path, wanted: ScoreRequest, plugins: Plugins, databases: Databases) -> ScoredFile:
    """Return the official score of a file of predictions, in any of the forms of ``read_prediction_file``.

    Annotated frames that the file does not predict are an error, unless ``missing`` fills them from their track:
    ``nearest`` with the nearest prediction (of two equally near, the later), ``interpolate`` linearly in time between
    numbers. Raises DataError naming file and line for a file that cannot be used.
    """
    missing = wanted.missing
    if missing not in MISSING:
        raise UsageError(f"unknown rule '{missing}' for missing frames; use {', '.join(MISSING)}")
    if wanted.surplus not in SURPLUS:
        raise UsageError(f"unknown rule '{wanted.surplus}' for surplus rows; use {', '.join(SURPLUS)}")
    chosen = check_assumptions(plugins, wanted.assumptions)
    task, measured, asked = _task(plugins, wanted.task, chosen)
    name, database, tracks = _load_tracks(task, databases.under(chosen), wanted.split, chosen)
    task = task.leave_out(database.lacks(task.label))
    metric = measured(task)
    effective = select_assumptions(chosen, task, [*asked, databases.plugin(database.name)])
    dropped = count_dropped(database, task, [wanted.split])
    place = databases.describe(name)
    known = _Scored(task, metric, database, wanted.split, tracks, effective, dropped, place)
    found = read_prediction_file(
        path, task, [one.track for one in tracks], form=wanted.form, surplus=wanted.surplus, dropped=dropped
    )
    lacking = [one.known.annotated & ~given for one, given in zip(tracks, found.given, strict=True)]
    count = sum(int(frames.sum()) for frames in lacking)
    if count and missing == "error":
        notes = "".join(f" ({note})" for note in found.notes)
        raise DataError(f"{path}: {_describe_missing(task, tracks, lacking, count)}{notes}")
    filled = [
        _fill_missing(path, known, found, number, missing) if frames.any() else found.tracks[number]
        for number, frames in enumerate(lacking)
    ]
    return _score(path, found.form, known, filled).model_copy(
        update={
            "filled_frames": count,
            "predicted_frames": _count_annotated(tracks) - count,
            "missing": missing,
            "surplus_rows": found.surplus,
            "notes": tuple(found.notes),
        }
    )


def score_run(folder: Path, task_name: str | None, plugins: Plugins, databases: Databases) -> ScoredFile:
    """Return the score of a run's stored predictions, which is the stored value.

    Raises DataError when it is another: when predictions, scored tracks or labels are not those of the run, and when
    the record names a metric or a database that is not what its value is of.
    """
    record = store.read(folder)
    if task_name not in (None, record.task):
        raise UsageError(f"{folder}: a run of task '{record.task}', not '{task_name}'; leave --task out")
    if record.score is None or record.score.value is None:
        raise DataError(f"{folder}: the run has no value to verify")
    assumptions = record.protocol.assumptions if record.protocol else {}
    task, measured, _ = _task(plugins, record.task, assumptions, record.near("task"))
    predictions = store.read_run_predictions(folder, task.outputs)
    name, database = databases.under(assumptions).for_task(task, pooled=True)
    tracks = tracks_of_run(record, task, database, predictions.scores)
    _require_every_track(folder, record, task, database, predictions.scores)
    task = task.leave_out(database.lacks(task.label))
    dropped = count_dropped(database, task, _splits_of(record, task, database))
    place = databases.describe(name)
    known = _Scored(task, measured(task), database, record.database.split, tracks, assumptions, dropped, place)
    _require_same_names(folder, record, known)
    _require_same_tracks(folder, record, known, predictions.scores)
    scores = [predictions.scores[one.track.id] for one in tracks]
    found = _score(folder, "run", known, scores).model_copy(update={"stored_value": record.score.value})
    if found.score.value != record.score.value:
        raise DataError(
            f"{folder}: its predictions score {found.score.value} on these labels and the record says "
            f"{record.score.value}; {_other_labels(record, found.database)}"
        )
    notes = [] if record.seal else ["the record has no seal: its value was verified, and nothing else that it says"]
    if found.database.fingerprint != record.database.fingerprint:
        notes.append(f"the value is the same although {_other_labels(record, found.database)}")
    return found.model_copy(update={"notes": tuple(notes)})


def _task(
    plugins: Plugins, name: str, assumptions: Mapping[str, str], near: Sequence[str] = ()
) -> tuple[Task, Callable[[Task], Metric], list[Plugin]]:
    """Return the task of that name and what builds its metric, with the plugins that gave them."""
    its = plugins.get("task", name, near)
    task: Task = its.build_under(assumptions)
    measured = plugins.get("metric", task.metric, its.near)
    return task, partial(measured.build_under, assumptions), [its, measured]


def _load_tracks(
    task: Task, databases: Databases, split: str, assumptions: Mapping[str, str]
) -> tuple[str, Database, list[LabelledTrack]]:
    """Return the name of the database that has a split of a task, the database and its labelled tracks."""
    name, database = databases.for_split(task, split)
    tracks = count_frames(database.tracks(task.label, split), task, assumptions)
    labelled = [one for one in tracks if one.labels is not None]
    if not any(one.known.annotated.any() for one in labelled):
        raise UsageError(
            f"split '{split}' of '{name}' has no labels of task '{task.name}': nothing can be scored on it"
        )
    return name, database, labelled


def tracks_of_run(
    record: Record, task: Task, database: Database, predictions: Mapping[str, NDArray[Any]]
) -> list[LabelledTrack]:
    """Return the labelled tracks of a run in the order of its predictions, which is that of its sums.

    A run over several splits together (folds) has them all.
    """
    found = _tracks_to_score(record, task, database)
    by_id = {one.track.id: one for one in found if one.labels is not None}
    return [by_id[track] for track in predictions if track in by_id]


def _require_every_track(
    folder: Path, record: Record, task: Task, database: Database, predictions: Mapping[str, NDArray[Any]]
) -> None:
    """Raise DataError when the database has an annotated track that the run did not score."""
    found = _tracks_to_score(record, task, database)
    wanted = [one.track.id for one in found if one.labels is not None and one.known.annotated.any()]
    missing = [name for name in wanted if name not in predictions]
    if missing:
        raise DataError(
            f"{folder}: the run scored {len(wanted) - len(missing)} of the {len(wanted)} tracks that "
            f"'{database.name}' has, and not '{escape(missing[0])}', for one; run it again on all of them"
        )


def _tracks_to_score(record: Record, task: Task, database: Database) -> list[LabelledTrack]:
    """Return the tracks of the splits that a run was scored on, as many of each as its protocol says."""
    assumptions, limit = (record.protocol.assumptions, record.protocol.limit) if record.protocol else ({}, 0)
    splits = [take_first(database.tracks(task.label, split), limit) for split in _splits_of(record, task, database)]
    return [one for tracks in splits for one in count_frames(tracks, task, assumptions)]


def _splits_of(record: Record, task: Task, database: Database) -> list[str]:
    """Return the splits that a run was scored on: all that have labels where it was over several together (folds)."""
    there, own = database.splits(task.label), record.database.split
    return [own] if own is not None and own in there else [split for split in there if split != "test"]


def _require_same_names(folder: Path, record: Record, known: _Scored) -> None:
    """Raise DataError when a record names another metric or other data than its value is computed with."""
    assert record.score is not None
    real = {True: "synthetic", False: "real"}
    pairs = {
        "metric": (record.score.metric, known.task.metric),
        "edition": (record.edition, known.task.edition),
        "database": (record.database.name, known.database.name),
        "data": (real[record.database.synthetic], real[known.database.synthetic]),
    }
    for what, (said, found) in pairs.items():
        if said != found:
            raise DataError(f"{folder}: its record says {what} {said}, and it is {found} here; run it again")


def _require_same_tracks(folder: Path, record: Record, known: _Scored, predictions: Mapping[str, NDArray[Any]]) -> None:
    digests = record.database.tracks_sha256, tracks_digest(known.tracks)
    if len(known.tracks) < len(predictions) or digests[0] not in (None, digests[1]):
        remedy = _other_labels(record, known.record())
        raise DataError(f"{folder}: the run scored other tracks than '{known.database.name}' has; {remedy}")
    for one in known.tracks:
        rows, wanted = len(predictions[one.track.id]), len(one.known.mask)
        if rows != wanted:
            remedy = _other_labels(record, known.record())
            raise DataError(f"{folder}: track '{one.track.id}' has {rows} predictions and {wanted} labels; {remedy}")


def _other_labels(record: Record, found: DatabaseRecord) -> str:
    if found.fingerprint == record.database.fingerprint:
        return "the annotation files are the same, so the program that reads or scores them is not"
    return (
        f"the annotation files of '{found.name}' are not those of the run (fingerprint {found.fingerprint[:12]}, not "
        f"{record.database.fingerprint[:12]}): give the --data, or the --preset and --data-seed, of the run"
    )


def _describe_missing(
    task: Task, tracks: Sequence[LabelledTrack], lacking: Sequence[NDArray[np.bool_]], count: int
) -> str:
    names = FrameIndex(task, [one.track for one in tracks], submission_of(task)).names
    shown = [names[place] for place in np.flatnonzero(np.concatenate(lacking))[:SHOWN]]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    unit = "tracks" if task.level == "track" else "frames"
    remedy = "predict them" if task.level == "track" else "predict them, or choose --missing nearest or interpolate"
    return f"{count} annotated {unit} have no prediction: {', '.join(shown)}{more}; {remedy}"


def _fill_missing(path: Path, known: _Scored, found: FilePredictions, number: int, missing: Missing) -> Predicted:
    """Return the predictions of a track with the missing frames filled by the rule."""
    task, name = known.task, known.tracks[number].track.id
    given, predicted = found.given[number], found.tracks[number]
    if not given.any():
        raise DataError(f"{path}: track '{name}' has no prediction at all, so there is nothing to fill it with")
    if missing == "nearest":
        at = find_nearest(given)
        return replace(
            predicted,
            decisions=predicted.decisions[at],
            scores=None if predicted.scores is None else predicted.scores[at],
        )
    if found.decided and task.kind != "regression":
        raise UsageError(f"{path}: it holds decisions, which cannot be interpolated; use --missing nearest")
    numbers = predicted.decisions if predicted.scores is None else predicted.scores
    between = _interpolate(numbers, given)
    return Decided(between) if predicted.scores is None else Decided(task.decide(between), between)


def _interpolate(values: NDArray[Any], given: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values [N, K], those not given taken from a line between their neighbours; the ends are repeated."""
    frames, known = np.arange(len(given)), np.flatnonzero(given)
    columns = [np.interp(frames, known, values[known, k]) for k in range(values.shape[1])]
    return np.where(given[:, None], values, np.stack(columns, axis=1)).astype(values.dtype)


def _count_annotated(tracks: Sequence[LabelledTrack]) -> int:
    return sum(int(one.known.annotated.sum()) for one in tracks)


def _score(path: Path, form: str, known: _Scored, predicted: Sequence[Predicted]) -> ScoredFile:
    result, floor = score(known.metric, known.task, known.tracks, predicted)
    return ScoredFile(
        file=path.name,
        form=form,
        task=known.task.name,
        edition=known.task.edition,
        database=known.record(),
        score=result,
        floor=floor,
        tracks=sum(bool(one.known.annotated.any()) for one in known.tracks),
        annotated_frames=_count_annotated(known.tracks) + sum(known.dropped.values()),
        lost_tracks=len(known.dropped),
        predicted_frames=_count_annotated(known.tracks),
        assumptions=dict(known.assumptions),
    )
