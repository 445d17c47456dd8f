"""One job in whatever process it is given: read back if it is done, else executed; the record says how it went."""

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from abawbench.contracts import AbawbenchError, DataError
from abawbench.harness.jobs.failures import About, Failure, failure_of
from abawbench.harness.jobs.job import Prepared, execute, prepare
from abawbench.harness.measure.cost import CostMeter
from abawbench.harness.request.databases import Databases
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.jobs import Job, Work
from abawbench.harness.request.journal import Journal
from abawbench.plugins import Plugin
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system.repeatable import repeatable

_log = logging.getLogger(__name__)


class Watcher:
    """Is told what a job does, besides its progress."""

    def opened(self, about: About) -> None:
        """Hear what the job is, once its files are opened."""

    def phase(self, name: str, plugin: Plugin | None, took_part: tuple[Plugin, ...]) -> None:
        """Hear that a phase begins, which plugin is at work, and which took part so far."""

    def waits(self, waiting: bool) -> None:
        """Hear that another run has the same job in hand, or that it let go."""


def run_one(
    job: Job, work: Work, databases: Databases, meter: CostMeter, progress: Progress, watcher: Watcher
) -> Record | Failure:
    """Return the record of a job, read back if it is done and not to be forced; or how it ended without one."""
    journal = Journal(watcher.phase)
    try:
        ready = prepare(job, work.plugins, databases, journal)
        about = about_of(ready)
        watcher.opened(about)
        accelerator = accelerator_on(job.device, job.precision)
        folder = about.folder(job, work.out)
        with _alone(folder, accelerator.num_processes > 1, progress, watcher):
            if not work.force and (known := _known(ready, folder)) is not None:
                progress.note(f"already done, read back from {folder} (--force runs it again)")
                return known
            with repeatable(job.seed):
                return execute(ready, work.out, accelerator, meter, progress)
    except Exception as error:
        if not isinstance(error, AbawbenchError):
            _log.exception("%s on %s", job.model, job.task)
        return failure_of(error, journal)


def about_of(ready: Prepared) -> About:
    """Return what is known of a job that is prepared."""
    return About(
        edition=ready.task.edition,
        level=ready.task.level,
        database=ready.database_name,
        synthetic=ready.database.synthetic,
        digest=ready.digest,
    )


def _alone(folder: Path, shared: bool, progress: Progress, watcher: Watcher) -> AbstractContextManager[None]:
    """Keep other runs off the folder; processes that share one job already keep in step."""
    if shared:
        return nullcontext()

    def waits(waiting: bool) -> None:
        if waiting:
            progress.note(f"another run is at work in {folder}; waiting for it")
        watcher.waits(waiting)

    return store.claimed(folder, waits)


def _known(ready: Prepared, folder: Path) -> Record | None:
    """Return the record of the same job if it is there and the files it names are whole."""
    try:
        record = store.read(folder)
        store.read_run_predictions(folder)
        store.check_run_weights(folder, record)
        if record.score is not None and record.score.value is not None:
            store.read_run_statistics(folder, record)
    except DataError:
        return None
    return record if record.status == "ok" and record.job == ready.digest else None
