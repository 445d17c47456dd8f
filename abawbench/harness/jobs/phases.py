"""The phases of a job: each timed for the record, the one that goes on told to whoever watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

READ = "read"
"""The first phase: names are resolved, files are listed."""


def _nobody(name: str) -> None:
    pass


class _Now:
    phase: str = READ
    tell: Callable[[str], None] = staticmethod(_nobody)


def begin(tell: Callable[[str], None] = _nobody) -> None:
    """Start a job: no phase is behind it, and ``tell(name)`` is called as each begins."""
    _Now.phase, _Now.tell = READ, staticmethod(tell)


def current() -> str:
    """Return the phase that began last in this process; it is the one to blame when a job ends without a result."""
    return _Now.phase


def enter(name: str) -> None:
    """Begin a phase that is not timed."""
    _Now.phase = name
    _Now.tell(name)


@contextmanager
def phase(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the time inside to a phase."""
    enter(name)
    start = perf_counter()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + perf_counter() - start
