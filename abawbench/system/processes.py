"""How new processes start, and the same work on many things in several of them."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import current_process, get_context
from typing import Literal, TypeVar

Waiting = Literal["passive", "active"]
AT_START = ("PYTHONHASHSEED", "OMP_WAIT_POLICY")
"""What a process reads when it starts, and never again."""
BUSY = 0.5
"""Load from which other work is at hand on a machine."""


def choose_waiting(at_once: int) -> Waiting | None:
    """Return how threads of new processes wait for each other, None where the user has chosen.

    Threads that wait by spinning are quick alone, and keep each other off the cores where other work runs.
    """
    if "OMP_WAIT_POLICY" in os.environ:
        return None
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else BUSY
    return "passive" if at_once > 1 or load >= BUSY else "active"


@contextmanager
def safe_start(waiting: Waiting | None = None, temporary: str | None = None) -> Iterator[None]:
    """Let Python processes that are started inside import nothing from the working folder, and ``hash()`` repeat."""
    wanted = {"PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "0"}
    if waiting is not None:
        wanted["OMP_WAIT_POLICY"] = waiting.upper()
    if temporary is not None:
        wanted["TMPDIR"] = temporary
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int, chunk: int = 1
) -> Generator[Result, None, None]:
    """Yield the result of each item, in order; ``work`` and the items must be picklable.

    ``chunk`` items are sent at a time. With one process or one item, in a process that may have no children, and in a
    script without a main guard, which a new process cannot import, the work is done here. Close the generator to stop.
    """
    done = 0
    if processes > 1 and len(items) > 1 and not current_process().daemon:
        with ProcessPoolExecutor(min(processes, len(items)), mp_context=get_context("spawn")) as pool:
            try:
                with safe_start():  # all of them are started at once
                    results = pool.map(work, items, chunksize=chunk)
                for result in results:
                    done += 1
                    yield result
            except BrokenProcessPool:
                pass
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    yield from map(work, items[done:])
