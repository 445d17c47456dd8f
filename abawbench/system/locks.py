"""Folders that several processes use at once: who works there, and what those that were killed left behind.

A lock is an advisory lock on the folder itself: it ends with its process however that ends, and leaves no file. Where a
file system cannot lock a folder (NFS), a file beside it is locked; where locks do not hold, or hold on one machine only
(most of FUSE, drives of Windows), that file is a lease which its holder renews, and which ends a minute after its
holder did. Whatever happens to a lock, files are renamed whole.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LEASE = 60.0
"""Seconds after which the lease of a process that has ended is anybody's; it is renewed thrice as often."""
_HERE_ONLY = {"9p", "virtiofs", "cifs", "smb3", "smbfs", "afs", "ceph-fuse"}
"""File systems, besides those of FUSE, whose locks other machines may not see."""
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class _Hold:
    """A lock that is held."""

    release: Callable[[], None]


_Answer = _Hold | Literal["taken", "gone"] | None
"""What comes of asking for a lock: ``taken`` by somebody else, ``gone`` with its folder, None where there are none."""


@contextmanager
def hold_alone(folder: Path, waits: Callable[[bool], None] = lambda waiting: None) -> Iterator[bool]:
    """Hold a folder alone, made if need be, and yield whether that is sure.

    ``waits(True)`` is called when somebody else holds it, ``waits(False)`` once it is free.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        answer = _ask(folder, wait=False)
        if answer == "taken":
            waits(True)
            answer = _ask(folder, wait=True)
            waits(False)
        if isinstance(answer, str):
            continue  # whoever held it removed it at the end
        try:
            yield answer is not None
            return
        finally:
            if answer is not None:
                answer.release()


@contextmanager
def hold_shared(folder: Path, sweep: Callable[[], None]) -> Iterator[None]:
    """Hold a folder, made if need be, as one of many; whoever finds nobody there calls ``sweep()`` first.

    Where a folder cannot be locked itself nothing is swept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = _open(folder)
    try:
        if _lock(handle, alone=True, wait=False) and not is_local_only(folder):
            sweep()
        _lock(handle, alone=False, wait=True)
        yield
    finally:
        _close(handle)


def remove_abandoned(folder: Path) -> bool:
    """Remove a folder whose maker, which holds it with ``hold_alone``, has ended; return whether that is so.

    It is held meanwhile: a maker that has not yet held it waits, and makes it anew. What is no folder stays.
    """
    if folder.is_symlink() or not folder.is_dir():
        return False
    try:
        answer = _ask(folder, wait=False)
    except OSError:
        return False
    if answer is None or isinstance(answer, str):
        return False
    try:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        answer.release()


def is_local_only(folder: Path) -> bool:
    """Return whether locks in a folder may hold on this machine only, by the kind of its file system."""
    try:
        return _holds_here_only(_MOUNTS.read_text(), os.fspath(folder.resolve()))
    except OSError:  # not Linux
        return False


def _holds_here_only(mounts: str, path: str) -> bool:
    """Return the same by the table of mounts, of which the last one that holds the path counts."""
    best, found = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        inside = path == place or path.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, found = place, f"{after} {fields[5]}"
    kind, _, rest = found.partition(" ")
    options = set(re.split(r"[ ,]", rest))
    if kind.startswith("nfs"):
        return bool(options & {"nolock", "local_lock=all", "local_lock=flock"})
    if kind == "lustre":
        return "flock" not in options
    return kind in _HERE_ONLY or (kind.startswith("fuse") and kind != "fuseblk")


def _ask(folder: Path, *, wait: bool) -> _Answer:
    """Ask for a lock in the ways there are, which are the same for all who use the folder by one kind of mount."""
    if fcntl is not None and not is_local_only(folder):
        for way in (_by_folder, _by_file):
            if (answer := way(folder, wait)) is not None:
                return answer
    return _by_lease(folder, wait)


def _by_folder(folder: Path, wait: bool) -> _Answer:
    try:
        handle = _open(folder)
    except FileNotFoundError:  # whoever held it removed it just now
        return "gone"
    return _hold(handle, folder, wait)


def _by_file(folder: Path, wait: bool) -> _Answer:
    """Lock a file that is open to be written, which NFS asks for."""
    path = _beside(folder)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except FileNotFoundError:
        return "gone"
    except OSError:
        return None
    answer = _hold(handle, path, wait)
    if not isinstance(answer, _Hold):
        return answer
    close = answer.release

    def release() -> None:
        path.unlink(missing_ok=True)  # while it is held: who waited for it sees that it is another
        close()

    return _Hold(release)


def _by_lease(folder: Path, wait: bool) -> _Answer:
    from filelock import SoftFileLease, Timeout

    lease = SoftFileLease(_beside(folder), lease_duration=LEASE, heartbeat_interval=LEASE / 3, timeout=0, mode=0o666)
    try:
        lease.acquire(timeout=-1 if wait else 0, poll_interval=0.2)
    except Timeout:
        return "taken"
    except OSError:  # a folder that cannot be written to
        return None

    def release() -> None:
        with suppress(OSError):
            lease.release()

    return _Hold(release)


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _hold(handle: int | None, path: Path, wait: bool) -> _Answer:
    """Lock what is open, and see that it still has its name."""
    answer: _Answer = None
    try:
        locked = _lock(handle, alone=True, wait=wait)
        if locked is False:
            answer = "taken"
        elif locked:
            answer = _Hold(lambda: _close(handle)) if _still(handle, path) else "gone"
    finally:
        if not isinstance(answer, _Hold):
            _close(handle)
    return answer


def _open(folder: Path) -> int | None:
    # as a folder only: to open a FIFO would wait for whoever writes to it
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if fcntl else None


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _still(handle: int | None, path: Path) -> bool:
    """Return whether the path leads to what was opened."""
    try:
        return handle is not None and os.path.samestat(os.fstat(handle), os.stat(path))
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
