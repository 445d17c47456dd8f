"""``weights.lock``: what every fetched file was at its first use, as ssh keeps the keys of hosts.

One file comes with abawbench for what we know, one lies in the user's cache folder, and a project may keep one in its
folder. The nearest that knows a file decides.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

from abawbench.contracts.errors import DataError
from abawbench.system.cache import cache_folder
from abawbench.system.files import replace_file
from abawbench.system.locks import hold_alone

FILE = "weights.lock"
SHIPPED = Path(__file__).with_name(FILE)
HEADER = "# What each fetched file was at its first use; abawbench refuses any other. Keep it under version control.\n"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One file of one origin, as it was first seen."""

    origin: str
    """``hf:OWNER/NAME``, an address, or ``pip:NAME``."""
    file: str
    sha256: str = ""
    """In hexadecimal; of a shipped pin perhaps its first digits only, or none where only the commit is known."""
    size: int | None = None
    """Bytes."""
    commit: str | None = None
    """Of a repository, or the version of a package."""
    since: str | None = None
    """Day of the first use."""

    def admits(self, sha256: str) -> bool:
        """Return whether a file of that digest is the one."""
        return sha256.startswith(self.sha256)

    @property
    def whole(self) -> bool:
        """Whether the digest is known to its last digit."""
        return len(self.sha256) == 64


Pins: TypeAlias = dict[tuple[str, str], Pin]
"""(origin, file) -> pin."""


def lock_files(folder: Path | None = None) -> tuple[Path, ...]:
    """Return the lock files, nearest first: of the project in a folder, of the user, and the shipped one."""
    return ((folder or Path.cwd()) / FILE, cache_folder() / FILE, SHIPPED)


def pins_of(origin: str) -> dict[str, tuple[Pin, Path]]:
    """Return file -> its pin and the lock file that holds it, the nearest of each. Raises DataError."""
    found: dict[str, tuple[Pin, Path]] = {}
    for path in lock_files():
        for pin in read_lock(path).values():
            if pin.origin == origin:
                found.setdefault(pin.file, (pin, path))
    return found


def read_lock(path: Path) -> Pins:
    """Return the pins of a lock file, none without it. Raises DataError naming file and entry."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    try:
        rows = tomllib.loads(text).get("file", [])
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not valid TOML: {error}; mend it or delete it to begin anew") from error
    if not isinstance(rows, list):
        raise DataError(f"{path}: 'file' must be a list of [[file]] tables; mend it or delete it to begin anew")
    pins = [_pin(path, number, row) for number, row in enumerate(rows, start=1)]
    return {(pin.origin, pin.file): pin for pin in pins}


def _pin(path: Path, number: int, row: Any) -> Pin:
    kinds = {"origin": str, "file": str, "sha256": str, "size": int, "commit": str, "since": str}
    wrong = [n for n, v in row.items() if not isinstance(v, kinds.get(n, ()))] if isinstance(row, Mapping) else ["file"]
    lacks = [name for name in ("origin", "file") if name not in row]
    digest = row.get("sha256", "") if isinstance(row, Mapping) else ""
    if wrong or lacks or len(digest) > 64 or set(digest) - set("0123456789abcdef"):
        what = (wrong + lacks + ["sha256"])[0]
        raise DataError(f"{path}: entry {number} has no valid {what!r}; mend it or delete the entry to begin anew")
    return Pin(**row)


def record(pins: Iterable[Pin], *, at: Path | None = None) -> Path:
    """Write pins to the project's lock file where there is one, else to the user's, and return which.

    ``at`` names another. The file is whole at every moment, and two processes wait for each other.
    """
    project, user, _ = lock_files()
    path = at or (project if project.is_file() else user)
    with hold_alone(path.parent):
        known = read_lock(path) | {(pin.origin, pin.file): pin for pin in pins}
        with replace_file(path) as temporary:
            temporary.write_text(HEADER + "".join(_table(pin) for _, pin in sorted(known.items())), encoding="utf-8")
    return path


def forget(origin: str, path: Path) -> None:
    """Remove the pins of an origin from a lock file."""
    with hold_alone(path.parent):
        known = {key: pin for key, pin in read_lock(path).items() if pin.origin != origin}
        with replace_file(path) as temporary:
            temporary.write_text(HEADER + "".join(_table(pin) for _, pin in sorted(known.items())), encoding="utf-8")


def _table(pin: Pin) -> str:
    given = asdict(pin)
    rows = [f"{one.name} = {_text(given[one.name])}" for one in fields(pin) if given[one.name] not in (None, "")]
    return "\n[[file]]\n" + "\n".join(rows) + "\n"


def _text(value: str | int) -> str:
    # JSON's strings are TOML's, but for DEL, which TOML wants escaped
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")
