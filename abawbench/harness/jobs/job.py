"""One prepared job to its record: fit, predict, score, measure, write."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from safetensors.torch import save
from torch import nn

from abawbench._version import __version__
from abawbench.contracts import LabelledTrack, Model
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.jobs.fitting import Fit, fit_and_predict
from abawbench.harness.jobs.prepare import Prepared
from abawbench.harness.learn.checkpoints import Keeping
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.measure.bench import Bench
from abawbench.harness.measure.measure import Measuring, measure_job
from abawbench.harness.request import devices
from abawbench.harness.request.jobs import EAGER
from abawbench.harness.request.splits import Split
from abawbench.harness.score.scoring import score, score_of_refit, track_statistics
from abawbench.nn import frozen_prefixes
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.cost import Cost
from abawbench.records.parity import Parity
from abawbench.records.predictions import Predictions
from abawbench.records.record import Counts, Epoch, MissingInput, Record, Seconds, WeightsRecord
from abawbench.records.scores import Floor, Score
from abawbench.records.track_statistics import TrackStatistics


def execute(
    ready: Prepared, out: Path, accelerator: Accelerator, measuring: Measuring, progress: Progress, keeping: Keeping
) -> Record:
    """Run a prepared job and return its record, written to its folder under ``out`` with the predictions.

    ``keeping`` says where the checkpoints of its trainings lie, from which one that was killed goes on.
    """
    started = datetime.now(UTC)
    fits = [
        fit_and_predict(ready, split, accelerator, progress, keeping.of_split(number))
        for number, split in enumerate(ready.splits, 1)
    ]
    scores = [one for fit in fits for one in fit.scores]
    with ready.journal.time_phase("score", ready.took_part["metric"]):
        result, floor, statistics = _score(ready, scores)
    at_cost = ready.took_part["model" if ready.job.runtime == EAGER else "runtime"]
    with ready.journal.time_phase("cost", at_cost):
        cost, parity = _measure(ready, fits[-1], measuring, progress)
    clip = ready.model.clip if isinstance(ready.model, Model) else None
    record = Record(
        abawbench=__version__,
        job=ready.digest,
        started=started,
        finished=datetime.now(UTC),
        model=ready.job.model,
        task=ready.task.name,
        edition=ready.task.edition,
        level=ready.task.level,
        database=ready.database_record,
        seed=ready.job.seed,
        settings=_settings(ready, fits),
        protocol=ready.protocol.record(
            clip,
            threshold_values=tuple(one.thresholds for one in fits if one.thresholds),
            tuned_on=next((one.tuned_on for one in fits if one.tuned_on), None),
        ),
        weights=WeightsRecord.of(ready.weights, ready.against_the_rules),
        plugins=ready.plugin_records,
        score=result,
        floor=floor,
        counts=_counts(ready, fits[-1].inputs, scores),
        cost=cost,
        parity=parity,
        training=tuple(
            Epoch(**row, fold=place if ready.protocol.folds else None)  # type: ignore[arg-type]
            for place, one in enumerate(fits, 1)
            for row in one.epochs
        ),
        seconds=Seconds(**ready.journal.seconds),
        hardware=devices.hardware(accelerator.device),
        process=devices.describe_process(measuring.at_once, max(fit.inputs.log.workers for fit in fits)),
        versions=devices.versions(),
    )
    if not accelerator.is_main_process:
        return record
    network = fits[-1].learner.network
    kept = None if ready.protocol.folds or network is None else serialize_trained(network)
    ready.journal.enter("write")
    return store.write(store.folder_of(out, record), record, _predictions(ready, scores), kept, statistics)


def _settings(ready: Prepared, fits: Sequence[Fit]) -> dict[str, Any]:
    """Return the settings of the record; a precision of training that nothing was trained in was not used."""
    return ready.settings_record | ({} if any(fit.epochs for fit in fits) else {"precision": "no"})


def _score(ready: Prepared, scores: list[Scores]) -> tuple[Score, Floor | None, TrackStatistics | None]:
    if ready.job.protocol.refit:
        return *score_of_refit(ready.task), None
    statistics = track_statistics(ready.metric, ready.task, ready.scored, scores)
    return *score(ready.metric, ready.task, ready.scored, scores), statistics


def _measure(ready: Prepared, fit: Fit, measuring: Measuring, progress: Progress) -> tuple[Cost | None, Parity | None]:
    """Return what the network costs, and how far its runtime is from eager execution; neither without a network."""
    if not isinstance(fit.learner, NetworkLearner):
        return None, None
    bench = Bench(fit.learner, ready.splits[-1], fit.inputs)
    return measure_job(bench, ready.runtime, measuring, progress)


def _few_images(splits: Sequence[Split], inputs: Inputs) -> list[str]:
    """Return a caveat for the fitted and for the scored tracks of which less than half of the frames have an image.

    Of a cross-validation the fold that was fitted to the fewest counts, and what all folds scored together.
    """
    fitted = min(_share_with_image(split.fit, inputs) for split in splits)
    scored = _share_with_image([one for split in splits for one in split.score], inputs)
    shares = {"training": fitted, "scored": scored}
    return [f"images of {share:.0%} of the {name} frames" for name, share in shares.items() if share < 0.5]


def _share_with_image(tracks: Sequence[LabelledTrack], inputs: Inputs) -> float:
    """Return the frames with an image of their own over all frames, 1 where there are none."""
    frames = sum(one.track.n_frames for one in tracks)
    return 1 - sum(inputs.images_of(one.track).filled for one in tracks) / frames if frames else 1.0


def _predictions(ready: Prepared, scores: Sequence[Scores]) -> Predictions:
    tracks = [one.track for one in ready.scored]
    names = {} if ready.task.level == "track" else {track.id: track.frame_names() for track in tracks}
    by_track = {track.id: found for track, found in zip(tracks, scores, strict=True)}
    return Predictions(outputs=ready.task.outputs, scores=by_track, frame_names=names)


def serialize_trained(network: nn.Module) -> bytes:
    """Return the network's parameters and buffers as safetensors, without those of a frozen ``embed``."""
    skipped = frozen_prefixes(network)
    return save(
        {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in network.state_dict().items()
            if not name.startswith(skipped)
        }
    )


def _counts(ready: Prepared, inputs: Inputs, scores: Sequence[Scores]) -> Counts:
    scored: list[LabelledTrack] = ready.scored
    tracks = [one.track for one in scored]
    lost = ready.lost
    # what cost scored data comes first, for a record spells out only so many
    problems = sorted(ready.database.problems.items, key=lambda problem: problem.track not in lost)
    annotated = sum(int(one.known.annotated.sum()) for one in scored) + sum(lost.values())
    predicted = sum(
        int((one.known.annotated & np.isfinite(found).all(axis=1)).sum())
        for one, found in zip(scored, scores, strict=True)
    )
    return Counts(
        tracks=sum(bool(one.known.annotated.any()) for one in scored),
        frames=sum(track.n_frames for track in tracks),
        annotated_frames=annotated,
        coverage=predicted / annotated if annotated else None,
        frames_without_image=sum(inputs.images_of(track).filled for track in tracks),
        missing_inputs={
            name: MissingInput(tracks=whole, frames=frames) for name, (whole, frames) in inputs.missing(tracks).items()
        },
        broken_images=len(inputs.log.broken),
        skipped_tracks=len({problem.track for problem in problems if problem.track}),
        lost_tracks=len(lost),
        lost_frames=sum(lost.values()),
        caveats=(*dict.fromkeys(one.caveat for one in problems if one.caveat), *_few_images(ready.splits, inputs)),
        problems=tuple(str(problem) for problem in problems),
    )
