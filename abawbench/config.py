"""Which databases lie where, and whether the network may be used: options, the environment and ``abawbench.toml``."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from abawbench.contracts.errors import UsageError
from abawbench.contracts.text import nearest
from abawbench.system.network import CONSENT

FILE = "abawbench.toml"
KEYS = ("data", "network")
"""What it may hold."""
Roots = Mapping[str, tuple[Path, ...]]


def parse_data(items: Iterable[str]) -> Roots:
    """Return database -> roots from ``NAME=ROOT`` items; a name alone stands for a database that needs no root.

    Raises UsageError when a root does not exist.
    """
    roots: dict[str, tuple[Path, ...]] = {}
    for item in items:
        name, equals, path = item.partition("=")
        if not name or (equals and not path):
            raise UsageError(f"--data '{item}': write NAME=ROOT, for example --data aff-wild2=/data/Aff-Wild2")
        roots[name] = roots.get(name, ()) + ((_require_existing(Path(path), f"--data {item}"),) if equals else ())
    return roots


def read_config(folder: Path) -> Roots:
    """Return the roots in ``abawbench.toml`` of a folder, none without the file.

    ::

        [data]
        aff-wild2 = ["/data/Aff-Wild2", "/data/new_50_vids"]
        bah = "/data/BAH"
    """
    file = folder / FILE
    data = _read(file).get("data", {})
    if not isinstance(data, dict):
        raise UsageError(f"{file}: [data] must be a table of database = root")
    roots = {}
    for name, value in data.items():
        paths = [value] if isinstance(value, str) else value
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise UsageError(f"{file}: {name} must be a path or a list of paths")
        roots[name] = tuple(_require_existing(folder / Path(path).expanduser(), f"{file}: {name}") for path in paths)
    return roots


def network_wanted(folder: Path) -> bool:
    """Return whether connections are allowed: by ``ABAWBENCH_NETWORK``, else by ``network`` in a folder's config.

    A command's ``--network`` sets the variable for itself and for what it starts.
    """
    said = os.environ.get(CONSENT, "")
    if said:
        return said == "1"
    wanted = _read(folder / FILE).get("network", False)
    if not isinstance(wanted, bool):
        raise UsageError(f"{folder / FILE}: network must be true or false")
    return wanted


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a TOML file holds. Raises UsageError naming one that is none."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not valid TOML: {error}") from error


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    found = read_toml(file)
    unknown = next((name for name in found if name not in KEYS), None)
    if unknown is not None:
        # passed over, a misspelt table would leave a run on other data than was meant
        raise UsageError(f"{file}: unknown key '{unknown}'{nearest(unknown, KEYS)}; it may hold {' and '.join(KEYS)}")
    return found


def _require_existing(path: Path, where: str) -> Path:
    expanded = path.expanduser()
    if not expanded.exists():
        raise UsageError(f"{where}: no folder or file at {expanded}")
    return expanded
