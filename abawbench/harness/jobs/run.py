"""A run: a list of independent jobs, each failure in a record; one that fails does not touch the others."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from abawbench.harness.jobs.failures import About, Failure, describe_unopened, record_of
from abawbench.harness.request.jobs import Job, Work, describe
from abawbench.plugins import KINDS, Plugins
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system import locks
from abawbench.system.cache import cache_folder
from abawbench.system.limits import Limits

_TIMES = ".times-"
ENOUGH = 16 * 2**20
"""Bytes free without which no further job is begun after one that found the disk full."""


def run_jobs(
    jobs: Sequence[Job],
    work: Work,
    limits: Limits | None,
    progress: Progress,
    finished: Callable[[int, Record], None],
) -> list[Record]:
    """Run the jobs and return their records, in order; each is handed to ``finished`` as it is ready, by its place.

    With ``limits`` each job has a process of its own, several at once where they say so; without, the jobs run one
    after the other in this process. A job that was run before with the very same inputs is read back instead, unless
    ``work.force``. One that fails leaves ``failed.json`` in its run folder.
    """
    if limits is not None and (why := why_here(work.plugins)):
        progress.note(f"the jobs run in this process: {why}")
        limits = None
    with _times_folder(work.out) as times:
        work = replace(work, times=times)
        outcomes = Outcomes(jobs, work, progress, finished)
        if limits is None:
            from abawbench.harness.jobs.inprocess import run_here

            run_here(jobs, work, progress, outcomes)
        else:
            from abawbench.harness.jobs.isolation import run_isolated

            run_isolated(jobs, work, limits, progress, outcomes)
    return outcomes.records


@contextmanager
def _times_folder(out: Path) -> Iterator[Path | None]:
    """Yield a folder in which the jobs of this run leave times for each other; None where it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for left in out.glob(f"{_TIMES}*"):
            locks.remove_abandoned(left)
        folder = Path(tempfile.mkdtemp(prefix=_TIMES, dir=out))
    except OSError:  # whoever writes a result there says why
        yield None
        return
    try:
        with locks.hold_alone(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Outcomes:
    """How the jobs ended, by number; failures are noted and written down."""

    def __init__(
        self, jobs: Sequence[Job], work: Work, progress: Progress, finished: Callable[[int, Record], None]
    ) -> None:
        self._jobs, self._work, self._progress, self._finished = jobs, work, progress, finished
        self._records: dict[int, Record] = {}
        self.full: str | None = None
        """Why no further job is to begin, once a disk is full."""

    @property
    def records(self) -> list[Record]:
        """The records there are, in the order of the jobs."""
        return [self._records[number] for number in sorted(self._records)]

    def announce(self, number: int) -> str:
        """Return the words for a job that begins."""
        return f"[{number + 1}/{len(self._jobs)}] {describe(self._jobs[number])}"

    def ended(self, number: int, outcome: Record | Failure, about: About | None = None) -> Record:
        """Take in how a job ended and return its record. ``about`` is what is known of one without a result."""
        if isinstance(outcome, Failure):
            outcome = self._failure(self._jobs[number], outcome, about)
        self._records[number] = outcome
        self._finished(number, outcome)
        return outcome

    def skip(self, number: int) -> Record:
        """Leave out a job because a disk is full, and return its record."""
        return self.ended(number, Failure("skipped", self.full or "", explains_itself=True))

    def _failure(self, job: Job, failure: Failure, about: About | None) -> Record:
        if failure.status != "skipped":
            self._progress.note(f"{failure.status}: {failure.reason}")
        about = about or describe_unopened(job)
        record = record_of(job, about, failure).sealed()
        place = about.folder(job, self._work.out)
        if failure.status == "failed" or store.has_result_beside(place):
            # a full disk must not cost the records of the others
            with suppress(OSError):
                store.write_failed(place, record)
        if failure.disk_full and (folder := self._no_room()) is not None:
            self.full = f"the disk of {folder} is full; free some space and run again: what is finished is read back"
        return record

    def _no_room(self) -> str | None:
        places: dict[str, Callable[[], str | Path]] = {
            "--out": lambda: self._work.out,
            "the cache": cache_folder,
            "temporary files": tempfile.gettempdir,
        }
        for name, folder in places.items():
            with suppress(OSError):
                if shutil.disk_usage(folder()).free < ENOUGH:
                    return name
        return None


def why_here(plugins: Plugins) -> str | None:
    """Return why jobs cannot have processes of their own, None where they can."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return "it is one of several that share each job"
    for plugin in (plugin for kind in KINDS for plugin in plugins.all(kind)):
        module = plugin.declaration.build.partition(":")[0]
        if module == "__main__" or (module in sys.modules and getattr(sys.modules[module], "__spec__", None) is None):
            return f"{plugin} was defined in it and lies in no file"
    return None
