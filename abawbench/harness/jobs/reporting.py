"""One job in a process of its own, from the inside: it tells whoever watches what it does and how it went."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from abawbench.harness.jobs.failures import About, Failure
from abawbench.harness.request.jobs import Job, Work
from abawbench.plugins import Plugin
from abawbench.progress import Advance, Progress
from abawbench.system.inside import Send

_LONGEST = 2000
"""Characters of one message: a text that a plugin made must not fill the pipe."""
_EVERY = 0.05
"""Seconds between two reports of one bar."""


class Watcher:
    """Is told what a job does, besides its progress."""

    def opened(self, about: About) -> None:
        """Hear what the job is, once its files are opened."""

    def phase(self, name: str, plugin: Plugin | None, took_part: tuple[Plugin, ...]) -> None:
        """Hear that a phase begins, which plugin is at work, and which took part so far."""

    def waits(self, waiting: bool) -> None:
        """Hear that another run has the same job in hand, or that it let go."""


def run_reported(send: Send, job: Job, work: Work) -> None:
    """Run the job and send what happens."""
    # only here: who starts the process imports this module, and must not import torch
    from abawbench.harness.jobs.worker import Session, run_one

    report = Report(send)
    outcome = run_one(job, Session.open(work, job, report), report)
    if isinstance(outcome, Failure):
        send("failed", replace(outcome, what=outcome.what[:_LONGEST]))


class Report(Progress, Watcher):
    """Sends what goes on in a process to whoever watches it; ``Heard`` takes it in."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._bars = 0
        self._reported = ("", 0.0)

    def opened(self, about: About) -> None:
        """Send what the job is."""
        self._send("opened", about)

    def phase(self, name: str, plugin: Plugin | None, took_part: tuple[Plugin, ...]) -> None:
        """Send which phase begins."""
        self._send("phase", name, plugin, took_part)

    def waits(self, waiting: bool) -> None:
        """Send whether it waits."""
        self._send("waits", waiting)

    def note(self, text: str) -> None:
        """Send one line."""
        self._send("note", text[:_LONGEST])

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[Advance]:
        """Send a bar, and now and then how far it is."""
        self._bars += 1
        key, waiting, sent = self._bars, 0, time.monotonic()

        def advance(steps: int) -> None:
            nonlocal waiting, sent
            waiting += steps
            if time.monotonic() - sent > _EVERY:
                self._send("advance", key, waiting)
                waiting, sent = 0, time.monotonic()

        self._send("bar", key, what[:_LONGEST], total, unit)
        try:
            yield advance
        finally:
            self._send("close", key, waiting)

    def report(self, done: int, total: int, what: str) -> None:
        """Send how far work is, now and then."""
        last, when = self._reported
        if what != last or done >= total or time.monotonic() - when > _EVERY:
            self._reported = what, time.monotonic()
            self._send("report", done, total, what[:_LONGEST])
