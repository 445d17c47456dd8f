"""Calls to the network are seen and refused while a plugin is checked."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_EVENTS = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}
"""Audit event -> which of its arguments is the address."""
_calls: list[str] | None = None
_installed = False


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Refuse connections and look-ups of names in the whole process; yield the list of those that were tried.

    Sockets between processes of this machine (paths, not addresses) are let through.
    """
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


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if _calls is None or event not in _EVENTS:
        return
    address = arguments[_EVENTS[event]]
    if event.startswith("socket.get"):
        where = str(address)
    elif isinstance(address, tuple):
        where = ":".join(map(str, address[:2]))
    else:
        return
    _calls.append(where)
    raise ConnectionRefusedError(f"no network while a plugin is checked: {where}")
