"""What lies in folders of numbered images: listed once, kept in the cache, and checked by the folders' own times."""

import hashlib
import json
import os
import re
import stat
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench import cache_folder, hold_alone
from abawbench_plugins.databases._folders import is_junk

SUFFIXES = ("jpg", "jpeg", "png", "webp", "bmp")
"""Of images, in lower case; OpenFace writes BMP unless told otherwise."""
NUMBERED = re.compile(rf"(.*?)(\d{{1,9}})\.({'|'.join(SUFFIXES)})$", re.IGNORECASE | re.DOTALL | re.ASCII)
"""Names of numbered images: what stands before the running number, the number, and the suffix."""
OFFICIAL = ("", "frame-")
"""What stands before the number in official copies; these come before any other."""
SAMPLED = 32
"""Images of a folder whose sizes and times are looked at anew although the folder has not changed."""
_SETTLED = 2_000_000_000
"""Nanoseconds that a folder must be old: another change within the clock's resolution could keep its time."""

Report = Callable[[int, int, str], None]
"""Is told (done, total, what)."""


@dataclass(frozen=True)
class Listing:
    """The numbered images of one folder, ascending by number."""

    numbers: NDArray[np.int64]
    sizes: NDArray[np.int64]
    """Bytes; -1 for what is no file, or one that cannot be looked at."""
    times: NDArray[np.int64]
    """Modification times in ns."""
    form: tuple[str, int, str]
    """How the files are called: before the number, digits at least, and after it."""
    unusual: Mapping[int, str]
    """The names that are not of that form, by number."""
    strays: tuple[str, ...] = ()
    """What else lies there, in order."""
    doubles: tuple[str, ...] = ()
    """Images of a number that another image has, which is read instead."""

    def name(self, number: int) -> str:
        """Return the file name of a number."""
        return self.unusual.get(number) or spell(self.form, number)

    def describes(self, folder: str) -> bool:
        """Return whether some of the files are still as they were listed; others each time it is asked."""
        count = len(self.numbers)
        at = np.random.default_rng().choice(count, min(SAMPLED, count), replace=False) if count else ()
        for place in at:
            size, changed = _look(f"{folder}/{self.name(int(self.numbers[place]))}")
            if size != self.sizes[place] or changed != self.times[place]:
                return False
        return True


def spell(form: tuple[str, int, str], number: int) -> str:
    """Return the file name of a number in a form."""
    before, digits, after = form
    return f"{before}{number:0{digits}d}{after}"


def list_folder(folder: Path | str) -> Listing:
    """Return what lies in a folder. Raises OSError when it cannot be listed.

    Names have any beginning and one running number, the last in them. Where beginnings differ the official ones are
    read, else the most frequent; the rest are strays. Of two files with one number the first by name is read, and the
    other is told.
    """
    names, sizes, times = list[str](), list[int](), list[int]()
    handle = os.open(folder, os.O_RDONLY)  # from which the way to each file is shorter
    try:
        with os.scandir(handle) as entries:
            for entry in entries:
                names.append(entry.name)
                try:
                    status = entry.stat()
                    regular = stat.S_ISREG(status.st_mode)
                except OSError:
                    regular = False
                sizes.append(status.st_size if regular else -1)
                times.append(status.st_mtime_ns if regular else 0)
    finally:
        os.close(handle)
    return arrange(names, sizes, times)


def arrange(names: Sequence[str], sizes: Sequence[int], times: Sequence[int]) -> Listing:
    """Return the listing of files of these names, in any order."""
    alike = _read_alike(names)
    if alike is not None:
        order = np.argsort(alike[1])
        numbered, size, changed = (np.array(column, dtype=np.int64)[order] for column in (alike[1], sizes, times))
        return Listing(numbered, size, changed, alike[0], {})
    found = sorted(one for one in zip(names, sizes, times, strict=True) if not is_junk(one[0]))
    matches = [NUMBERED.match(name) for name, _, _ in found]
    beginnings = Counter(match[1] for match in matches if match)
    read = set(OFFICIAL) & beginnings.keys() or {max(sorted(beginnings), key=beginnings.__getitem__, default="")}
    chosen: dict[int, int] = {}
    strays, doubles = [], []
    for place, match in enumerate(matches):
        if match is None or match[1] not in read:
            strays.append(found[place][0])
        elif chosen.setdefault(int(match[2]), place) != place:
            doubles.append(found[place][0])
    numbers = sorted(chosen)
    places = [chosen[number] for number in numbers]
    used = [match for place in places if (match := matches[place])]
    common = Counter((match[1], match[3]) for match in used).most_common(1)
    (before, after), _ = common[0] if common else (("", "jpg"), 0)
    digits = min((len(match[2]) for match in used if (match[1], match[3]) == (before, after)), default=1)
    form = (before, digits, f".{after}")
    called = {number: found[place][0] for number, place in zip(numbers, places, strict=True)}
    return Listing(
        np.array(numbers, dtype=np.int64),
        np.array([found[place][1] for place in places], dtype=np.int64),
        np.array([found[place][2] for place in places], dtype=np.int64),
        form,
        {number: name for number, name in called.items() if name != spell(form, number)},
        tuple(strays),
        tuple(doubles),
    )


