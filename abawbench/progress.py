"""How a run tells what it is doing; this one says nothing, the command line draws bars."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

T = TypeVar("T")
Advance = Callable[[int], None]


class JobsShown:
    """Is told how the jobs of a run stand; this one shows nothing."""

    def running(self, numbers: Iterable[int]) -> None:
        """Hear which jobs are at work now; of those that have not ended the others wait."""

    def ended(self, number: int, status: str) -> None:
        """Hear that a job has ended, ``ok`` or otherwise."""


class Progress:
    """Receives what a run reports. Subclass it to show something."""

    def note(self, text: str) -> None:
        """Say one line."""

    def bar(self, what: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        """Return a context that gives ``advance(steps)`` for a bar of ``total`` steps named ``what``."""
        return nullcontext(lambda steps: None)

    def jobs(self, names: Mapping[int, str]) -> AbstractContextManager[JobsShown]:
        """Return a context that gives what is told how jobs stand, by number, which are done side by side."""
        return nullcontext(JobsShown())

    def report(self, done: int, total: int, what: str) -> None:
        """Say that ``done`` of ``total`` steps of ``what`` are behind us, for work that cannot be iterated here."""

    def track(self, items: Iterable[T], what: str, total: int, unit: str) -> Iterator[T]:
        """Yield the items while a bar advances by one for each."""
        with self.bar(what, total, unit) as advance:
            for item in items:
                yield item
                advance(1)
