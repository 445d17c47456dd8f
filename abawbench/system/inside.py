"""A function in a process of its own, from the inside: a guard, and the process that does the work below it.

The guard runs no code of anybody else. It has a session of its own, sees to it that nothing outlives the work, and ends
as the work ended.
"""

import ctypes
import faulthandler
import gc
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

from abawbench.system.limits import adopt, flush
from abawbench.system.network import refuse_network
from abawbench.system.processes import AT_START

Send = Callable[..., None]
"""Sends the name and the values of a message to the process that watches; any thread may call it."""
_LOOK = 0.05
"""Seconds between looks at a process where the system cannot tell when it ends."""
_SET_PARENT_DEATH_SIGNAL = 1
"""Of Linux's ``prctl``."""


@dataclass(frozen=True)
class Order:
    """What a new process is to do."""

    run: Callable[..., None]
    given: tuple[Any, ...]
    environment: Mapping[str, str]
    temporary: str
    """The folder for temporary files; who gave it removes it."""
    network: bool


def begin(pipe: Connection, output: Connection, order: Order) -> None:
    """Guard a process that runs the order, where processes can be forked; else run it here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    if not hasattr(os, "fork"):
        threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
        _work(pipe, output, order)
    os.setsid()
    adopt()
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    guard = os.getpid()
    worker = os.fork()
    if worker:
        output.close()
        _guard(worker, pipe)
    os.setsid()  # a signal to its own group ends neither its guard nor anybody else
    _end_with(guard)
    _work(pipe, output, order)


def _guard(worker: int, pipe: Connection) -> NoReturn:
    """Wait until the work or whoever asked for it has ended, end what is left, and end in the same way."""
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(worker, signal.SIGUSR1))
    handle = os.pidfd_open(worker) if hasattr(os, "pidfd_open") else None
    while (status := _ended(worker)) is None:
        wait([pipe] if handle is None else [pipe, handle], _LOOK if handle is None else None)
        if pipe.poll():  # nothing is ever sent: its other end is closed
            _kill_below()
            os._exit(1)
    _kill_below()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


def _ended(worker: int) -> int | None:
    """Return the status of the worker once it has ended; what it left and has ended is let go."""
    while True:
        try:
            found, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 1 << 8  # somebody else took the status
        if found == worker:
            return status
        if not found:
            return None


def _kill_below() -> None:
    """End all processes below this one, those too that they start meanwhile."""
    import psutil

    here = psutil.Process()
    while below := [one for one in here.children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]:
        for process in below:
            with suppress(psutil.Error):
                process.kill()
        for process in below:
            with suppress(psutil.Error):
                process.wait(1)


def _end_with(guard: int) -> None:
    """Let the system end this process with its guard, which may be killed too; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(1)


def _work(pipe: Connection, output: Connection, order: Order) -> NoReturn:
    _settle(output, order)
    if not order.network:
        refuse_network()
    lock = threading.Lock()

    def send(what: str, *given: Any) -> None:
        with lock:
            pipe.send((what, *given))

    try:
        order.run(send, *order.given)
    except BaseException as error:
        traceback.print_exc()
        flush()
        _LEAVE(error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1)
    flush()
    send("finished")
    while True:
        threading.Event().wait()  # to be ended by whoever started this one, who can still see what it started


def _settle(output: Connection, order: Order) -> None:
    gc.freeze()  # what was imported before stays: to look for garbage in it would take half a second of every job
    gc.enable()
    # what Python and OpenMP read when they start cannot be changed any more: it is told as it is
    kept = {name: os.environ[name] for name in AT_START if name in os.environ}
    os.environ.clear()
    os.environ.update({name: value for name, value in order.environment.items() if name not in AT_START} | kept)
    os.environ["TMPDIR"] = tempfile.tempdir = order.temporary
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable(file=2)
    _tell_exit()
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, file=2)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # where memory ends before the limit, this process goes first
    except OSError:
        pass


_LEAVE = os._exit


def _tell_exit() -> None:
    """Let this process print where it stands when it is ended from within: no exception and no signal would tell."""
    me = os.getpid()

    def exit_here(status: int) -> NoReturn:
        if os.getpid() == me:  # processes that it starts end so as a matter of course
            faulthandler.dump_traceback(file=2)
        _LEAVE(status)

    os._exit = exit_here


def _end_with_parent(pipe: Connection) -> None:
    try:
        pipe.recv()  # nothing ever comes
    except (EOFError, OSError):
        import psutil

        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
        _LEAVE(1)
