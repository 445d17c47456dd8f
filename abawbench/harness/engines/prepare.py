"""What the jobs of a plan share, made once before they are done: files listed, weights fetched, features computed.

Each model, task and setting is an item with a process of its own; of a large database each item can be cut into shards
of tracks, which as many processes, here or on the nodes of a cluster, prepare side by side.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path

from abawbench.contracts.errors import UsageError
from abawbench.harness.engines.engine import Engine, Lost, Parts, needs_gpu
from abawbench.harness.jobs.isolation import Heard, NotesOnly
from abawbench.harness.jobs.reporting import Report, Watcher
from abawbench.harness.jobs.run import why_here
from abawbench.harness.request.jobs import Job, Work
from abawbench.harness.request.plan import Plan
from abawbench.plugins import default_plugins
from abawbench.progress import JobsShown, Progress
from abawbench.system import supervised
from abawbench.system.cache import cache_folder
from abawbench.system.inside import Send
from abawbench.system.limits import Limits
from abawbench.system.network import consent_for
from abawbench.system.supervised import TICK, Allowance, Supervised
from abawbench.system.text import plain


@dataclass(frozen=True)
class Shard:
    """A part of the tracks."""

    number: int = 0
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


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
    embedded: int = 0
    """Of the tracks, whose features lie in the cache now."""
    not_kept: str | None = None
    """Why features are not kept, where they have no room."""
    reason: str | None = None
    """Why it is not ready, and every job that needs it will fail."""


@dataclass(frozen=True, kw_only=True)
class Preparing:
    """How much of a plan is prepared."""

    embed: bool = True
    """Whether the features of frozen parts are computed, on the device of the jobs."""
    shards: tuple[Shard, ...] = (Shard(),)


def parse_shard(text: str) -> Shard:
    """Return the shard that a text names, such as ``0/4``. Raises UsageError for one that cannot be."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and int(number) < int(of)):
        raise UsageError(f"--shard '{text}': write its number from 0 and how many there are, for example 0/4 to 3/4")
    return Shard(int(number), int(of))


def cut(count: int) -> tuple[Shard, ...]:
    """Return so many shards, which together are all tracks."""
    return tuple(Shard(number, count) for number in range(count))


def list_items(plan: Plan) -> list[tuple[Job, Shared]]:
    """Return one job for each model, task and setting, as all seeds share it, with what is known before."""
    alike: dict[str, list[Job]] = {}
    for job in plan.jobs:
        alike.setdefault(repr(replace(job, seed=0)), []).append(job)
    return [(jobs[0], Shared(jobs[0].model, jobs[0].task, len(jobs))) for jobs in alike.values()]


_Todo = tuple[Job, Shared, Shard | None]
"""An item and a shard of it; None where no features are computed."""


def prepare_plan(plan: Plan, work: Work, limits: Limits, progress: Progress, how: Preparing) -> list[Shared]:
    """Make what each model, task and setting of a plan needs, ``limits.jobs`` processes at once, and return it.

    Databases are opened, synthetic ones drawn, indices and weights stored in the cache, features computed.
    """
    items = list_items(plan)
    shards: Sequence[Shard | None] = how.shards if how.embed else [None]
    todo = [(*item, shard) for item in items for shard in shards]
    if why := why_here(work.plugins):
        progress.note(f"all is prepared in this process: {why}")
        found = dict(enumerate(_prepare_here(todo, work, progress)))
    else:
        found = dict(_prepare_isolated(todo, work, limits, progress))
    each = len(shards)
    return [merge_parts([found[place] for place in range(at, at + each)]) for at in range(0, len(todo), each)]


def merge_parts(parts: Sequence[Shared]) -> Shared:
    """Return what came of an item, from what came of its shards."""
    return replace(
        next((one for one in parts if one.database), parts[0]),
        embedded=sum(one.embedded for one in parts),
        not_kept=next((one.not_kept for one in parts if one.not_kept), None),
        reason=next((one.reason for one in parts if one.reason), None),
    )


def _prepare_here(todo: Sequence[_Todo], work: Work, progress: Progress) -> Iterator[Shared]:
    from abawbench.harness.engines.prepare_one import prepare_one
    from abawbench.harness.jobs.worker import Session

    session = Session.open(work, todo[0][0], progress)
    for job, wanted, shard in todo:
        progress.note(_describe(wanted, shard))
        yield prepare_one(job, wanted, session, Watcher(), shard)


