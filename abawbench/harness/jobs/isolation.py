"""Each job in a process of its own: what a plugin does there costs that job, and the rest of the run goes on."""

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from abawbench.contracts.errors import DataError
from abawbench.harness.jobs.blame import blame_crash
from abawbench.harness.jobs.failures import About, Failure, describe_unopened
from abawbench.harness.jobs.reporting import run_reported
from abawbench.harness.request.databases import Databases
from abawbench.harness.request.gpus import VISIBLE, visible_gpus
from abawbench.harness.request.jobs import Job, Work, describe
from abawbench.harness.request.journal import READ
from abawbench.plugins import FIRST_PARTY, Plugin, Plugins
from abawbench.progress import Advance, JobsShown, Progress
from abawbench.records import store
from abawbench.system.limits import Limits
from abawbench.system.supervised import TICK, Allowance, Supervised, prepare
from abawbench.system.text import plain

if TYPE_CHECKING:
    from abawbench.harness.jobs.run import Outcomes


_FIRST = ("abawbench.harness.jobs.ahead", "abawbench.harness.jobs.worker")
"""What makes imports quick, and what every job needs."""
_LATE = ("torch._dynamo", "pandas")
"""What torch imports when it is to repeat itself and pyarrow when it writes a table: two seconds, once for all jobs."""


def run_isolated(jobs: Sequence[Job], work: Work, limits: Limits, progress: Progress, outcomes: "Outcomes") -> None:
    """Run the jobs in processes of their own, ``limits.jobs`` at once, in order."""
    databases = Databases(work.plugins, work.sources, progress)  # says at once which folder is missing
    work.plugins.all("model")  # loaded here, once; they travel as declarations
    # a starter without torch: the helper process alone imports what is heavy, once for all jobs
    prepare([*_FIRST, *_LATE, *_own_builders(jobs, work.plugins, databases)], limits.jobs)
    allowance = Allowance(
        seconds=limits.seconds,
        memory=limits.bytes(),
        network=limits.network,
        options=("--job-timeout", "--job-memory"),
    )
    waiting, running = deque(range(len(jobs))), list[_Running]()
    gpus = visible_gpus() if limits.jobs > 1 else ()
    with ExitStack() as stack:
        stack.callback(_stop_all, running)
        shown = progress if limits.jobs == 1 else NotesOnly(progress)
        names = dict(enumerate(map(describe, jobs)))
        table = stack.enter_context(progress.jobs(names) if limits.jobs > 1 else nullcontext(JobsShown()))
        while waiting or running:
            while waiting and len(running) < limits.jobs:
                number = waiting.popleft()
                if outcomes.full:
                    table.ended(number, outcomes.skip(number).status)
                    continue
                progress.note(outcomes.announce(number))
                slot = min(set(range(limits.jobs)) - {one.slot for one in running})
                running.append(_Running((number, slot), jobs[number], work, allowance, shown, gpus))
                table.running(one.number for one in running)
            wait([handle for one in running for handle in one.process.handles()], TICK)
            for one in list(running):
                if one.process.go_on():
                    continue
                running.remove(one)
                table.ended(one.number, outcomes.ended(one.number, one.outcome(), one.about).status)


def gpu_of(job: Job, slot: int, gpus: Sequence[str]) -> dict[str, str]:
    """Return the variable by which a job sees one GPU alone, its slot's, where there are several and it names none."""
    return {VISIBLE: gpus[slot % len(gpus)]} if len(gpus) > 1 and job.device in ("auto", "cuda") else {}


def _own_builders(jobs: Sequence[Job], plugins: Plugins, databases: Databases) -> list[str]:
    """Return the modules of our own plugins that the jobs build; a stranger's are imported in its job only."""
    wanted = {("model", job.model) for job in jobs} | {("task", job.task) for job in jobs}
    found = [plugins.get(kind, name) for kind, name in sorted(wanted)] + list(map(databases.plugin, databases.names))
    return sorted({p.declaration.build.partition(":")[0] for p in found if p.distribution == FIRST_PARTY})


