"""What code does to the system, seen by Python's audit hook."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Hook: TypeAlias = Callable[[str, tuple[Any, ...]], None]
_active: list[Hook] = []
_installed = False


def watch(hook: Hook) -> None:
    """Call ``hook`` with every audit event for the rest of this process; what it raises refuses the event."""
    global _installed
    if not _installed:
        # an audit hook cannot be taken back, so it is there once and looks at nothing when none is active
        sys.addaudithook(_dispatch)
        _installed = True
    _active.append(hook)


@contextmanager
def audit_hook(hook: Hook) -> Iterator[None]:
    """Do the same inside, the innermost first; the process goes on as before."""
    watch(hook)
    try:
        yield
    finally:
        _active.remove(hook)


def _dispatch(event: str, given: tuple[Any, ...]) -> None:
    for hook in reversed(_active):
        hook(event, given)
