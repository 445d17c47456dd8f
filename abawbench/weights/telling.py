"""To whom a fetch says what it is doing, wherever it was asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from abawbench.progress import Progress

_progress: ContextVar[Progress | None] = ContextVar("fetching", default=None)


@contextmanager
def report_fetching(progress: Progress) -> Iterator[None]:
    """Let what is fetched inside be reported to ``progress``."""
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


def current() -> Progress:
    """Return who is told; one that says nothing where nobody is."""
    return _progress.get() or Progress()


def bar_class(what: str) -> type[Any]:
    """Return a class that stands for tqdm's and draws in our own progress."""
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        """Draws nothing itself."""

        def __init__(self, *args: Any, **options: Any) -> None:
            total, initial = options.get("total"), options.get("initial") or 0
            self._context = current().bar(what, total, "B") if total else None
            self._advance: Callable[[int], None] = self._context.__enter__() if self._context else lambda steps: None
            super().__init__(*args, **{**options, "disable": True})
            self._advance(initial)

        def update(self, n: float | None = 1) -> None:
            self._advance(int(n or 0))

        def close(self) -> None:
            if self._context:
                self._context.__exit__(None, None, None)
                self._context = None
            super().close()

    return Bar
