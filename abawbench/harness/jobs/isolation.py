"""Each job in a process of its own: what a plugin does there costs that job, and the rest of the run goes on.

A helper process imports the heavy libraries once and forks for every job, so a job starts in milliseconds and begins
with nothing that another job left behind. Where processes cannot be forked, each imports for itself.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import util
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from abawbench.contracts.errors import DataError
from abawbench.harness.jobs.blame import crashed_in
from abawbench.harness.jobs.failures import About, Failure, unopened
from abawbench.harness.request.databases import Databases
from abawbench.harness.request.jobs import Job, Work
from abawbench.harness.request.journal import READ
from abawbench.plugins import FIRST_PARTY, Plugin
from abawbench.progress import Advance, Progress
from abawbench.records import store
from abawbench.system import locks
from abawbench.system.limits import Limits, Tree
from abawbench.system.log import Log
from abawbench.system.text import plain

if TYPE_CHECKING:
    from abawbench.harness.jobs.run import Outcomes

_TICK = 0.1
"""Seconds between looks at a job's memory and time."""
_TEMPORARY = "abawb-"  # short: sockets lie below, and their paths may have 104 characters at most
_SOCKET_PATH = 104
"""Bytes that the path of a socket may have, on the systems that allow the fewest."""
_LAST_WORDS = 0.5
"""Seconds for a process that hangs to write where it stands."""


def run_isolated(jobs: Sequence[Job], work: Work, limits: Limits, progress: Progress, outcomes: "Outcomes") -> None:
    """Run the jobs in processes of their own, ``limits.jobs`` at once, in order."""
    Databases(work.plugins, work.roots, work.generated, progress)  # says at once which folder is missing
    _sweep_temporary()
    _helper_folder()
    start = _Starter(jobs, work, limits)
    waiting, running = deque(range(len(jobs))), list[_Running]()
    with ExitStack() as stack:
        stack.callback(_stop_all, running)
        shown = progress if limits.jobs == 1 else _NotesOnly(progress)
        done = stack.enter_context(progress.bar("jobs", len(jobs), "job")) if limits.jobs > 1 else None
        while waiting or running:
            while waiting and len(running) < limits.jobs:
                number = waiting.popleft()
                if outcomes.full:
                    outcomes.skip(number)
                    continue
                progress.note(outcomes.announce(number))
                running.append(_Running(number, start, shown))
            wait([handle for one in running for handle in one.handles()], _TICK)
            for one in list(running):
                if one.went_on():
                    continue
                running.remove(one)
                start.speeds += one.speeds
                outcomes.ended(one.number, one.outcome(), one.about)
                if done:
                    done(1)


@dataclass(frozen=True)
class Orders:
    """What a job's process is told."""

    job: Job
    work: Work
    speeds: tuple[bytes, ...]
    """Of networks that earlier jobs timed, pickled: who starts jobs need not know torch."""
    environment: Mapping[str, str]
    temporary: str
    """The folder for temporary files; who gave it removes it."""
    network: bool


def start_method() -> str:
    """Return how processes are started: ``forkserver`` where there is one and the path of its socket fits."""
    socket = os.path.join(tempfile.gettempdir(), f"{_TEMPORARY}12345678", "pymp-12345678", "listener-12345678")
    fits = len(os.fsencode(socket)) < _SOCKET_PATH
    return "forkserver" if fits and "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def _begin(pipe: Connection, output: Connection, orders: Orders) -> None:
    from abawbench.harness.jobs.child import main

    main(pipe, output, orders)


def _stop_all(running: Sequence["_Running"]) -> None:
    for one in running:
        one.stop()


class _Starter:
    """Starts the processes of jobs."""

    def __init__(self, jobs: Sequence[Job], work: Work, limits: Limits) -> None:
        self.jobs, self.work, self.limits = jobs, work, limits
        self.memory = limits.bytes()
        self.speeds: list[bytes] = []
        """What earlier jobs measured of networks."""
        work.plugins.all("model")  # loaded here, once; they travel as declarations
        method = start_method()
        self._context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload(["abawbench.harness.jobs.child", *self._own_builders()])

    def start(self, job: Job, temporary: str) -> tuple[Any, Connection, Connection]:
        """Return the process of a job, its reports and its output."""
        ours, theirs = self._context.Pipe()
        printed, output = self._context.Pipe(duplex=False)
        orders = Orders(job, self.work, tuple(self.speeds), dict(os.environ), temporary, self.limits.network)
        process = self._context.Process(target=_begin, args=(theirs, output, orders))
        with _no_main():
            process.start()
        theirs.close()
        output.close()
        return process, ours, printed

    def _own_builders(self) -> list[str]:
        """Return the modules of our own plugins that the jobs build; a stranger's are imported in its job only."""
        plugins, wanted = self.work.plugins, {("model", job.model) for job in self.jobs}
        wanted |= {("task", job.task) for job in self.jobs}
        found = [plugins.get(kind, name) for kind, name in sorted(wanted)]
        return sorted({p.declaration.build.partition(":")[0] for p in found if p.distribution == FIRST_PARTY})


