"""One job from files to record: read, embed, fit, predict, score, measure."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import save
from torch import nn

import abawbench
from abawbench.contracts import Database, DataError, Labels, Metric, Model, Task, Track, UsageError, Weights
from abawbench.harness import environment
from abawbench.harness.cost import CostMeter
from abawbench.harness.features import Features, features
from abawbench.harness.inference import predict
from abawbench.harness.plan import TRAIN, VALIDATION, Databases, Job
from abawbench.harness.progress import Progress
from abawbench.harness.scoring import official, score, tracks_digest
from abawbench.harness.settings import apply
from abawbench.harness.training import Fitted, fit
from abawbench.nn import is_frozen
from abawbench.plugins import Plugin, Plugins, source_digest
from abawbench.results import store
from abawbench.results.predictions import Predictions
from abawbench.results.record import (
    Counts,
    DatabaseRecord,
    Epoch,
    PluginRecord,
    Record,
    Seconds,
    WeightsRecord,
)

CONTROLS = ("shuffled-labels",)


@dataclass
class Prepared:
    """A job with everything opened and nothing computed yet."""

    job: Job
    task: Task
    metric: Metric
    model: Model
    weights: Weights
    database_name: str
    database: Database
    plugins: tuple[PluginRecord, ...]
    tracks: list[Track]
    """Training tracks, then validation tracks."""
    training: int
    """How many of them are training tracks."""
    labels: list[Labels | None]
    digest: str
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def scored(self) -> list[int]:
        """Numbers of the validation tracks."""
        return [n for n in range(self.training, len(self.tracks)) if self.labels[n] is not None]

    def database_record(self) -> DatabaseRecord:
        """Return what the record says about the data."""
        known = [labels for n in self.scored if (labels := self.labels[n]) is not None]
        return DatabaseRecord(
            name=self.database_name,
            layout=self.task.database,
            synthetic=self.database.synthetic,
            fingerprint=self.database.fingerprint(),
            split=VALIDATION,
            tracks_sha256=tracks_digest([self.tracks[n] for n in self.scored], known),
        )


@contextmanager
def phase(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the time inside to a phase."""
    start = perf_counter()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + perf_counter() - start


def prepare(job: Job, plugins: Plugins, databases: Databases) -> Prepared:
    """Resolve every name and open every file list. Raises UsageError, DataError or PluginError; computes nothing."""
    seconds: dict[str, float] = {}
    with phase(seconds, "read"):
        took_part = {"task": plugins.get("task", job.task), "model": plugins.get("model", job.model)}
        task: Task = took_part["task"].build()
        took_part["metric"] = plugins.get("metric", task.metric)
        metric: Metric = took_part["metric"].build(task)
        builder: Any = took_part["model"].builder()
        model: Model = builder(apply(builder.Settings, job.overrides, job.model))
        name, database = databases.for_task(task)
        took_part["database"] = databases.plugin(name)
        weights = model.weights(job.weights, synthetic=database.synthetic)
        train, validation = (list(database.tracks(task.label, split)) for split in (TRAIN, VALIDATION))
        tracks = train + validation
        labels = [track.labels(task.label) for track in tracks]
        if job.control == "shuffled-labels":
            labels[: len(train)] = shuffled(labels[: len(train)], job.seed)
        records = tuple(_plugin_record(p) for p in took_part.values())
        digest = _digest(job, task, model, weights, database, tracks, records)
    return Prepared(
        job=job,
        task=task,
        metric=metric,
        model=model,
        weights=weights,
        database_name=name,
        database=database,
        plugins=records,
        tracks=tracks,
        training=len(train),
        labels=labels,
        digest=digest,
        seconds=seconds,
    )


