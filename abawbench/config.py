"""Which databases lie where: ``--data NAME=ROOT`` and ``abawbench.toml``."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from abawbench.contracts.errors import UsageError

FILE = "abawbench.toml"
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
    if not file.is_file():
        return {}
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8")).get("data", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not valid TOML: {error}") from error
    if not isinstance(data, dict):
        raise UsageError(f"{file}: [data] must be a table of database = root")
    roots = {}
    for name, value in data.items():
        paths = [value] if isinstance(value, str) else value
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise UsageError(f"{file}: {name} must be a path or a list of paths")
        roots[name] = tuple(_require_existing(folder / Path(path).expanduser(), f"{file}: {name}") for path in paths)
    return roots


def _require_existing(path: Path, where: str) -> Path:
    expanded = path.expanduser()
    if not expanded.exists():
        raise UsageError(f"{where}: no folder or file at {expanded}")
    return expanded
