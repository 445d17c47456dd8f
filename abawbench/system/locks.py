"""Folders that several processes use at once: who works there, and what those that were killed left behind.

A lock is an advisory lock on the folder itself: it ends with its process however that ends, and leaves no file. Where
the system has none (Windows, some network drives) nothing waits and nothing is swept; files are still renamed whole.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def hold_alone(folder: Path, waits: Callable[[bool], None] = lambda waiting: None) -> Iterator[bool]:
    """Hold a folder alone, made if need be, and yield whether that is sure.

    ``waits(True)`` is called when somebody else holds it, ``waits(False)`` once it is free.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = _open(folder)
        except FileNotFoundError:  # whoever held it removed it just now
            continue
        try:
            held = _lock(handle, alone=True, wait=False)
            if held is False:
                waits(True)
                held = _lock(handle, alone=True, wait=True)
                waits(False)
            if held and not _still(handle, folder):
                continue  # whoever held it removed it at the end
            yield held is True
            return
        finally:
            _close(handle)


@contextmanager
def hold_shared(folder: Path, sweep: Callable[[], None]) -> Iterator[None]:
    """Hold a folder, made if need be, as one of many; whoever finds nobody there calls ``sweep()`` first."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = _open(folder)
    try:
        if _lock(handle, alone=True, wait=False):
            sweep()
        _lock(handle, alone=False, wait=True)
        yield
    finally:
        _close(handle)


def remove_abandoned(folder: Path) -> bool:
    """Remove a folder whose maker, which holds it with ``hold_alone``, has ended; return whether that is so.

    It is held meanwhile: a maker that has not yet held it waits, and makes it anew. What is no folder stays.
    """
    try:
        handle = _open(folder)
    except OSError:
        return False
    try:
        if not _lock(handle, alone=True, wait=False) or not _still(handle, folder):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        _close(handle)


def _open(folder: Path) -> int | None:
    # as a folder only: to open a FIFO would wait for whoever writes to it
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if fcntl else None


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _still(handle: int | None, folder: Path) -> bool:
    """Return whether the folder is the one that was opened."""
    try:
        return handle is not None and os.path.samestat(os.fstat(handle), os.stat(folder))
    except FileNotFoundError:
        return False


def _lock(handle: int | None, *, alone: bool, wait: bool) -> bool | None:
    """Return whether the lock is held, None where this file system has no locks."""
    if handle is None:
        return None
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
