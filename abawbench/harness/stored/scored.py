"""A stored run beside the labels that it was scored on: what every question about its predictions begins with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abawbench.contracts import Database, DataError, LabelledTrack, UsageError
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.request.databases import Databases
from abawbench.harness.score.score_file import tracks_of_run
from abawbench.harness.score.scoring import track_statistics, tracks_digest
from abawbench.harness.stored.load import StoredRun
from abawbench.records import store
from abawbench.records.track_statistics import TrackStatistics


@dataclass(frozen=True)
class ScoredRun:
    """A run, the labelled tracks it was scored on, and its scores of each."""

    run: StoredRun
    database: Database
    tracks: tuple[LabelledTrack, ...]
    scores: tuple[Scores, ...]
    statistics: TrackStatistics
    """Of the tracks that have an annotated frame."""

    @property
    def value(self) -> float:
        """The official value, which is the record's."""
        return float(self.run.metric.value(self.statistics.values.sum(axis=0)))

    @property
    def name(self) -> str:
        """What ran, with its seed."""
        return self.run.record.describe(seeds=True)


def load_scored(run: StoredRun, databases: Databases) -> ScoredRun:
    """Return a run beside its labels; its stored predictions must give its stored value.

    Raises UsageError for a run that scored nothing, DataError for predictions, tracks or labels that are not its own.
    """
    record, task = run.record, run.task
    if record.score is None or record.score.value is None:
        raise UsageError(
            f"{run.folder}: the run has no value, so there is nothing to look into; run it on a scored split"
        )
    predictions = store.read_run_predictions(run.folder, task.outputs)
    _, database = databases.under(run.protocol.assumptions).for_task(task, pooled=True)
    if (found := database.fingerprint()) != record.database.fingerprint:
        raise DataError(
            f"{run.folder}: the run was scored on other annotations ({record.database.fingerprint[:12]}) than "
            f"'{database.name}' has ({found[:12]}); give the --data, or the --preset and --data-seed, of the run"
        )
    tracks = tuple(tracks_of_run(record, task, database, predictions.scores))
    _require_same(run, tracks, len(predictions.scores))
    scores = tuple(predictions.scores[one.track.id] for one in tracks)
    for one, own in zip(tracks, scores, strict=True):
        if len(own) != len(one.known.mask):
            raise DataError(
                f"{run.folder}: track '{one.track.id}' has {len(own)} predictions and {len(one.known.mask)} labels; "
                "run it again"
            )
    found_run = ScoredRun(run, database, tracks, scores, track_statistics(run.metric, task, tracks, scores))
    if found_run.value != record.score.value:
        raise DataError(
            f"{run.folder}: its predictions score {found_run.value} and its record says {record.score.value}; "
            "run it again with this abawbench"
        )
    return found_run


def _require_same(run: StoredRun, tracks: Sequence[LabelledTrack], predicted: int) -> None:
    wanted = run.record.database.tracks_sha256
    if len(tracks) < predicted or wanted not in (None, tracks_digest(tracks)):
        raise DataError(f"{run.folder}: the run scored other tracks than the database has; run it again")


def annotated(scored: ScoredRun) -> list[int]:
    """Return the places of the tracks that have an annotated frame: the rows of ``statistics``."""
    return [place for place, one in enumerate(scored.tracks) if np.any(one.known.annotated)]
