"""What the jobs of a plan share, made once before they are done: files listed, weights fetched, features computed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from abawbench.contracts import Model
from abawbench.harness.jobs.failures import Failure, failure_of
from abawbench.harness.jobs.fitting import build_learner
from abawbench.harness.jobs.prepare import prepare
from abawbench.harness.jobs.worker import Session
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.jobs import Job, Work
from abawbench.harness.request.journal import Journal
from abawbench.harness.request.plan import Plan
from abawbench.progress import Progress
from abawbench.system.repeatable import make_repeatable
from abawbench.weights.telling import report_fetching


@dataclass(frozen=True)
class Shared:
    """What a model and a task of a plan need, ready or not."""

    model: str
    task: str
    jobs: int
    """Of the plan, that need it."""
    database: str | None = None
    tracks: int = 0
    weights: str | None = None
    """Where they come from; None for a model without."""
    embedded: bool = False
    """Whether the features of a frozen part lie in the cache now, as far as they fit."""
    reason: str | None = None
    """Why it is not ready, and every job that needs it will fail."""


def prepare_plan(plan: Plan, work: Work, progress: Progress, *, embed: bool = True) -> Iterator[Shared]:
    """Make what each model, task and setting of a plan needs, in this process, and yield it as it is ready.

    Databases are opened, synthetic ones drawn, indices and weights stored in the cache; with ``embed`` the features of
    frozen parts are computed on the device of the jobs. All seeds share it.
    """
    session = Session.open(work, plan.jobs[0], progress)
    alike: dict[str, list[Job]] = {}
    for job in plan.jobs:
        alike.setdefault(repr(replace(job, seed=0)), []).append(job)
    for jobs in alike.values():
        progress.note(f"{jobs[0].model} on {jobs[0].task}, for {len(jobs)} jobs")
        yield _prepare(jobs[0], len(jobs), session, embed)


def _prepare(job: Job, count: int, session: Session, embed: bool) -> Shared:
    journal = Journal()
    try:
        with report_fetching(session.progress):
            ready = prepare(job, session.work.plugins, session.databases, journal)
            embeds = embed and isinstance(ready.model, Model)
            if embeds:
                with make_repeatable(job.seed):
                    torch.manual_seed(job.seed)
                    learner = build_learner(ready, accelerator_on(job.device, job.precision))
                    learner.embed(ready.tracks, session.progress)
    except Exception as error:
        failure: Failure = failure_of(error, journal)
        return Shared(job.model, job.task, count, reason=failure.reason)
    weights = ready.weights.source if isinstance(ready.model, Model) else None
    return Shared(job.model, job.task, count, ready.database.name, len(ready.tracks), weights, embeds)
