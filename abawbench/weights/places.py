"""What every place that weights come from has in common: what was found there, and why nothing was."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from abawbench.contracts.errors import UsageError

PATIENCE = 10.0
"""Seconds to wait for an answer, and for the next bytes of one."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The files of a source on this machine."""

    files: dict[str, Path] = field(default_factory=dict)
    """Name at the origin -> path; the first holds the parameters."""
    commit: str | None = None
    """Of a repository, or the version of a package."""


def refuse_foreign(path: Path, what: str) -> None:
    """Raise UsageError for what a server gives in place of a file: nothing, a page, a pointer to a large file."""
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if not start:
        raise UsageError(f"{what}: what came is empty; ask whoever keeps it, or fetch it again later")
    if start.startswith((b"<!doctype html", b"<html")):
        raise UsageError(f"{what}: what came is a web page, not the file; a login or a proxy may stand before it")
    if start.startswith(b"version https://git-lfs"):
        raise UsageError(f"{what}: what came is the pointer of a large file, not the file; ask whoever keeps it")


def reason(error: BaseException) -> str:
    """Return in a few words why a connection failed, from the error or from what caused it."""
    chain = list(_chain(error))
    names = {kind.__name__ for one in chain for kind in type(one).__mro__}
    text = " ".join(str(one) for one in chain).lower()
    if "ProxyError" in names:
        return "the proxy refused the connection; see HTTPS_PROXY"
    if any(isinstance(one, OSError) and one.errno == 28 for one in chain):
        return "the disk is full"
    denied = next((one for one in chain if isinstance(one, PermissionError)), None)
    if denied is not None:
        return f"the cache folder may not be written to ({denied})"
    if any(isinstance(one, socket.gaierror) for one in chain) or "name or service not known" in text:
        return "its name cannot be resolved: is there a connection?"
    if any(isinstance(one, ConnectionRefusedError) for one in chain):
        return "it cannot be reached: is there a connection?"
    if "certificate" in text or "SSLError" in names:
        return "its certificate is not trusted; see SSL_CERT_FILE"
    if names & {"TimeoutException", "Timeout", "TimeoutError", "ReadTimeout", "ConnectTimeout"} or "timed out" in text:
        return f"there was no answer for {PATIENCE:g} s"
    if "TooManyRedirects" in names:
        return "it sends from one address to the next without end"
    if "consistency" in text or names & {"RemoteProtocolError", "ChunkedEncodingError", "IncompleteRead"}:
        return "the connection broke off before the end"
    if names & {"ConnectError", "ConnectionError", "ReadError"}:
        return "it cannot be reached: is there a connection?"
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0] if first else 'no reason given'}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        yield from (one for one in error.args if isinstance(one, BaseException))
        inner = getattr(error, "reason", None)
        if isinstance(inner, BaseException):
            yield inner
        error = error.__cause__ or error.__context__


def status_reason(status: int) -> str:
    """Return in a few words what a status of HTTP means here."""
    known = {
        401: "it wants a token that is valid: run `hf auth login`",
        403: "it does not give it to this account",
        404: "it has no such file",
        407: "the proxy wants a name and a password; see HTTPS_PROXY",
        410: "it has no such file any more",
        429: "it was asked too often; try again later",
    }
    if status >= 500:
        return f"the server failed ({status}); try again later"
    return known.get(status, f"it answered {status}")
