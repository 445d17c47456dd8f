"""Jobs in this process, one after the other: for debugging, and where several processes share one job."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from abawbench.harness.jobs.failures import About
from abawbench.harness.jobs.worker import Watcher, run_one
from abawbench.harness.measure.cost import CostMeter
from abawbench.harness.request.databases import Databases
from abawbench.harness.request.jobs import Job, Work
from abawbench.progress import Progress

if TYPE_CHECKING:
    from abawbench.harness.jobs.run import Outcomes


class _Memory(Watcher):
    about: About | None = None

    def opened(self, about: About) -> None:
        self.about = about


def run_here(jobs: Sequence[Job], work: Work, progress: Progress, outcomes: "Outcomes") -> None:
    """Run the jobs; databases are opened once, and a kind of network is timed once."""
    databases = Databases(work.plugins, work.roots, work.generated, progress, jobs[0].protocol.readings)
    meter = CostMeter(**work.costs)
    for number, job in enumerate(jobs):
        if outcomes.full:
            outcomes.skip(number)
            continue
        progress.note(outcomes.announce(number))
        memory = _Memory()
        outcomes.ended(number, run_one(job, work, databases, meter, progress, memory), memory.about)
