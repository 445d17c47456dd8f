"""Memory that stays: what makes one process as fast as the next.

The C library gives large blocks back to the system and asks for them again, or keeps them, by where the heap happens to
end. In one process a network's every call then meets thousands of page faults, in the next none: its time differs by
half, and that of the reference workload by another share.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Numbers of glibc's ``mallopt`` (malloc.h)."""
NEVER = 2**30
USUAL = {MMAP_MAX: 65_536, TRIM_THRESHOLD: 64 * 2**20}
"""How it is left: glibc's own number of mapped blocks, and the most its rule for the threshold arrives at."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process for a while, so that calls after the first meet no page faults.

    Does nothing where the C library is not glibc.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        yield
        return
    library.mallopt(MMAP_MAX, 0)
    library.mallopt(TRIM_THRESHOLD, NEVER)
    try:
        yield
    finally:
        for option, number in USUAL.items():
            library.mallopt(option, number)
        library.malloc_trim(0)