def execute(ready: Prepared, out: Path, accelerator: Accelerator, meter: CostMeter, progress: Progress) -> Record:
    """Run a prepared job and return its record, written to its folder under ``out`` with the predictions."""
    started = datetime.now(UTC)
    job, task, model, seconds = ready.job, ready.task, ready.model, ready.seconds
    device = accelerator.device
    network = model.network(task, ready.weights).to(device)
    with phase(seconds, "embed"):
        source = features(network.embed, model.clip, ready.tracks, device, progress)  # type: ignore[arg-type]
    batch = model.settings.batch
    with phase(seconds, "fit"):
        fitted = _fit(ready, network, source, accelerator, progress)
    with phase(seconds, "predict"):
        scores = predict(network, model.clip, task, source, ready.scored, batch=batch, device=device, progress=progress)
    scored = [ready.tracks[n] for n in scores]
    known = [labels for n in scores if (labels := ready.labels[n]) is not None]
    with phase(seconds, "score"):
        result, floor = score(ready.metric, task, scored, list(scores.values()), known)
    with phase(seconds, "cost"):
        kind = f"{job.model} {asdict(model.settings)}"
        cost = meter.cost_of(network, model.clip, device, kind=kind, task=task.name, progress=progress)
    record = Record(
        abawbench=abawbench.__version__,
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
        weights=WeightsRecord.of(ready.weights),
        plugins=ready.plugins,
        score=result,
        floor=floor,
        counts=_counts(ready, source),
        cost=cost,
        training=tuple(Epoch(**row) for row in fitted.log),  # type: ignore[arg-type]
        seconds=Seconds(**seconds),
        hardware=environment.hardware(device),
        versions=environment.versions(),
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
    return store.write(store.folder_of(out, record), record, predictions, trained_weights(network))


def failed(job: Job, status: str, reason: str, task: Task | None, database: Database | None, digest: str) -> Record:
    """Return the record of a job that gave no result."""
    now = datetime.now(UTC)
    return Record(
        abawbench=abawbench.__version__,
        job=digest,
        status=status,  # type: ignore[arg-type]  # checked by the record
        reason=reason,
        started=now,
        finished=now,
        model=job.model,
        task=job.task,
        edition=task.edition if task else 0,
        level=task.level if task else "frame",
        database=DatabaseRecord(
            name=database.name if database else "none",
            synthetic=database.synthetic if database else False,
            fingerprint="",
            split=VALIDATION,
        ),
        seed=job.seed,
    )


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Seed torch and numpy and let torch choose only operators that repeat; the process is left as it was found.

    Denormal numbers are flushed to zero inside: they make training on a CPU crawl.
    """
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.set_flush_denormal(False)


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
    skipped = "embed." if is_frozen(network.get_submodule("embed")) else None
    return save(
        {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in network.state_dict().items()
            if skipped is None or not name.startswith(skipped)
        }
    )


def settings_record(ready: Prepared) -> dict[str, Any]:
    """Return the recipe after overrides, with what else shaped the training."""
    chosen = asdict(ready.model.settings)
    chosen["precision"] = ready.job.precision
    if ready.job.control:
        chosen["control"] = ready.job.control
    return chosen


def _fit(ready: Prepared, network: nn.Module, source: Features, accelerator: Accelerator, progress: Progress) -> Fitted:
    model, task = ready.model, ready.task
    numbers = [n for n in range(ready.training) if ready.labels[n] is not None]

    def evaluate(chosen: Sequence[int]) -> float:
        scores = predict(
            network, model.clip, task, source, chosen, batch=model.settings.batch, device=accelerator.device
        )
        known = [labels for n in chosen if (labels := ready.labels[n]) is not None]
        return official(ready.metric, task, [ready.tracks[n].id for n in chosen], list(scores.values()), known)

    return fit(
        network,
        model.clip,
        task,
        model.settings,
        source,
        ready.labels,
        [track.subject for track in ready.tracks],
        numbers,
        accelerator=accelerator,
        seed=ready.job.seed,
        evaluate=evaluate,
        progress=progress,
    )


def _counts(ready: Prepared, source: Features) -> Counts:
    scored = ready.scored
    known = [labels for n in scored if (labels := ready.labels[n]) is not None]
    problems = [str(problem) for problem in ready.database.problems.items]
    return Counts(
        tracks=sum(bool(labels.mask.any()) for labels in known),
        frames=sum(ready.tracks[n].n_frames for n in scored),
        annotated_frames=sum(int(labels.annotated.sum()) for labels in known),
        frames_without_image=sum(source.images[n].filled for n in scored),
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
        source_digest(Path(abawbench.__file__).parent),
        torch.__version__,
        job.seed,
        job.device,
        job.precision,
        job.control,
        asdict(task),
        asdict(model.settings),
        weights.source,
        weights.sha256,
        database.fingerprint(),
        [plugin.model_dump() for plugin in plugins],
    ]
    sha.update(json.dumps(parts, sort_keys=True, default=str).encode())
    for track in tracks:
        sha.update(json.dumps([track.id, track.n_frames, list(track.frame_files())]).encode())
    return sha.hexdigest()


def explain(error: Exception) -> tuple[str, str]:
    """Return the status and the reason of a job that raised."""
    if isinstance(error, UsageError):
        return "unsupported", str(error)
    if isinstance(error, DataError):
        return "failed", str(error)
    return "failed", f"{type(error).__name__}: {error}"
