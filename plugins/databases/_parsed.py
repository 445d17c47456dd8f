"""Arrays parsed from large text files, kept in the cache folder so that the next process need not parse them."""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench import cache_folder, hold_shared
from abawbench.contracts.text import read_regular

LEAST = 2_000_000
"""Bytes of text below which nothing is kept: parsing that takes a few hundredths of a second."""
_DTYPES = {"<f8", "|i1", "<i8"}
_PARSERS = ("_annotations.py", "_listings.py", "_parsed.py")

Arrays = Mapping[str, NDArray[Any]]
_Stamp = tuple[str, int, str]
"""Name, bytes and SHA-256 of a file: an edit may keep its size and its time."""


class ParsedFiles:
    """The parsed files of one folder, read back from one cache file and written there at the end of a ``with``.

    An entry counts only for the same name and content, parsed by the same code. The cache file ends
    with a digest of all of it: one that is truncated, damaged or foreign is as good as none, and may be deleted.
    """

    def __init__(self, purpose: str, where: Path) -> None:
        self._key = f"{purpose}\0{where.resolve()}\0{_parsers()}"
        self._path = cache_folder() / "parsed" / f"{hashlib.sha256(self._key.encode()).hexdigest()[:32]}.bin"
        self._known = _read(self._path, self._key)
        self._used: dict[_Stamp, Arrays] = {}
        self._bytes = 0
        self._fresh = False

    def __enter__(self) -> "ParsedFiles":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None and self._fresh and self._bytes >= LEAST:
            with suppress(OSError):  # a cache that cannot be written is only slow
                _write(self._path, self._key, self._used)

    def get(self, path: Path, parse: Callable[[], Arrays], keep: Callable[[], bool] = lambda: True) -> Arrays:
        """Return the arrays of a file, by name; ``keep`` is asked after parsing whether they may be kept.

        Whatever ``parse`` raises passes through.
        """
        content = read_regular(path)
        stamp = (path.name, len(content), hashlib.sha256(content).hexdigest())
        arrays = self._known.get(stamp)
        if arrays is None:
            arrays = parse()
            if not keep():
                return arrays
            self._fresh = True
        self._used[stamp] = arrays
        self._bytes += len(content)
        return arrays


@cache
def _parsers() -> str:
    """A digest of the code that parses: other code may give other arrays."""
    sources = (Path(__file__).with_name(name).read_bytes() for name in _PARSERS)
    return hashlib.sha256(b"\0".join(sources)).hexdigest()


def _write(path: Path, key: str, files: Mapping[_Stamp, Arrays]) -> None:
    blocks: list[bytes] = []
    rows: list[tuple[_Stamp, list[tuple[str, str, Sequence[int]]]]] = []
    for stamp, arrays in files.items():
        rows.append((stamp, [(name, array.dtype.str, array.shape) for name, array in arrays.items()]))
        blocks += [np.ascontiguousarray(array).tobytes() for array in arrays.values()]
    header = json.dumps({"key": key, "files": rows}).encode()
    content = b"".join([len(header).to_bytes(8, "little"), header, *blocks])
    with hold_shared(path.parent, lambda: _sweep(path.parent)):
        draft = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
        try:
            draft.write_bytes(content + hashlib.sha256(content).digest())
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def _sweep(where: Path) -> None:
    """Remove the drafts of processes that were killed."""
    for draft in where.glob(".*.bin-*"):
        draft.unlink(missing_ok=True)


def _read(path: Path, key: str) -> dict[_Stamp, Arrays]:
    """Return what a cache file holds; nothing if it is not exactly what was written under this key."""
    try:
        content = memoryview(read_regular(path))
    except OSError:
        return {}
    if len(content) < 40 or hashlib.sha256(content[:-32]).digest() != content[-32:]:
        return {}
    length = int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8 : 8 + length]))
    if header["key"] != key:
        return {}
    found: dict[_Stamp, Arrays] = {}
    at = 8 + length
    for (name, size, digest), rows in header["files"]:
        arrays: dict[str, NDArray[Any]] = {}
        for label, dtype, shape in rows:
            assert dtype in _DTYPES, dtype
            count = int(np.prod(shape))
            # Copied, because views would be read-only and keep the whole file in memory.
            arrays[label] = np.frombuffer(content, dtype, count, at).reshape(shape).copy()
            at += arrays[label].nbytes
        found[name, size, digest] = arrays
    return found
