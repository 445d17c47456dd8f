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
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench import cache_folder, hold_alone
from abawbench_plugins.databases._folders import changed_at, is_junk

SUFFIXES = ("jpg", "jpeg", "png", "webp", "bmp")
"""Of images, in lower case; OpenFace writes BMP unless told otherwise."""
NUMBERED = re.compile(rf"(.*?)(\d{{1,9}})\.({'|'.join(SUFFIXES)})$", re.IGNORECASE | re.DOTALL | re.ASCII)
"""Names of numbered images: what stands before the running number, the number, and the suffix."""
OFFICIAL = ("", "frame-")
"""What stands before the number in official copies; these come before any other."""
SAMPLED = 32
"""Images of a folder whose sizes and times are looked at, always the same; all of a folder with no more."""
_SETTLED = 2_000_000_000
"""Nanoseconds that a folder must be old: another change within the clock's resolution could keep its time."""

Report = Callable[[int, int, str], None]
"""Is told (done, total, what)."""


@dataclass(frozen=True)
class Listing:
    """The numbered images of one folder, ascending by number."""

    numbers: NDArray[np.int64]
    form: tuple[str, int, str]
    """How the files are called: before the number, digits at least, and after it."""
    unusual: Mapping[int, str]
    """The names that are not of that form, by number."""
    strays: tuple[str, ...] = ()
    """What else lies there, in order."""
    doubles: tuple[str, ...] = ()
    """Images of a number that another image has, which is read instead."""
    changed: int = 0
    """When a file came to the folder or left it, in ns."""
    sample: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    """Bytes and times of change in ns of the images at the places that ``sampled`` gives, [places, 2]."""

    def name(self, number: int) -> str:
        """Return the file name of a number."""
        return self.unusual.get(number) or spell(self.form, number)

    @property
    def sampled(self) -> list[int]:
        """The places, spread over all images, whose sizes and times are looked at."""
        count = len(self.numbers)
        return sorted(set(map(int, np.linspace(0, count - 1, min(SAMPLED, count)))))

    def look_at_some(self, folder: str) -> NDArray[np.int64]:
        """Return what ``sample`` is to hold, of the files as they are in a folder now."""
        names = (self.name(int(self.numbers[place])) for place in self.sampled)
        return np.array([look_at(f"{folder}/{name}") for name in names], dtype=np.int64).reshape(-1, 2)


def spell(form: tuple[str, int, str], number: int) -> str:
    """Return the file name of a number in a form."""
    before, digits, after = form
    return f"{before}{number:0{digits}d}{after}"


def list_folder(folder: Path | str) -> Listing:
    """Return what lies in a folder. Raises OSError when it cannot be listed.

    Names have any beginning and one running number, the last in them. Where beginnings differ the official ones are
    read, else the most frequent; the rest are strays. Of two files with one number the first by name is read, and the
    other is told.

    Only names are read, and sizes and times of a sample: to ask about each of millions of files takes a minute.
    """
    changed = os.stat(folder).st_mtime_ns
    listing = arrange(os.listdir(folder))
    return replace(listing, changed=changed, sample=listing.look_at_some(str(folder)))


def arrange(names: Sequence[str]) -> Listing:
    """Return the listing of files of these names, in any order."""
    alike = _read_alike(names)
    if alike is not None:
        return Listing(np.sort(alike[1]), alike[0], {})
    found = sorted(name for name in names if not is_junk(name))
    matches = [NUMBERED.match(name) for name in found]
    beginnings = Counter(match[1] for match in matches if match)
    read = set(OFFICIAL) & beginnings.keys() or {max(sorted(beginnings), key=beginnings.__getitem__, default="")}
    chosen: dict[int, re.Match[str]] = {}
    strays, doubles = [], []
    for name, match in zip(found, matches, strict=True):
        if match is None or match[1] not in read:
            strays.append(name)
        elif chosen.setdefault(int(match[2]), match) is not match:
            doubles.append(name)
    common = Counter((match[1], match[3]) for match in chosen.values()).most_common(1)
    (before, after), _ = common[0] if common else (("", "jpg"), 0)
    usual = (len(match[2]) for match in chosen.values() if (match[1], match[3]) == (before, after))
    form = (before, min(usual, default=1), f".{after}")
    unusual = {number: match[0] for number, match in sorted(chosen.items()) if match[0] != spell(form, number)}
    return Listing(np.array(sorted(chosen), dtype=np.int64), form, unusual, tuple(strays), tuple(doubles))


