"""A run: a list of independent jobs, each ending in a record; one that fails does not touch the others."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from abawbench.config import Roots
from abawbench.contracts import AbawbenchError, DataError, UsageError
from abawbench.harness.cost import CostMeter
from abawbench.harness.job import CONTROLS, Prepared, execute, explain, failed, prepare, repeatable
from abawbench.harness.plan import Databases, Generated, Job, model_names, task_names
from abawbench.harness.progress import Progress
from abawbench.harness.protocol import OFFICIAL, Protocol
from abawbench.harness.readings import checked_readings
from abawbench.plugins import Plugins
from abawbench.results import store
from abawbench.results.record import Record

_log = logging.getLogger(__name__)
PRECISIONS = ("no", "fp16", "bf16")


def plan(
    plugins: Plugins,
    models: Sequence[str],
    tasks: Sequence[str],
    seeds: Sequence[int],
    *,
    overrides: Mapping[str, Any],
    weights: str | None,
    device: str,
    precision: str,
    control: str | None,
    protocol: Protocol = OFFICIAL,
    runtime: str = "eager",
) -> list[Job]:
    """Return the jobs: every model on every task with every seed. Raises UsageError for an unknown name."""
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision '{precision}'; use {', '.join(PRECISIONS)}")
    plugins.get("runtime", runtime)
    if control is not None and control not in CONTROLS:
        raise UsageError(f"unknown control '{control}'; use {', '.join(CONTROLS)}")
    if control is not None and protocol.pooled:
        raise UsageError(f"control '{control}' needs the official split; leave out folds and refit")
    protocol = replace(protocol, readings=checked_readings(plugins, protocol.readings))
    return [
        Job(
            model=model,
            task=task,
            seed=seed,
            overrides=overrides,
            weights=weights,
            device=device,
            precision=precision,
            control=control,
            protocol=protocol,
            runtime=runtime,
        )
        for model in model_names(plugins, models)
        for task in task_names(plugins, tasks)
        for seed in seeds
    ]


def run_jobs(
    jobs: Sequence[Job],
    plugins: Plugins,
    roots: Roots,
    generated: Generated,
    out: Path,
    *,
    force: bool,
    meter: CostMeter,
    progress: Progress,
    finished: Callable[[Record], None],
) -> list[Record]:
    """Run the jobs one after the other and return their records, in order; each is handed to ``finished`` at once.

    A job that was run before with the very same inputs is read back instead, unless ``force``.
    """
    databases = Databases(plugins, roots, generated, progress, jobs[0].protocol.readings)
    accelerator = accelerator_on(jobs[0].device, jobs[0].precision)
    records = []
    for number, job in enumerate(jobs, 1):
        progress.note(f"[{number}/{len(jobs)}] {job.model} on {job.task}, seed {job.seed}")
        record = _run(job, plugins, databases, out, force, accelerator, meter, progress)
        records.append(record)
        finished(record)
    return records


def _run(
    job: Job,
    plugins: Plugins,
    databases: Databases,
    out: Path,
    force: bool,
    accelerator: Accelerator,
    meter: CostMeter,
    progress: Progress,
) -> Record:
    ready: Prepared | None = None
    try:
        ready = prepare(job, plugins, databases)
        if not force and (known := _known(ready, out)) is not None:
            progress.note(f"already done, read back from {store.folder_of(out, known)} (--force runs it again)")
            return known
        with repeatable(job.seed):
            return execute(ready, out, accelerator, meter, progress)
    except Exception as error:
        if not isinstance(error, AbawbenchError):
            _log.exception("%s on %s", job.model, job.task)
        status, reason = explain(error)
        progress.note(f"{status}: {reason}")
        if ready is None:
            return failed(job, status, reason, None, None, "0" * 64)
        return failed(job, status, reason, ready.task, ready.database, ready.digest)


def _known(ready: Prepared, out: Path) -> Record | None:
    """Return the record of the same job if it is there and the files it names are whole."""
    folder = store.run_folder(
        out,
        model=ready.job.model,
        task=ready.task.name,
        database=ready.database_name,
        seed=ready.job.seed,
        job=ready.digest,
    )
    try:
        record = store.read(folder)
        store.read_run_predictions(folder)
        if record.score is not None and record.score.value is not None:
            store.read_run_statistics(folder, record)
    except DataError:
        return None
    return record if record.status == "ok" and record.job == ready.digest else None


def accelerator_on(device: str, precision: str) -> Accelerator:
    """Return accelerate's view of the devices. Raises UsageError when CUDA is asked for and absent."""
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"unknown device '{device}'; use auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is in reach of torch; use --device cpu")
    # accelerate keeps its state per process; a second run in one process may ask for another device
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    return Accelerator(cpu=device == "cpu" or not torch.cuda.is_available(), mixed_precision=precision)
