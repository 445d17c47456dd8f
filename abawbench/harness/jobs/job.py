"""One job from files to record: read, embed, fit, predict, score, measure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from abawbench._version import __version__
from abawbench.contracts import (
    Database,
    Labels,
    Metric,
    Model,
    Predictor,
    Recipe,
    Runtime,
    Task,
    Track,
    UsageError,
    Weights,
)
from abawbench.harness.data.features import Features
from abawbench.harness.data.inputs import SeveralInputs, identities, require_inputs
from abawbench.harness.jobs.fitting import fit_and_predict, known_labels
from abawbench.harness.jobs.job_cost import measured
from abawbench.harness.measure.cost import CostMeter
from abawbench.harness.measure.parity import require_frames
from abawbench.harness.request import devices
from abawbench.harness.request.assumptions import counted, in_effect
from abawbench.harness.request.databases import TRAIN, VALIDATION, Databases
from abawbench.harness.request.folds import Fold, folds_of
from abawbench.harness.request.jobs import EAGER, Job, runtime_plugin
from abawbench.harness.request.journal import READ, Journal
from abawbench.harness.request.protocol import Protocol
from abawbench.harness.request.rules import forbidden, layout_of
from abawbench.harness.request.settings import apply
from abawbench.harness.score.scoring import score, track_statistics, tracks_digest, unscored
from abawbench.nn import frozen_prefixes
from abawbench.plugins import Plugin, Plugins, source_digest
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.predictions import Predictions
from abawbench.records.record import (
    Counts,
    DatabaseRecord,
    Epoch,
    Floor,
    MissingInput,
    PluginRecord,
    Record,
    Score,
    Seconds,
    WeightsRecord,
)
from abawbench.records.track_statistics import TrackStatistics


@dataclass
class Prepared:
    """A job with everything opened and nothing computed yet."""

    job: Job
    task: Task
    metric: Metric
    model: Model
    weights: Weights
    runtime: Runtime
    database_name: str
    database: Database
    took_part: dict[str, Plugin]
    """Kind -> plugin."""
    plugins: tuple[PluginRecord, ...]
    journal: Journal
    tracks: list[Track]
    """Training tracks, then validation tracks."""
    training: int
    """How many of them are training tracks."""
    labels: list[Labels | None]
    digest: str
    protocol: Protocol
    """As it takes effect on the task."""
    folds: list[Fold]
    """What is fitted and what is scored: once, or once for each fold."""
    against_the_rules: tuple[str, ...] = ()
    """What the weights have seen that an entry to the task's challenge may not."""
    published: dict[str, float] = field(default_factory=dict)
    """Thresholds by output that the model's publication gives, where the protocol asks for them."""

    @property
    def scored(self) -> list[int]:
        """Numbers of the tracks that are predicted and scored."""
        return [n for fold in self.folds for n in fold.scored]

    def database_record(self) -> DatabaseRecord:
        """Return what the record says about the data."""
        return DatabaseRecord(
            name=self.database_name,
            layout=layout_of(self.task, self.database),
            synthetic=self.database.synthetic,
            fingerprint=self.database.fingerprint(),
            split=self.protocol.scored_split,
            tracks_sha256=tracks_digest([self.tracks[n] for n in self.scored], known_labels(self, self.scored)),
        )


