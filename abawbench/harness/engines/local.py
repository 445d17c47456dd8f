"""Jobs of a plan on this machine: as many processes at once as the limits say."""

from abawbench.harness.engines.endings import note_ending
from abawbench.harness.engines.engine import Ended, Engine, Errand
from abawbench.harness.jobs.run import run_jobs
from abawbench.harness.request.jobs import Work
from abawbench.records.record import Record


class Local(Engine):
    """The scheduler of ``harness/jobs``; every other engine has it do single jobs on its workers."""

    def run(self, errand: Errand, ended: Ended) -> None:
        """Do the jobs and note how each ended, unless they are a run of their own."""
        work = Work(
            plugins=errand.plugins,
            sources=errand.plan.sources,
            out=errand.out,
            force=errand.force,
            latency_seconds=errand.plan.latency_seconds,
            checkpoint_minutes=errand.plan.checkpoint_minutes,
            at_once=errand.limits.jobs if errand.limits else 1,
        )

        def told(place: int, record: Record) -> None:
            number = errand.numbers[place]
            if errand.noted:
                note_ending(errand.out, errand.plan.digest(number), record)
            ended(number, record)

        run_jobs(errand.jobs, work, errand.limits, errand.progress, told)
