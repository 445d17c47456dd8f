"""Jobs in this process, one after the other: for debugging, and where several processes share one job."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from abawbench.harness.jobs.failures import About
from abawbench.harness.jobs.reporting import Watcher
from abawbench.harness.jobs.worker import Session, run_one
from abawbench.harness.request.jobs import Job, Work
from abawbench.progress import Progress

if TYPE_CHECKING:
    from abawbench.harness.jobs.run import Outcomes


class _Memory(Watcher):
    about: About | None = None

    def opened(self, about: About) -> None:
        self.about = about


def run_here(jobs: Sequence[Job], work: Work, progress: Progress, outcomes: "Outcomes") -> None:
    """Run the jobs; databases are opened once."""
    session = Session.open(work, jobs[0], progress)
    for number, job in enumerate(jobs):
        if outcomes.full:
            outcomes.skip(number)
            continue
        progress.note(outcomes.announce(number))
        memory = _Memory()
        outcomes.ended(number, run_one(job, session, memory), memory.about)