class _Running:
    """A job at work, seen from outside."""

    def __init__(self, number: int, start: _Starter, progress: Progress) -> None:
        self.number, self.job = number, start.jobs[number]
        self.about: About | None = None
        self.speeds: list[bytes] = []
        self._work, self._limits, self._memory = start.work, start.limits, start.memory
        self._progress = progress
        self._bars: dict[int, tuple[ExitStack, Advance]] = {}
        self._phase = READ
        self._plugin: Plugin | None = None
        self._took_part: tuple[Plugin, ...] = ()
        self._done = False
        self._failure: Failure | None = None
        self._log = Log()
        self._stack = ExitStack()
        self._temporary = self._stack.enter_context(_temporary_folder())
        self._process, self._reports, self._output = start.start(self.job, self._temporary)
        self._tree = Tree(self._process.pid)
        self._since: float | None = time.monotonic()

    def handles(self) -> list[Any]:
        """Return what becomes ready when there is something to do."""
        return [one for one in (self._reports, self._output) if not one.closed] + [self._process.sentinel]

    def went_on(self) -> bool:
        """Take in what the job says and takes; return whether it is still at work."""
        alive = self._process.exitcode is None
        self._listen()
        if alive and self._failure is None and not self._done:
            self._failure = self._over_time() or self._over_memory()
            if self._failure is None:
                return True
        self.stop()
        return False

    def outcome(self) -> Any:
        """Return the record, or how the job ended without one; what it printed lies in its run folder."""
        folder = (self.about or unopened(self.job)).folder(self.job, self._work.out)
        if self._failure is None and self._done:
            self._log.write(folder / store.LOG)
            try:
                return store.read(folder)
            except DataError as error:  # another run took it away, or a plugin did
                model = next((plugin for plugin in self._took_part if plugin.kind == "model"), None)
                self._failure = Failure("failed", str(error), "write", model)
        failure = self._failure or self._died(_how(self._process.exitcode))
        kept = self._log.write(folder / store.LOG) if failure.status == "failed" else False
        hint = f"; see {store.LOG} in {folder.relative_to(self._work.out).as_posix()}" if kept else ""
        return replace(failure, what=plain(failure.what) + hint)

    def stop(self) -> None:
        """End the job's processes and leave nothing of them."""
        self._tree.kill()
        self._process.join()
        self._listen()
        for stack, _ in self._bars.values():
            stack.close()
        self._bars = {}
        self._reports.close()
        self._output.close()
        self._stack.close()

    def _listen(self) -> None:
        """Read all that is there; a process that was killed in the middle of a message said its last."""
        while not self._output.closed and self._output.poll():
            printed = os.read(self._output.fileno(), 1 << 16)
            if not printed:
                self._output.close()
            self._log.add(printed)
        while not self._reports.closed and self._reports.poll():
            try:
                what, *given = self._reports.recv()
            except Exception:  # its end, or what a plugin wrote into it
                self._reports.close()
                return
            getattr(self, f"_on_{what}")(*given)

    def _on_opened(self, about: About) -> None:
        self.about = about

    def _on_phase(self, name: str, plugin: Plugin | None, took_part: tuple[Plugin, ...]) -> None:
        self._phase, self._plugin, self._took_part = name, plugin, took_part

    def _on_waits(self, waiting: bool) -> None:
        self._since = None if waiting else time.monotonic()

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

    def _on_done(self, speeds: bytes) -> None:
        self._done = True
        self.speeds.append(speeds)

    def _on_failed(self, failure: Failure) -> None:
        self._failure = failure

    def _died(self, how: str) -> Failure:
        plugin = crashed_in(self._log.end, self._took_part) or self._plugin
        return Failure("failed", how, self._phase, plugin)

    def _over_time(self) -> Failure | None:
        limit = self._limits.seconds
        if limit is None or self._since is None or time.monotonic() - self._since <= limit:
            return None
        self._ask_where()
        return self._died(f"no result within {limit:g} s (--job-timeout), stopped")

    def _over_memory(self) -> Failure | None:
        taken = self._tree.bytes()
        if taken <= self._memory:
            return None
        self._ask_where(_TICK)  # it goes on eating meanwhile
        return self._died(f"took more than {self._memory / 2**20:.0f} MiB of memory (--job-memory), stopped")

    def _ask_where(self, seconds: float = _LAST_WORDS) -> None:
        """Let the process print where every one of its threads is."""
        if hasattr(signal, "SIGUSR1"):
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGUSR1)
            wait([self._process.sentinel], seconds)
            self._listen()


class _NotesOnly(Progress):
    """Passes on notes: bars of jobs side by side would write over each other."""

    def __init__(self, progress: Progress) -> None:
        self.note = progress.note  # type: ignore[method-assign]


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        with suppress(ValueError):
            name = signal.Signals(-status)
            out_of_memory = ", perhaps for want of memory" if name == signal.SIGKILL else ""
            return f"its process was ended by {name.name}{out_of_memory}"
    return f"its process ended with status {status} and no result"


@contextmanager
def _no_main() -> Iterator[None]:
    """Keep the new process from importing the caller's script, which may have no main guard."""
    mine = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = mine


@contextmanager
def _temporary_folder() -> Iterator[str]:
    """Yield a folder for a job's temporary files, held so that no other run sweeps it."""
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY))
    try:
        with locks.hold_alone(folder):
            yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _helper_folder() -> None:
    """Let what multiprocessing keeps for this process lie where it is swept should the process be killed."""
    stack = ExitStack()
    before, tempfile.tempdir = tempfile.tempdir, stack.enter_context(_temporary_folder())
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before
    util.Finalize(None, stack.close, exitpriority=-101)  # right after multiprocessing's own folder


def _sweep_temporary() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        locks.remove_abandoned(folder)