def _prepare_isolated(
    todo: Sequence[_Todo], work: Work, limits: Limits, progress: Progress
) -> Iterator[tuple[int, Shared]]:
    """Yield what came of each, by its place; one whose process crashes is not ready, and the others are."""
    supervised.prepare(["abawbench.harness.engines.prepare_one"], limits.jobs)
    waiting, running = deque(enumerate(todo)), dict[int, _Item]()
    side_by_side = limits.jobs > 1
    names = {place: _describe(wanted, shard) for place, (_, wanted, shard) in enumerate(todo)}
    with ExitStack() as stack:
        stack.callback(_stop_all, running)
        table = stack.enter_context(progress.jobs(names) if side_by_side else nullcontext(JobsShown()))
        shown = NotesOnly(progress) if side_by_side else progress
        while waiting or running:
            while waiting and len(running) < limits.jobs:
                place, one = waiting.popleft()
                progress.note(names[place])
                running[place] = _Item(one, work, limits, shown)
                table.running(running)
            wait([handle for one in running.values() for handle in one.process.handles()], TICK)
            for place in [place for place, one in running.items() if not one.process.go_on()]:
                found = running.pop(place).outcome()
                table.ended(place, "failed" if found.reason else "ok")
                yield place, found


class _Item(Heard):
    """An item, or a shard of it, that is being prepared, seen from outside."""

    def __init__(self, todo: _Todo, work: Work, limits: Limits, progress: Progress) -> None:
        super().__init__(progress)
        self._wanted = todo[1]
        self._found: Shared | None = None
        options = ("--job-timeout", "--job-memory")
        allowance = Allowance(seconds=limits.seconds, memory=limits.bytes(), network=limits.network, options=options)
        self.process = Supervised(_prepare_reported, (todo, work), allowance, self.hear)

    def outcome(self) -> Shared:
        """Return what came of it."""
        self.close_bars()
        return self._found or replace(self._wanted, reason=plain(self.failure(self.process).reason))

    def stop(self) -> None:
        """End it."""
        self.process.stop()
        self.close_bars()

    def _on_prepared(self, found: Shared) -> None:
        self._found = found


def _stop_all(running: Mapping[int, _Item]) -> None:
    for one in running.values():
        one.stop()


def _prepare_reported(send: Send, todo: _Todo, work: Work) -> None:
    """Prepare an item and send what happens."""
    # only here: who starts the process imports this module, and must not import torch
    from abawbench.harness.engines.prepare_one import prepare_one
    from abawbench.harness.jobs.worker import Session

    job, wanted, shard = todo
    report = Report(send)
    send("prepared", prepare_one(job, wanted, Session.open(work, job, report), report, shard))


def _describe(wanted: Shared, shard: Shard | None) -> str:
    part = f", shard {shard}" if shard is not None and shard.of > 1 else ""
    jobs = "1 job" if wanted.jobs == 1 else f"{wanted.jobs} jobs"
    return f"{wanted.model} on {wanted.task}, for {jobs}{part}"


def prepare_by(engine: Engine, plan: Plan, how: Preparing, limits: Limits, progress: Progress) -> list[Shared]:
    """Have an engine make what the jobs of a plan share, a part of it for each shard, and return it."""
    plugins = default_plugins()
    found = engine.spread(
        Parts(
            work=prepare_shard,
            given=tuple((plan, replace(how, shards=(shard,)), limits) for shard in how.shards),
            on_gpu=how.embed and any(needs_gpu(job, plugins) for job, _ in list_items(plan)),
            log=cache_folder() / f"nodes-{plan.name}",
            limits=limits,
            progress=progress,
        )
    )
    parts = [
        [replace(wanted, reason=f"shard {shard} ended without a result ({one.why})") for _, wanted in list_items(plan)]
        if isinstance(one, Lost)
        else one
        for one, shard in zip(found, how.shards, strict=True)
    ]
    return [merge_parts(item) for item in zip(*parts, strict=True)]


def prepare_shard(plan: Plan, how: Preparing, limits: Limits) -> list[Shared]:
    """Prepare a shard of every item, on whatever machine an engine has chosen."""
    work = Work(plugins=default_plugins(), sources=plan.sources, out=Path.cwd())
    with consent_for(limits.network):
        return prepare_plan(plan, work, replace(limits, jobs=1), Progress(), how)
