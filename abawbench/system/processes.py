"""The same work on many things, in several processes where that is possible."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import current_process, get_context
from typing import TypeVar

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
                for result in pool.map(work, items, chunksize=chunk):
                    done += 1
                    yield result
            except BrokenProcessPool:
                pass
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    yield from map(work, items[done:])
