"""Calls to other machines are seen and refused while a plugin is checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from abawbench.system.audit import audited


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Refuse connections and look-ups of names in the whole process; yield the list of those that were tried."""
    calls: list[str] = []

    def refuse(event: str, given: tuple[Any, ...]) -> None:
        if not event.startswith("socket."):
            return
        from abawbench.system.network import elsewhere

        if host := elsewhere(event, given):
            calls.append(host)
            raise ConnectionRefusedError(f"no network while a plugin is checked: {host}")

    with audited(refuse):
        yield calls
