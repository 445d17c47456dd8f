"""A stored run's network on the bench: beside the tracks that it was scored on."""

from abawbench.contracts import Database, DataError
from abawbench.harness.measure.bench import Bench
from abawbench.harness.request.assumptions import count_frames
from abawbench.harness.request.databases import TRAIN, VALIDATION, Databases
from abawbench.harness.request.splits import Split, take_first, without_labels
from abawbench.harness.stored.load import StoredRun


def bench_of_run(run: StoredRun, databases: Databases, device: str = "cpu") -> Bench:
    """Return the bench with a run's network on the split that it scored.

    A refit scored none: its network stands before ``val``, or ``train`` where there is no other, and without labels,
    since a metric on clips that it was fitted to would say nothing.

    Raises UsageError for a model without a network and for a database that lacks the split, DataError when the weights
    are missing or the annotations are others.
    """
    learner, record, task = run.learner(device), run.record, run.task
    split, database = _choose_split(run, databases)
    if (found := database.fingerprint()) != record.database.fingerprint:
        raise DataError(
            f"{run.folder}: the run was scored on other annotations ({record.database.fingerprint[:12]}) than "
            f"'{database.name}' has ({found[:12]}); give the --data, or the --preset and --data-seed, of the run"
        )
    limit = run.protocol.limit
    fitted = take_first(database.tracks(task.label, TRAIN), limit) if TRAIN in database.splits(task.label) else []
    scored = count_frames(take_first(database.tracks(task.label, split), limit), task, run.protocol.assumptions)
    labelled = tuple(one for one in scored if one.labels is not None)
    return Bench(learner, Split(tuple(fitted), without_labels(labelled) if run.protocol.refit else labelled))


def _choose_split(run: StoredRun, databases: Databases) -> tuple[str, Database]:
    """Return the split whose clips the network sees, and its database."""
    if run.record.database.split is not None:
        return run.record.database.split, databases.for_split(run.task, run.record.database.split)[1]
    database = databases.for_task(run.task, pooled=True)[1]
    return next(split for split in (VALIDATION, TRAIN) if split in database.splits(run.task.label)), database
