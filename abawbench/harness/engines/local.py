"""Jobs of a plan on this machine: as many processes at once as the limits say."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from abawbench.harness.engines.endings import note_ending
from abawbench.harness.engines.engine import Ended, Engine, Errand, Parts
from abawbench.harness.jobs.run import run_jobs
from abawbench.harness.request.jobs import Work
from abawbench.harness.request.plan import Plan
from abawbench.plugins import default_plugins
from abawbench.progress import Progress
from abawbench.records.record import Record
from abawbench.system.limits import Limits
from abawbench.system.network import consent_for

_SETTLE = 2.0
"""Seconds within which a node that is taken away ends all of its processes."""


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
            trackers=errand.plan.trackers,
            at_once=errand.limits.jobs if errand.limits else 1,
        )

        def told(place: int, record: Record) -> None:
            number = errand.numbers[place]
            if errand.noted:
                note_ending(errand.out, errand.plan.digest(number), record)
            ended(number, record)

        run_jobs(errand.jobs, work, errand.limits, errand.progress, told)

    def spread(self, parts: Parts) -> list[Any]:
        """Do the parts in this process, one after the other."""
        return [parts.work(*given) for given in parts.given]


def do_one(plan: Plan, out: Path, limits: Limits, force: bool, progress: Progress | None = None) -> Record:
    """Do the only job of a plan, on whatever machine another engine has chosen, and return its record."""
    errand = Errand(
        plan=plan,
        numbers=(0,),
        out=out,
        limits=replace(limits, jobs=1),
        force=force,
        noted=False,
        plugins=default_plugins(),
        progress=progress or Progress(),
    )
    records: list[Record] = []
    with consent_for(limits.network):
        Local().run(errand, lambda number, record: records.append(record))
    if records[0].status == "failed":
        # whoever takes the node away ends the job's process first, and would be taken for a fault of its plugin
        time.sleep(_SETTLE)
    note_ending(out, plan.digest(0), records[0])
    return records[0]
