"""What a check is, how a breach of the contract is told, and which checks there are for a kind of plugin."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import SkipTest

from abawbench.plugins import KINDS, Plugin, Plugins, one_line
from abawbench.system.network import network_watched

PAGES = {kind: f"docs/contracts/{kind}.md" for kind in KINDS}
"""Kind -> the page that explains its contract."""
MODULES = {"task": "tasks", "database": "databases", "model": "models", "metric": "metrics", "runtime": "runtimes"}


class Breach(AssertionError):
    """A plugin does not keep its contract; the text says what was expected, what came, and which page explains it."""

    def __init__(self, expected: str, came: str, page: str = "") -> None:
        self.expected, self.came, self.page = expected, came, page
        super().__init__(f"expected {expected}; came {came}" + (f"; see {page}" if page else ""))


@dataclass(frozen=True)
class Subject:
    """A plugin under check."""

    plugin: Plugin
    plugins: Plugins
    roots: tuple[Path, ...] = ()
    """Where a copy of a database lies, for a plugin that reads one."""

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the plugin's builder gives."""
        return self.plugin.build(*args, **kwargs)


@dataclass(frozen=True)
class Check:
    """One promise of a contract. Calling it with a plugin's name raises Breach when the promise is not kept."""

    kind: str
    name: str
    promise: str
    function: Callable[[Subject], None]

    def __str__(self) -> str:
        return self.name

    def __call__(self, plugin: str, roots: Sequence[Path] = (), plugins: Plugins | None = None) -> None:
        """Check an installed plugin by its name. A promise that it has no part in raises ``unittest.SkipTest``."""
        known = plugins or Plugins()
        self.on(Subject(known.get(self.kind, plugin), known, tuple(roots)))

    def on(self, subject: Subject) -> None:
        """Check a plugin. Raises Breach and nothing else, or ``unittest.SkipTest``."""
        page = PAGES[self.kind]
        try:
            with network_watched() as calls:
                self.function(subject)
        except SkipTest:
            raise
        except Breach as breach:
            raise Breach(breach.expected, breach.came, page) from breach
        except Exception as error:
            # a call to the network is told as such, whatever the plugin made of its refusal
            if not calls:
                raise Breach(f"that {self.promise}", f"{one_line(error)}{_place(error)}", page) from error
        if calls:
            raise Breach("no network call that nobody asked for", f"a call to {calls[0]}", page)


@dataclass(frozen=True)
class CheckResult:
    """What became of a check: ``passed``, ``failed``, ``skipped`` or ``not run``."""

    plugin: str
    check: str
    status: str
    expected: str = ""
    came: str = ""
    page: str = ""


def checks(kind: str) -> list[Check]:
    """Return the checks of a kind: task, database, model, metric or runtime."""
    module = import_module(f"abawbench.testing.{MODULES[kind]}")
    common = import_module("abawbench.testing.declared")
    return [Check(kind, *each) for each in (*common.CHECKS, *module.CHECKS)]


def expect(condition: object, expected: str, came: object) -> None:
    """Return nothing. Raises Breach unless the condition holds."""
    if not condition:
        raise Breach(expected, str(came))


def _place(error: BaseException) -> str:
    """Where the plugin raised: the last line outside abawbench."""
    ours = Path(__file__).parents[1]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not Path(f.filename).is_relative_to(ours)]
    return f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