def _read_alike(names: Sequence[str]) -> tuple[tuple[str, int, str], list[int]] | None:
    """Return form and numbers of names that are all of one form, as those of most folders are: three times as quick."""
    match = NUMBERED.match(names[0]) if names else None
    if match is None:
        return None
    start, end = len(match[1]), len(match[3]) + 1
    try:
        numbers = [int(name[start:-end]) for name in names]
    except ValueError:
        return None
    form = (match[1], min(map(len, names)) - start - end, f".{match[3]}")
    before, digits, after = form
    same = [f"{before}{number:0{digits}d}{after}" for number in numbers] == names
    return (form, numbers) if same else None


def list_folders(folders: Iterable[Path], report: Report) -> dict[Path, Listing]:
    """Return the listing of every folder that is there, from the cache where it still holds; the rest is kept."""
    by_parent: dict[Path, list[Path]] = {}
    for folder in folders:
        by_parent.setdefault(folder.parent, []).append(folder)
    total, done = sum(map(len, by_parent.values())), 0
    found: dict[Path, Listing] = {}
    for parent, own in by_parent.items():
        with _Kept(parent) as kept:
            for folder in own:
                with suppress(OSError):  # whoever reads from it says why
                    found[folder] = kept.get(folder)
                done += 1
                report(done, total, "image folders")
    return found


class _Kept:
    """The listings of the folders in one folder, in one cache file; it is written at the end of a ``with``."""

    def __init__(self, parent: Path) -> None:
        where = str(parent.resolve())
        self._path = cache_folder() / "images" / f"{hashlib.sha256(os.fsencode(where)).hexdigest()[:32]}.npz"
        self._key = f"{where}\0{_code()}"
        self._known = _read(self._path, self._key)
        self._fresh: dict[str, tuple[int, Listing]] = {}

    def __enter__(self) -> "_Kept":
        return self

    def __exit__(self, *_: object) -> None:  # what was listed before an interruption need not be listed again
        if self._fresh:
            with suppress(OSError), hold_alone(self._path.parent):  # a cache that cannot be written is only slow
                _write(self._path, self._key, {**_read(self._path, self._key), **self._fresh})

    def get(self, folder: Path) -> Listing:
        changed = os.stat(folder).st_mtime_ns
        known = self._known.get(folder.name)
        if known is not None and known[0] == changed and known[1].describes(str(folder)):
            return known[1]
        began = time.time_ns()
        listing = list_folder(folder)
        if began - changed > _SETTLED:
            self._fresh[folder.name] = changed, listing
        return listing


@cache
def _code() -> str:
    """A digest of this module: other code may list otherwise."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _write(path: Path, key: str, kept: Mapping[str, tuple[int, Listing]]) -> None:
    about: list[Any] = [
        [name, changed, one.form, list(one.unusual.items()), one.strays, one.doubles]
        for name, (changed, one) in kept.items()
    ]
    text = np.frombuffer(json.dumps([key, about]).encode(), dtype=np.uint8)
    listings = [one for _, one in kept.values()]
    parts = ("numbers", "sizes", "times")
    columns: dict[str, Any] = {part: np.concatenate([getattr(one, part) for one in listings]) for part in parts}
    counts = np.array([len(one.numbers) for one in listings])
    for left in path.parent.glob(".*.npz-*"):  # by a process that was killed; nobody else is here
        left.unlink(missing_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with draft.open("wb") as file:
            np.savez(file, about=text, counts=counts, **columns)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path, key: str) -> dict[str, tuple[int, Listing]]:
    """Return what a cache file holds by folder name; nothing if it is not exactly what was written under this key."""
    try:
        with path.open("rb") as raw, np.load(raw) as file:  # which checks the sums of all that it reads
            found, about = json.loads(file["about"].tobytes())
            if found != key:
                return {}
            bounds = np.concatenate([[0], np.cumsum(file["counts"])])
            numbers, sizes, times = (file[part] for part in ("numbers", "sizes", "times"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    found = {}
    for (name, changed, form, unusual, *left), (a, b) in zip(about, pairwise(bounds.tolist()), strict=True):
        called = {int(number): text for number, text in unusual}
        listing = Listing(numbers[a:b], sizes[a:b], times[a:b], tuple(form), called, *map(tuple, left))
        found[name] = changed, listing
    return found


def _look(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns
