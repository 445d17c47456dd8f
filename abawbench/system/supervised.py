"""A function in a process of its own, seen from outside: whatever it does there, the caller goes on.

A helper process forks for each, so that one starts in milliseconds and begins with nothing that another left behind.
Where processes cannot be forked, each imports for itself.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver, util
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType
from typing import Any

from abawbench.system import locks
from abawbench.system.inside import Order, begin
from abawbench.system.limits import Tree
from abawbench.system.log import Log
from abawbench.system.processes import choose_waiting, safe_start

TICK = 0.1
"""Seconds between looks at a process's memory and time."""
READS = 16
"""Pieces of output read in one look, so that one that prints without end is still looked at; a full pipe is fewer."""
_TEMPORARY = "abawb-"  # short: sockets lie below, and their paths may have 104 characters at most
_SOCKET_PATH = 104
"""Bytes that the path of a socket may have, on the systems that allow the fewest."""
_LAST_WORDS = 0.5
"""Seconds for a process that hangs to write where it stands."""
_LAST_DEED = 10.0
"""Seconds for the guard of a job to end what the job left behind."""
_kept: list[ExitStack] = []
"""Of the helper's folder. A process that multiprocessing forks drops what was to be called at the end, and would remove
the folder of this one with it."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What one process may take."""

    seconds: float | None
    """Since its clock was last started; None for no limit."""
    memory: int
    """Bytes of its own, by all that it starts together."""
    network: bool
    """Whether it may reach other machines."""
    options: tuple[str, str]
    """The command-line options that set time and memory, for messages."""
    output: int | None = None
    """Bytes that it may print; None for no limit."""


class Supervised:
    """``run(send, *given)`` at work in a process of its own; ``heard`` is called here with each message it sends.

    ``environment`` holds variables that differ from those of this process.
    """

    def __init__(
        self,
        run: Callable[..., None],
        given: tuple[Any, ...],
        allowance: Allowance,
        heard: Callable[..., None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = Log()
        """What it printed."""
        self.finished = False
        """Whether the function returned."""
        self._allowance, self._heard = allowance, heard
        self._stopped: str | None = None
        self._stack = ExitStack()
        temporary = self._stack.enter_context(_temporary_folder())
        context: Any = multiprocessing.get_context(start_method())
        self._reports, theirs = context.Pipe()
        self._output, output = context.Pipe(duplex=False)
        order = Order(run, given, {**os.environ, **(environment or {})}, temporary, allowance.network)
        self._process = context.Process(target=begin, args=(theirs, output, order))
        with _no_main(), safe_start():
            self._process.start()
        theirs.close()
        output.close()
        self._tree = Tree(self._process.pid)
        self._since: float | None = time.monotonic()

    def handles(self) -> list[Any]:
        """Return what becomes ready, for ``multiprocessing.connection.wait``, when there is something to do."""
        return [one for one in (self._reports, self._output) if not one.closed] + [self._process.sentinel]

    def start_clock(self) -> None:
        """Count its time from now on."""
        self._since = time.monotonic()

    def stop_clock(self) -> None:
        """Let it wait for another process as long as that takes."""
        self._since = None

    def go_on(self) -> bool:
        """Take in what it says and takes; return whether it is still at work. One that takes too much is ended."""
        alive = self._process.exitcode is None
        self._listen()
        if alive and not self.finished:
            self._stopped = self._over_time() or self._over_memory() or self._over_output()
            if self._stopped is None:
                return True
        self.stop()
        return False

    def how_it_ended(self) -> str:
        """Return, of one that did not finish, how it ended."""
        return self._stopped or _how(self._process.exitcode)

    @property
    def ended_itself(self) -> bool:
        """Whether it was not ended for what it took."""
        return self._stopped is None

    def stop(self) -> None:
        """End it and all that it started, and leave nothing of them."""
        self._tree.kill()
        self._process.join(_LAST_DEED)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        self._listen()
        self._reports.close()
        self._output.close()
        self._stack.close()

    def _listen(self) -> None:
        """Read what is there; a process that was killed in the middle of a message said its last."""
        for _ in range(READS):
            if self._output.closed or not self._output.poll():
                break
            printed = os.read(self._output.fileno(), 1 << 16)
            if not printed:
                self._output.close()
            self.log.add(printed)
        while not self._reports.closed and self._reports.poll():
            try:
                what, *given = self._reports.recv()
            except Exception:  # its end, or what a plugin wrote into it
                self._reports.close()
                return
            if what == "finished":
                self.finished = True
            else:
                self._heard(what, *given)

    def _over_time(self) -> str | None:
        limit = self._allowance.seconds
        if limit is None or self._since is None or time.monotonic() - self._since <= limit:
            return None
        self._ask_where(_LAST_WORDS)
        return f"no result within {limit:g} s ({self._allowance.options[0]}), stopped"

    def _over_memory(self) -> str | None:
        allowed = self._allowance.memory
        if self._tree.bytes() <= allowed:
            return None
        self._ask_where(TICK)  # it goes on eating meanwhile
        return f"took more than {allowed / 2**20:.0f} MiB of memory ({self._allowance.options[1]}), stopped"

    def _over_output(self) -> str | None:
        allowed = self._allowance.output
        if allowed is None or self.log.size <= allowed:
            return None
        return f"printed more than {allowed / 2**20:.0f} MiB, stopped"

    def _ask_where(self, seconds: float) -> None:
        """Let the process print where every one of its threads is."""
        if hasattr(signal, "SIGUSR1"):
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGUSR1)
            wait([self._process.sentinel], seconds)
            self._listen()


def prepare(preload: Sequence[str], at_once: int = 1) -> None:
    """Sweep what killed processes left, and start the helper process with modules that it imports once for all.

    ``at_once`` processes will be at work; where other work runs too, their threads give their core away while they
    wait.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        locks.remove_abandoned(folder)
    helper = _helper_folder()
    context: Any = multiprocessing.get_context(start_method())
    if start_method() == "forkserver":
        context.set_forkserver_preload([__name__, *preload])
        # torch makes a folder for temporary files when it is imported
        with safe_start(choose_waiting(at_once), helper):
            forkserver.ensure_running()


def start_method() -> str:
    """Return how processes are started: ``forkserver`` where there is one and the path of its socket fits."""
    socket = os.path.join(tempfile.gettempdir(), f"{_TEMPORARY}12345678", "pymp-12345678", "listener-12345678")
    fits = len(os.fsencode(socket)) < _SOCKET_PATH
    return "forkserver" if fits and "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


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
    """Yield a folder for temporary files, held so that no other run sweeps it."""
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY))
    try:
        with locks.hold_alone(folder):
            yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _helper_folder() -> str:
    """Return a folder for what multiprocessing keeps for this process, swept should the process be killed."""
    stack = ExitStack()
    folder = stack.enter_context(_temporary_folder())
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before
    _kept.append(stack)
    util.Finalize(None, stack.close, exitpriority=-101)  # right after multiprocessing's own folder
    return folder
