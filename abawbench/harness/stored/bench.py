"""A stored run's network on the bench: restored, beside the clips that it was scored on."""

from pathlib import Path

from abawbench.contracts import Database, DataError, Model, Task
from abawbench.harness.measure.parity import Bench, require_frames
from abawbench.harness.request.assumptions import counted
from abawbench.harness.request.databases import TRAIN, VALIDATION, Databases
from abawbench.harness.stored.load import restored
from abawbench.harness.stored.submit import protocol_of_record
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench.records.record import Record
from abawbench.system.repeatable import repeatable


def bench_of_run(
    folder: Path, record: Record, plugins: Plugins, databases: Databases, weights: str | None, progress: Progress
) -> tuple[Model, Bench]:
    """Return the model of a stored run, and the bench with its network on the split that it scored.

    A refit scored none: its network stands before ``val``, or ``train`` where there is no other, and without labels,
    since a metric on clips that it was fitted to would say nothing.

    Raises UsageError for a model with other inputs than frames and for a database that lacks the split, DataError when
    the weights are missing.
    """
    protocol = protocol_of_record(record)[0]
    declared = plugins.get("task", record.task, record.near("task"))
    task: Task = declared.build_under(protocol.readings)
    with repeatable(record.seed):
        model, network = restored(folder, record, plugins, task, weights)
    require_frames(model.inputs, record.model)
    split, database = _shown(record, task, databases)
    if (found := database.fingerprint()) != record.database.fingerprint:
        raise DataError(
            f"{folder}: the run was scored on other annotations ({record.database.fingerprint[:12]}) than "
            f"'{database.name}' has ({found[:12]}); give the --data, or the --preset and --data-seed, of the run"
        )
    training = list(database.tracks(task.label, TRAIN)) if TRAIN in database.splits(task.label) else []
    pairs = [
        (track, labels)
        for track in database.tracks(task.label, split)
        if (labels := counted(track.labels(task.label), track, task, protocol.readings)) is not None
    ]
    return model, Bench(
        network=network,
        clip=model.clip,
        task=task,
        metric=plugins.get("metric", task.metric, declared.near).build_under(protocol.readings, task),
        training=training,
        scored=[track for track, _ in pairs],
        labels=[] if protocol.refit else [labels for _, labels in pairs],
        protocol=protocol,
        progress=progress,
    )


def _shown(record: Record, task: Task, databases: Databases) -> tuple[str, Database]:
    """Return the split whose clips the network sees, and its database."""
    if record.database.split is not None:
        return record.database.split, databases.for_split(task, record.database.split)[1]
    database = databases.for_task(task, pooled=True)[1]
    return next(split for split in (VALIDATION, TRAIN) if split in database.splits(task.label)), database
