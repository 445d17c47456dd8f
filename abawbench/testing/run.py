"""All checks of a plugin in a process of its own: one that hangs, crashes or eats memory ends itself alone."""

import re
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any
from unittest import SkipTest

from abawbench.plugins import KINDS, Plugin, Plugins
from abawbench.system.inside import Send
from abawbench.system.supervised import TICK, Allowance, Supervised, prepare
from abawbench.testing.checks import PAGES, Breach, Check, CheckResult, Subject, checks
from abawbench.testing.followers import CHECK, PAGE, PROMISE, check_callback

ALLOWANCE = Allowance(
    seconds=120.0, memory=4 * 2**30, network=True, options=("--time-limit", "--memory-limit"), output=4 * 2**20
)
"""What one check may take; a check watches the network for itself."""
PLUGIN_PAGE = "docs/broken-plugins.md"


def run_checks(
    name: str,
    kind: str = "",
    roots: Sequence[Path] = (),
    allowance: Allowance = ALLOWANCE,
    finished: Callable[[CheckResult], None] = lambda result: None,
) -> list[CheckResult]:
    """Return the result of every check of every plugin of that name; none when there is no such plugin.

    ``name`` is a plugin's, ``distribution:name``, or a distribution's. ``finished`` is called with each result as it is
    there. A check that does not come back has failed, and those after it are ``not run``.
    """
    prepare([])
    found: list[CheckResult] = []

    def note(result: CheckResult) -> None:
        found.append(result)
        finished(result)

    # a plugin that ended its process is left, and those after it get a new one
    while True:
        running = _Running(note)
        skip = sorted({result.plugin for result in found})
        process = Supervised(_check, (name, kind, tuple(roots), skip), allowance, running.hear)
        running.process = process
        try:
            while process.go_on():
                wait(process.handles(), TICK)
        finally:
            process.stop()
        if process.finished:
            return found
        running.end(process.how_it_ended())


class _Running:
    """The checks of one process, seen from outside."""

    process: Supervised

    def __init__(self, note: Callable[[CheckResult], None]) -> None:
        self._note = note
        self._plan: list[tuple[str, str]] = []
        self._now = ("", "load", "it loads", PLUGIN_PAGE)

    def hear(self, what: str, *given: Any) -> None:
        """Take in a message of the process."""
        if what == "plan":
            self._plan = given[0]
        elif what == "starts":
            self._now = given[0]
            self.process.start_clock()
        else:
            result = given[0]
            self._plan = [each for each in self._plan if each != (result.plugin, result.check)]
            self._note(result)

    def end(self, how: str) -> None:
        """Note how the check ended that ended the process, and those of its plugin that did not run."""
        plugin, check, promise, page = self._now
        said = _last_line(self.process.log.end) if self.process.ended_itself else ""
        self._note(
            CheckResult(
                plugin, check, "failed", f"that {promise}", how + (f"; it last said: {said}" if said else ""), page
            )
        )
        for owner, left in self._plan:
            if owner == plugin and left != check:
                self._note(CheckResult(owner, left, "not run"))


def _last_line(printed: bytes) -> str:
    """The last line that it printed itself, before the stacks that faulthandler writes."""
    own = re.split(rb"^(?:Fatal Python error|(?:Current t|T)hread 0x)", printed, maxsplit=1, flags=re.MULTILINE)[0]
    lines = own.decode("utf-8", "replace").strip().splitlines()
    return "".join(c for c in lines[-1] if c.isprintable())[:200] if lines else ""


def _check(send: Send, name: str, kind: str, roots: tuple[Path, ...], skip: Sequence[str]) -> None:
    """Check every plugin that is meant, in the new process."""
    plugins = Plugins()
    for failure in plugins.failures:
        if not skip and name in (failure.entry_point, failure.distribution):
            send(
                "result",
                CheckResult(failure.entry_point, "load", "failed", "that it loads", failure.error, PLUGIN_PAGE),
            )
    found = [plugin for plugin in _find_named(plugins, name, kind) if str(plugin) not in skip]
    followers = [one for one in plugins.callbacks() if one.distribution == name and str(one) not in skip and not kind]
    plan = [(str(plugin), check.name) for plugin in found for check in checks(plugin.kind)]
    send("plan", [*plan, *((str(one), CHECK) for one in followers)])
    for plugin in found:
        subject = Subject(plugin, plugins, roots)
        for check in checks(plugin.kind):
            send("starts", (str(plugin), check.name, check.promise, PAGES[check.kind]))
            send("result", _try(check, subject))
    for one in followers:
        send("starts", (str(one), CHECK, PROMISE, PAGE))
        send("result", check_callback(one))


def _try(check: Check, subject: Subject) -> CheckResult:
    try:
        check.on(subject)
    except SkipTest as reason:
        return CheckResult(str(subject.plugin), check.name, "skipped", check.promise, str(reason))
    except Breach as breach:
        return CheckResult(str(subject.plugin), check.name, "failed", breach.expected, breach.came, breach.page)
    return CheckResult(str(subject.plugin), check.name, "passed", check.promise)


def _find_named(plugins: Plugins, name: str, kind: str) -> list[Plugin]:
    distribution, _, bare = name.rpartition(":")
    every = [plugin for each in ([kind] if kind else KINDS) for plugin in plugins.all(each)]
    found = [p for p in every if p.name == bare and distribution in ("", p.distribution)]
    return found or [p for p in every if p.distribution == name]