def prepare(job: Job, plugins: Plugins, databases: Databases, journal: Journal) -> Prepared:
    """Resolve every name and open every file list. Raises UsageError, DataError or PluginError; computes nothing."""
    took_part: dict[str, Plugin] = {}

    def at_work(plugin: Plugin) -> Plugin:
        took_part[plugin.kind] = plugin
        journal.enter(READ, plugin)
        return plugin

    with journal.timed(READ):
        model_plugin = plugins.get("model", job.model)
        task: Task = at_work(plugins.get("task", job.task)).build_under(job.protocol.readings)
        metric_plugin = plugins.get("metric", task.metric, took_part["task"].near)
        metric: Metric = at_work(metric_plugin).build_under(job.protocol.readings, task)
        if job.protocol.refit and job.runtime != EAGER:
            raise UsageError(
                f"a refit scores no track on which runtime '{job.runtime}' could be compared with eager execution; "
                "leave out --runtime"
            )
        runtime: Runtime = at_work(runtime_plugin(plugins, job.runtime)).build()
        builder: Any = at_work(model_plugin).builder()
        apply(builder.Settings, job.overrides, job.model)  # a wrong setting is told before a database is made
        protocol = job.protocol.for_task(task)
        journal.enter(READ)
        name, database = databases.for_task(task, pooled=protocol.pooled)
        database_plugin = at_work(databases.plugin(name))
        there = database.splits(task.label)
        train, validation = (
            list(database.tracks(task.label, split)) if split in there else [] for split in (TRAIN, VALIDATION)
        )
        tracks = train + validation
        labels = [track.labels(task.label) for track in tracks]
        at_work(model_plugin)
        protocol = replace(protocol, readings=in_effect(protocol.readings, task, took_part.values()))
        stand_ins = builder.Settings.on_synthetic if database.synthetic and job.weights is None else {}
        model: Model = builder(apply(builder.Settings, {**stand_ins, **job.overrides}, job.model))
        protocol, published = protocol.of_model(model, task)
        weights = model.weights(job.weights, synthetic=database.synthetic)
        at_work(database_plugin)
        require_inputs(model, job.model, tracks, name, job.task)
        if job.runtime != EAGER:
            require_frames(model.inputs, job.model)
        pairs = zip(labels, tracks, strict=True)
        labels = [counted(known, track, task, protocol.readings) for known, track in pairs]
        if job.control == "shuffled-labels":
            labels[: len(train)] = shuffled(labels[: len(train)], job.seed)
        kinds = ("task", "model", "metric", "runtime", "database")
        records = tuple(_plugin_record(took_part[kind]) for kind in kinds)
        digest = _digest(job, protocol, task, model, weights, database, tracks, records)
    return Prepared(
        job=job,
        task=task,
        metric=metric,
        model=model,
        weights=weights,
        runtime=runtime,
        database_name=name,
        database=database,
        took_part=took_part,
        plugins=records,
        journal=journal,
        tracks=tracks,
        training=len(train),
        labels=labels,
        digest=digest,
        protocol=protocol,
        published=published,
        folds=folds_of(protocol, tracks, labels, len(train)),
        against_the_rules=forbidden(task, database, weights, took_part["model"]),
    )


def execute(ready: Prepared, out: Path, accelerator: Accelerator, meter: CostMeter, progress: Progress) -> Record:
    """Run a prepared job and return its record, written to its folder under ``out`` with the predictions."""
    started = datetime.now(UTC)
    job, task, model, journal = ready.job, ready.task, ready.model, ready.journal
    device = accelerator.device
    fits = [fit_and_predict(ready, fold, accelerator, progress) for fold in ready.folds]
    network, source = fits[-1].network, fits[-1].source
    scores = {n: found for one in fits for n, found in one.scores.items()}
    scored = [ready.tracks[n] for n in scores]
    known = [labels for n in scores if (labels := ready.labels[n]) is not None]
    with journal.timed("score", ready.took_part["metric"]):
        result, floor, statistics = _scored(ready, scored, list(scores.values()), known)
    at_cost = ready.took_part["model" if job.runtime == EAGER else "runtime"]
    with journal.timed("cost", at_cost):
        cost, parity = measured(ready, network, source, meter, device, progress)
    record = Record(
        abawbench=__version__,
        job=ready.digest,
        started=started,
        finished=datetime.now(UTC),
        model=job.model,
        task=task.name,
        edition=task.edition,
        level=task.level,
        database=ready.database_record(),
        seed=job.seed,
        settings=settings_record(ready),
        protocol=ready.protocol.record(
            model.clip,
            threshold_values=tuple(one.thresholds for one in fits if one.thresholds),
            tuned_on=next((one.tuned_on for one in fits if one.tuned_on), None),
        ),
        weights=WeightsRecord.of(ready.weights, ready.against_the_rules),
        plugins=ready.plugins,
        score=result,
        floor=floor,
        counts=_counts(ready, source, scores),
        cost=cost,
        parity=parity,
        training=tuple(
            Epoch(**row, fold=place if ready.protocol.folds else None)  # type: ignore[arg-type]
            for place, one in enumerate(fits, 1)
            for row in one.fitted.log
        ),
        seconds=Seconds(**journal.seconds),
        hardware=devices.hardware(device),
        versions=devices.versions(),
    )
    if not accelerator.is_main_process:
        return record
    predictions = Predictions(
        outputs=task.outputs,
        scores={track.id: found for track, found in zip(scored, scores.values(), strict=True)},
        frame_names={}
        if task.level == "track"
        else {ready.tracks[n].id: ready.tracks[n].frame_names() for n in scores},
    )
    kept = None if ready.protocol.folds or network is None else trained_weights(network)
    journal.enter("write")
    return store.write(store.folder_of(out, record), record, predictions, kept, statistics)


