"""What a job in a process of its own may take, and what it is taking."""

import contextlib
import ctypes
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

GENEROUS = 24 * 3600.0
"""Seconds a job may take unless told otherwise."""
SHARE = 0.8
"""Of the memory that is free at the start, for all jobs together, unless told otherwise."""
_REFRESH = 1.0
"""Seconds between looks for new processes of a job: a look reads all processes of the machine."""
_FLUSH = 0.5
"""Seconds."""
_SET_CHILD_SUBREAPER = 36
"""Of Linux's ``prctl``."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many jobs at once, and what each may take."""

    jobs: int = 1
    seconds: float | None = GENEROUS
    """From the moment the job is begun; None for no limit."""
    memory: int | None = None
    """Bytes of memory of its own that a job's processes may hold together; None for its share of what is free."""
    network: bool = False
    """Whether jobs may reach other machines."""

    def bytes(self) -> int:
        """Return the bytes a job may hold."""
        if self.memory is not None:
            return self.memory
        import psutil

        return int(SHARE * psutil.virtual_memory().available / self.jobs)


class Tree:
    """The processes below one that guards them."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._root = psutil.Process(pid)
        # without a guard it does the work itself
        self._known = set() if hasattr(os, "fork") else {self._root}
        self._looked = float("-inf")

    def look(self) -> None:
        """Find new processes, unless that was done a moment ago; they stay known when their parent ends."""
        import psutil

        if time.monotonic() - self._looked > _REFRESH:
            self._looked = time.monotonic()
            with contextlib.suppress(psutil.Error):
                self._known |= set(self._root.children(recursive=True))

    def bytes(self) -> int:
        """Return the memory that only these processes hold: files that are mapped can be dropped and do not count."""
        self.look()
        return sum(_own_bytes(process.pid) for process in self._known)

    def kill(self) -> None:
        """End them all, at once."""
        import psutil

        self._looked = float("-inf")
        self.look()
        for process in self._known:
            # psutil compares the time of birth, so a number that was given away again is safe
            with contextlib.suppress(psutil.Error):
                process.kill()


def adopt() -> None:
    """Become the parent of processes below this one whose own parent ends, so that ``Tree`` finds them; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def flush() -> None:
    """Write out what Python and C hold back of this process's output, which is then ended and cannot.

    A thread of a plugin may hold a stream for ever, so that takes half a second at most.
    """
    thread = threading.Thread(target=_flush, daemon=True)
    thread.start()
    thread.join(_FLUSH)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a plugin may have put something else there
            stream.flush()
    if sys.platform != "win32":
        ctypes.CDLL(None).fflush(None)


def _own_bytes(pid: int) -> int:
    try:
        rows = Path(f"/proc/{pid}/status").read_text().splitlines()
        found = dict(row.split(":", 1) for row in rows if row.startswith(("RssAnon:", "RssShmem:", "VmSwap:")))
        if found:
            return sum(int(value.split()[0]) * 1024 for value in found.values())
    except (OSError, ValueError):
        pass
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
