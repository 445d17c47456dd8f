"""Where a job is: the phase it is in, the plugin at work, who took part so far, and the seconds of each phase."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from abawbench.plugins import Plugin

READ = "read"
"""The first phase: names are resolved, files are listed."""

Listener = Callable[[str, Plugin | None, tuple[Plugin, ...]], None]
"""Hears of each phase as it begins: its name, the plugin at work, and those that took part so far."""


class Journal:
    """What a job does, kept while it does it: whoever is at work when it ends without a result is to blame."""

    def __init__(self, listener: Listener = lambda phase, plugin, took_part: None) -> None:
        self.phase = READ
        self.plugin: Plugin | None = None
        self.took_part: tuple[Plugin, ...] = ()
        self.seconds: dict[str, float] = {}
        self._listener = listener

    def of_kind(self, kind: str) -> Plugin | None:
        """Return the plugin of a kind that took part, None before it has."""
        return next((plugin for plugin in self.took_part if plugin.kind == kind), None)

    def enter(self, phase: str, plugin: Plugin | None = None) -> None:
        """Begin a phase, with a plugin at work."""
        self.phase, self.plugin = phase, plugin
        if plugin is not None and plugin not in self.took_part:
            self.took_part = (*self.took_part, plugin)
        self._listener(phase, plugin, self.took_part)

    @contextmanager
    def time_phase(self, phase: str, plugin: Plugin | None = None) -> Iterator[None]:
        """Begin a phase and add the time inside to it."""
        self.enter(phase, plugin)
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + perf_counter() - start
