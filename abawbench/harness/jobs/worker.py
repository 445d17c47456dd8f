"""One job in whatever process it is given: read back if it is done, else executed; the record says how it went."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from abawbench.contracts import AbawbenchError, DataError
from abawbench.harness.jobs.failures import About, Failure, failure_of
from abawbench.harness.jobs.following import Followers
from abawbench.harness.jobs.job import execute
from abawbench.harness.jobs.prepare import Prepared, prepare
from abawbench.harness.jobs.reporting import Watcher
from abawbench.harness.learn.checkpoints import Keeping
from abawbench.harness.measure.measure import Measuring
from abawbench.harness.request.databases import Databases
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.jobs import Job, Work
from abawbench.harness.request.journal import Journal
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system.repeatable import make_repeatable
from abawbench.weights.telling import report_fetching

_log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint"
"""In the run folder, until the job is done."""


@dataclass(frozen=True)
class Session:
    """What the jobs of one process share."""

    work: Work
    databases: Databases
    progress: Progress

    @classmethod
    def open(cls, work: Work, job: Job, progress: Progress) -> "Session":
        """Return a session for jobs under the assumptions of one of them."""
        databases = Databases(work.plugins, work.sources, progress, job.protocol.assumptions)
        return cls(work, databases, progress)


def run_one(job: Job, session: Session, watcher: Watcher) -> Record | Failure:
    """Return the record of a job, read back if it is done and not to be forced; or why it gave none."""
    work, progress, journal = session.work, session.progress, Journal(watcher.phase)
    try:
        with report_fetching(progress):
            ready = prepare(job, work.plugins, session.databases, journal)
        about = about_of(ready)
        watcher.opened(about)
        accelerator = accelerator_on(job.device, job.precision)
        folder = about.folder(job, work.out)
        keeping = Keeping(folder / CHECKPOINT, about.digest, work.checkpoint_minutes)
        with _alone(folder, accelerator.num_processes > 1, progress, watcher):
            if not work.force and (known := read_known(ready, folder)) is not None:
                store.note_asked(folder)
                progress.note(f"already done, read back from {folder} (--force runs it again)")
                keeping.remove()  # of a run that was killed between its last two steps
                return known
            if work.force:
                keeping.remove()
                accelerator.wait_for_everyone()
            with make_repeatable(job.seed):
                followers = None
                if accelerator.is_main_process:
                    followers = Followers(ready, work.plugins.callbacks(), work.trackers, work.out, progress)
                    ready.end_epoch = followers.end_epoch
                measuring = Measuring(work.latency_seconds, work.at_once, work.times)
                record = execute(ready, work.out, accelerator, measuring, progress, keeping)
                if followers is not None:
                    followers.end(record, folder)
            accelerator.wait_for_everyone()
            keeping.remove()
            return record
    except Exception as error:
        if not isinstance(error, AbawbenchError):
            _log.exception("%s on %s", job.model, job.task)
        return failure_of(error, journal)


def about_of(ready: Prepared) -> About:
    """Return what is known of a job that is prepared."""
    return About(
        edition=ready.task.edition,
        level=ready.task.level,
        database=ready.database.name,
        synthetic=ready.database.synthetic,
        digest=ready.digest,
    )


@contextmanager
def _alone(folder: Path, shared: bool, progress: Progress, watcher: Watcher) -> Iterator[None]:
    """Keep other runs off the folder; processes that share one job already keep in step."""
    if shared:
        yield
        return

    def waits(waiting: bool) -> None:
        if waiting:
            progress.note(f"another run is at work in {folder}; waiting for it")
        watcher.waits(waiting)

    with store.claim(folder, waits) as alone:
        if not alone:
            progress.note(
                f"{folder} cannot be locked: if another run does the same job, both do it, and one result takes the "
                "place of the other, whole"
            )
        yield


def read_known(ready: Prepared, folder: Path) -> Record | None:
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
