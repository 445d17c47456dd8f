"""No network without being asked: connections to other machines are refused in a job's process and in a command's.

A guard against what happens by accident, not a prison: code below Python does not pass here, such as ctypes, libraries
in C that open their own sockets, and other programs; nor is listening refused.
"""

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from abawbench.contracts.errors import PluginError
from abawbench.system.audit import audit_hook, watch

CONSENT = "ABAWBENCH_NETWORK"
"""The variable that allows connections, ``1``, or refuses them, ``0``; what a command starts inherits it."""
_ADDRESSED = ("socket.connect", "socket.sendto", "socket.sendmsg")
"""Events of Python's audit table that have a socket and then an address."""
_NAMED = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
"""Those that begin with a host, or with an address."""


def refuse_network() -> None:
    """Refuse, for the rest of this process, every connection to another machine with a PluginError that names it."""
    watch(_guard)


@contextmanager
def network_refused(*, unless: bool = False) -> Iterator[None]:
    """Refuse the same inside, unless it is allowed; the process goes on as before."""
    with consent_for(unless), nullcontext() if unless else audit_hook(_guard):
        yield


@contextmanager
def consent_for(allowed: bool) -> Iterator[None]:
    """Let what is started inside know whether connections are allowed."""
    before, os.environ[CONSENT] = os.environ.get(CONSENT), "1" if allowed else "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[CONSENT]
        else:
            os.environ[CONSENT] = before


@contextmanager
def network_watched() -> Iterator[list[str]]:
    """Refuse connections and look-ups of names inside; yield the list of the machines that were asked for."""
    calls: list[str] = []

    def note(event: str, given: tuple[Any, ...]) -> None:
        if host := other_machine(event, given):
            calls.append(host)
            raise ConnectionRefusedError(f"no network while a plugin is checked: {host}")

    with audit_hook(note):
        yield calls


def _guard(event: str, given: tuple[Any, ...]) -> None:
    if host := other_machine(event, given):
        raise PluginError(f"network access to {host} was refused; --network allows it")


def other_machine(event: str, given: tuple[Any, ...]) -> str | None:
    """Return the other machine that an audit event is about, None for any other event."""
    host = _host(event, given) if event in (*_ADDRESSED, *_NAMED) else None
    return host if host and not _is_here(host) else None


def _host(event: str, given: tuple[Any, ...]) -> str | None:
    """Return the host of an event of Python's audit table, None where there is none, as for a socket in a folder."""
    host = given[1] if event in _ADDRESSED else given[0]
    if isinstance(host, tuple):
        host = host[0]
    elif event in _ADDRESSED:
        return None
    return host.decode(errors="replace") if isinstance(host, bytes) else host


def _is_here(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