def _stop_all(running: Sequence["_Running"]) -> None:
    for one in running:
        one.stop()


class Heard:
    """Takes in what a process says of its work, and shows it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[int, tuple[ExitStack, Advance]] = {}
        self._phase = READ
        self._plugin: Plugin | None = None
        self.took_part: tuple[Plugin, ...] = ()

    def hear(self, what: str, *given: Any) -> None:
        """Take in one message."""
        getattr(self, f"_on_{what}")(*given)

    def failure(self, process: Supervised) -> Failure:
        """Return why a process ended without a result, and through whose fault."""
        plugin = blame_crash(process.log.end, self.took_part, self._plugin) or self._plugin
        return Failure("failed", process.how_it_ended(), self._phase, plugin)

    def close_bars(self) -> None:
        """End the bars of work that ended in the middle."""
        for stack, _ in self._bars.values():
            stack.close()
        self._bars = {}

    def _on_phase(self, name: str, plugin: Plugin | None, took_part: tuple[Plugin, ...]) -> None:
        self._phase, self._plugin, self.took_part = name, plugin, took_part

    def _on_note(self, text: str) -> None:
        self._progress.note(plain(text))

    def _on_bar(self, key: int, what: str, total: int, unit: str) -> None:
        stack = ExitStack()
        self._bars[key] = stack, stack.enter_context(self._progress.bar(plain(what), total, plain(unit)))

    def _on_advance(self, key: int, steps: int) -> None:
        self._bars[key][1](steps)

    def _on_close(self, key: int, steps: int) -> None:
        stack, advance = self._bars.pop(key)
        advance(steps)
        stack.close()

    def _on_report(self, done: int, total: int, what: str) -> None:
        self._progress.report(done, total, plain(what))


class _Running(Heard):
    """A job at work, seen from outside."""

    def __init__(
        self,
        place: tuple[int, int],
        job: Job,
        work: Work,
        allowance: Allowance,
        progress: Progress,
        gpus: Sequence[str] = (),
    ) -> None:
        super().__init__(progress)
        self.number, self.slot = place
        self.about: About | None = None
        self._job, self._work = job, work
        self._failure: Failure | None = None
        self.process = Supervised(run_reported, (job, work), allowance, self.hear, gpu_of(job, self.slot, gpus))

    def outcome(self) -> Any:
        """Return the record, or how the job ended without one; what it printed lies in its run folder."""
        self.close_bars()
        folder = (self.about or describe_unopened(self._job)).folder(self._job, self._work.out)
        log = self.process.log
        if self._failure is None and self.process.finished:
            log.write(folder / store.LOG)
            try:
                return store.read(folder)
            except DataError as error:  # another run took it away, or a plugin did
                model = next((plugin for plugin in self.took_part if plugin.kind == "model"), None)
                self._failure = Failure("failed", str(error), "write", model)
        failure = self._failure or self.failure(self.process)
        kept = log.write(folder / store.LOG) if failure.status == "failed" else False
        hint = f"; see {store.LOG} in {folder.relative_to(self._work.out).as_posix()}" if kept else ""
        return replace(failure, what=plain(failure.what) + hint)

    def stop(self) -> None:
        """End the job."""
        self.process.stop()
        self.close_bars()

    def _on_opened(self, about: About) -> None:
        self.about = about

    def _on_waits(self, waiting: bool) -> None:
        if waiting:
            self.process.stop_clock()
        else:
            self.process.start_clock()

    def _on_failed(self, failure: Failure) -> None:
        self._failure = failure


class NotesOnly(Progress):
    """Passes on notes: bars of jobs side by side would write over each other."""

    def __init__(self, progress: Progress) -> None:
        self.note = progress.note  # type: ignore[method-assign]
