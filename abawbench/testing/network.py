"""Calls to other machines are seen and refused while a plugin is checked."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_calls: list[str] | None = None
_installed = False


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Refuse connections and look-ups of names in the whole process; yield the list of those that were tried."""
    global _calls, _installed
    if not _installed:
        # an audit hook cannot be taken back, so it is there once and looks at nothing outside
        sys.addaudithook(_refuse)
        _installed = True
    before, _calls = _calls, []
    try:
        yield _calls
    finally:
        _calls = before


def _refuse(event: str, given: tuple[Any, ...]) -> None:
    if _calls is None or not event.startswith("socket."):
        return
    from abawbench.harness.no_network import elsewhere

    if host := elsewhere(event, given):
        _calls.append(host)
        raise ConnectionRefusedError(f"no network while a plugin is checked: {host}")
