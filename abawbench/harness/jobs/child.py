"""The process of one job: it reports over a pipe, prints into another, and ends with the one that started it."""

import faulthandler
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from abawbench.harness.jobs.failures import About, Failure
from abawbench.harness.jobs.isolation import Orders
from abawbench.harness.jobs.worker import Watcher, run_one
from abawbench.harness.measure.cost import CostMeter
from abawbench.harness.request.databases import Databases
from abawbench.plugins import Plugin
from abawbench.progress import Advance, Progress
from abawbench.system.limits import adopt, flush
from abawbench.system.network import refuse_network

_LONGEST = 2000
"""Characters of one message: a text that a plugin made must not fill the pipe."""
_EVERY = 0.05
"""Seconds between two reports of one bar."""


def main(pipe: Connection, output: Connection, orders: Orders) -> None:
    """Run the job and report how it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    _settle(output, orders)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    report = _Report(pipe)
    work = orders.work
    meter = CostMeter(**work.costs)
    for known in orders.speeds:
        meter.speeds |= pickle.loads(known)  # from a process of this run
    before = set(meter.speeds)
    if not orders.network:
        refuse_network()
    databases = Databases(work.plugins, work.roots, work.generated, report, orders.job.protocol.readings)
    outcome = run_one(orders.job, work, databases, meter, report, report)
    speeds = {kind: speed for kind, speed in meter.speeds.items() if kind not in before}
    flush()
    if isinstance(outcome, Failure):
        report.send("failed", replace(outcome, what=outcome.what[:_LONGEST]))
    else:
        report.send("done", pickle.dumps(speeds))
    threading.Event().wait()  # to be ended by whoever started this one, who can still see what it started


def _settle(output: Connection, orders: Orders) -> None:
    os.environ.clear()
    os.environ.update(orders.environment)
    os.environ["TMPDIR"] = tempfile.tempdir = orders.temporary
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable(file=2)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, file=2)
    adopt()
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # where memory ends before the limit, the job goes first
    except OSError:
        pass


def _end_with_parent(pipe: Connection) -> None:
    try:
        pipe.recv()  # nothing ever comes
    except (EOFError, OSError):
        import psutil

        with suppress(psutil.Error):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    process.kill()
        os._exit(1)


class _Report(Progress, Watcher):
    """Sends what goes on to the process that started this one."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._bars = 0
        self._reported = ("", 0.0)

    def send(self, what: str, *given: Any) -> None:
        """Send one message."""
        with self._lock:
            self._pipe.send((what, *given))

    def opened(self, about: About) -> None:
        self.send("opened", about)

    def phase(self, name: str, plugin: Plugin | None, took_part: tuple[Plugin, ...]) -> None:
        self.send("phase", name, plugin, took_part)

    def waits(self, waiting: bool) -> None:
        self.send("waits", waiting)

    def note(self, text: str) -> None:
        self.send("note", text[:_LONGEST])

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[Advance]:
        self._bars += 1
        key, waiting, sent = self._bars, 0, time.monotonic()

        def advance(steps: int) -> None:
            nonlocal waiting, sent
            waiting += steps
            if time.monotonic() - sent > _EVERY:
                self.send("advance", key, waiting)
                waiting, sent = 0, time.monotonic()

        self.send("bar", key, what[:_LONGEST], total, unit)
        try:
            yield advance
        finally:
            self.send("close", key, waiting)

    def report(self, done: int, total: int, what: str) -> None:
        last, when = self._reported
        if what != last or done >= total or time.monotonic() - when > _EVERY:
            self._reported = what, time.monotonic()
            self.send("report", done, total, what[:_LONGEST])