def _read_alike(names: Sequence[str]) -> tuple[tuple[str, int, str], NDArray[np.int64]] | None:
    """Return form and numbers of names that are all of one form, as most folders have them: twenty times as quick."""
    match = NUMBERED.match(names[0]) if names else None
    if match is None:
        return None
    before, after = match[1].encode(), f".{match[3]}".encode()
    beside = len(before) + len(after)
    lengths = sorted(set(map(len, names)))
    digits = lengths[0] - beside
    if not 0 < digits <= lengths[-1] - beside <= 9:
        return None
    numbers = []
    for length in lengths:
        joined = "".join(names if len(lengths) == 1 else [name for name in names if len(name) == length])
        if not joined.isascii():
            return None
        letters = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, length)
        ciphers = letters[:, len(before) : length - len(after)] - ord("0")  # of others the difference wraps beyond 9
        ends = ((letters[:, : len(before)], before), (letters[:, length - len(after) :], after))
        alike = all((end == np.frombuffer(text, dtype=np.uint8)).all() for end, text in ends)
        padded = length - beside > digits and not ciphers[:, 0].all()
        if not alike or padded or (ciphers > 9).any():
            return None
        value = np.zeros(len(ciphers), dtype=np.int64)
        for cipher in ciphers.T:
            value = 10 * value + cipher
        numbers.append(value)
    return (match[1], digits, f".{match[3]}"), np.concatenate(numbers)


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
        self._fresh: dict[str, Listing] = {}

    def __enter__(self) -> "_Kept":
        return self

    def __exit__(self, *_: object) -> None:  # what was listed before an interruption need not be listed again
        if self._fresh:
            with suppress(OSError), hold_alone(self._path.parent):  # a cache that cannot be written is only slow
                _write(self._path, self._key, {**_read(self._path, self._key), **self._fresh})

    def get(self, folder: Path) -> Listing:
        changed = os.stat(folder).st_mtime_ns
        known = self._known.get(folder.name)
        if known and known.changed == changed and np.array_equal(known.sample, known.look_at_some(str(folder))):
            return known
        began = time.time_ns()
        listing = list_folder(folder)
        if began - listing.changed > _SETTLED:
            self._fresh[folder.name] = listing
        return listing


@cache
def _code() -> str:
    """A digest of this module: other code may list otherwise."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _write(path: Path, key: str, kept: Mapping[str, Listing]) -> None:
    about: list[Any] = [
        [name, one.changed, one.form, list(one.unusual.items()), one.strays, one.doubles] for name, one in kept.items()
    ]
    columns: dict[str, Any] = {
        "about": np.frombuffer(json.dumps([key, about]).encode(), dtype=np.uint8),
        "counts": np.array([len(one.numbers) for one in kept.values()]),
        "numbers": np.concatenate([one.numbers for one in kept.values()]),
        "sampled": np.array([len(one.sample) for one in kept.values()]),
        "sample": np.concatenate([one.sample for one in kept.values()]),
    }
    for left in path.parent.glob(".*.npz-*"):  # by a process that was killed; nobody else is here
        left.unlink(missing_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with draft.open("wb") as file:
            np.savez(file, **columns)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path, key: str) -> dict[str, Listing]:
    """Return what a cache file holds by folder name; nothing if it is not exactly what was written under this key."""
    try:
        with path.open("rb") as raw, np.load(raw) as file:  # which checks the sums of all that it reads
            found, about = json.loads(file["about"].tobytes())
            if found != key:
                return {}
            numbers, samples = (
                np.split(file[values], np.cumsum(file[counts])[:-1])
                for values, counts in (("numbers", "counts"), ("sample", "sampled"))
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    found = {}
    for (name, changed, form, unusual, strays, doubles), own, sample in zip(about, numbers, samples, strict=True):
        called = {int(number): text for number, text in unusual}
        found[name] = Listing(own, tuple(form), called, tuple(strays), tuple(doubles), changed, sample)
    return found


def look_at(path: str) -> tuple[int, int]:
    """Return bytes and time of change in ns of a file; -1 and 0 for what is none."""
    try:
        status = os.stat(path)
    except OSError:
        return -1, 0
    return (status.st_size, changed_at(status)) if stat.S_ISREG(status.st_mode) else (-1, 0)