def _scored(
    ready: Prepared, tracks: Sequence[Track], scores: list[NDArray[Any]], known: list[Labels]
) -> tuple[Score, Floor | None, TrackStatistics | None]:
    if ready.job.protocol.refit:
        return *unscored(ready.task), None
    statistics = track_statistics(ready.metric, ready.task, tracks, scores, known)
    return *score(ready.metric, ready.task, tracks, scores, known), statistics


def shuffled(labels: Sequence[Labels | None], seed: int) -> list[Labels | None]:
    """Return every track with the labels of another, repeated or cut to its own length: nothing is left to learn."""
    known = [(n, one) for n, one in enumerate(labels) if one is not None]
    order = np.random.default_rng(seed).permutation(len(known))
    found: list[Labels | None] = list(labels)
    # one cycle through a random order: nobody keeps their own
    for place, donor in zip(order, np.roll(order, 1), strict=True):
        (n, own), (_, other) = known[place], known[donor]
        at = np.arange(len(own.mask)) % len(other.mask)
        found[n] = Labels(other.values[at], other.mask[at])
    return found


def trained_weights(network: nn.Module) -> bytes:
    """Return the network's parameters and buffers as safetensors, without those of a frozen ``embed``."""
    skipped = frozen_prefixes(network)
    return save(
        {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in network.state_dict().items()
            if not name.startswith(skipped)
        }
    )


def settings_record(ready: Prepared) -> dict[str, Any]:
    """Return the recipe after overrides, with what else shaped the training."""
    chosen = asdict(ready.model.settings)
    if isinstance(ready.model, Predictor):
        chosen = {name: value for name, value in chosen.items() if name not in Recipe.__dataclass_fields__}
    chosen["precision"] = ready.job.precision
    if ready.job.control:
        chosen["control"] = ready.job.control
    return chosen


def _counts(ready: Prepared, source: Features, scores: Mapping[int, NDArray[np.float32]]) -> Counts:
    scored = ready.scored
    known = known_labels(ready, scored)
    problems = [str(problem) for problem in ready.database.problems.items]
    annotated = sum(int(labels.annotated.sum()) for labels in known)
    predicted = sum(
        int((labels.annotated & np.isfinite(scores[n]).all(axis=1)).sum())
        for n, labels in zip(scored, known, strict=True)
    )
    return Counts(
        tracks=sum(bool(labels.annotated.any()) for labels in known),
        frames=sum(ready.tracks[n].n_frames for n in scored),
        annotated_frames=annotated,
        coverage=predicted / annotated if annotated else None,
        frames_without_image=sum(source.images[n].filled for n in scored),
        missing_inputs={
            name: MissingInput(tracks=tracks, frames=frames)
            for name, (tracks, frames) in (source.missing(scored) if isinstance(source, SeveralInputs) else {}).items()
        },
        broken_images=len(source.reading.broken),
        skipped_tracks=len({p.track for p in ready.database.problems.items if p.track}),
        problems=tuple(problems),
    )


def _plugin_record(plugin: Plugin) -> PluginRecord:
    return PluginRecord(
        kind=plugin.kind,
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        digest=plugin.digest(),
    )


def _digest(
    job: Job,
    protocol: Protocol,
    task: Task,
    model: Model,
    weights: Weights,
    database: Database,
    tracks: Sequence[Track],
    plugins: Sequence[PluginRecord],
) -> str:
    """Return the SHA-256 of everything that determines the result."""
    sha = hashlib.sha256()
    parts = [
        source_digest(Path(__file__).parents[2]),
        torch.__version__,
        job.seed,
        job.device,
        job.precision,
        job.runtime,
        job.control,
        asdict(protocol),
        asdict(task),
        asdict(model.settings),
        weights.source,
        weights.sha256,
        database.fingerprint(),
        [plugin.model_dump() for plugin in plugins],
    ]
    sha.update(json.dumps(parts, sort_keys=True, default=str).encode())
    for track in tracks:
        files = [track.id, track.n_frames, list(track.frame_files()), identities(model, track)]
        sha.update(json.dumps(files).encode())
    return sha.hexdigest()
