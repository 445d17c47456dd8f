"""The cache of frozen networks' features: one safetensors file per track, bounded, safe to delete, never trusted."""

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abawbench.contracts import Track, UsageError
from abawbench.plugins import SCOPE
from abawbench.system import locks
from abawbench.system.cache import cache_folder
from abawbench.system.code import identify_files, identify_module
from abawbench.system.files import replace_file, sweep

_EIGHT_BITS = {"int8": (torch.int8, 127.0), "float8": (torch.float8_e4m3fn, 448.0)}
"""Form -> its type and the largest number that it holds."""
DEFAULT_LIMIT = 20 * 2**30
"""Bytes the feature cache may hold; ``$ABAWBENCH_CACHE_LIMIT`` replaces it."""


@dataclass
class Entry:
    """One track's features: levels [U, ...] as ``shrink`` gives them, and which of its U images were readable."""

    levels: tuple[Tensor, ...]
    readable: NDArray[np.bool_]


def shrink(levels: Iterable[Tensor], form: str) -> list[Tensor]:
    """Return features [U, ...] as they are kept, on the CPU: as float16, or in 8 bits, each level followed by scales.

    A vector has one scale, a map one for each channel, so that a strong channel costs a weak one no precision.
    """
    if form not in _EIGHT_BITS:
        return [level.to(torch.float16).cpu().contiguous() for level in levels]
    dtype, largest = _EIGHT_BITS[form]
    kept = []
    for level in levels:
        numbers = level.to(torch.float32)
        rows = numbers.flatten(2) if level.ndim > 2 else numbers.view(len(level), -1)
        # a little more than needed: bfloat16, which has the range of float32, may round it down by a 256th
        scales = rows.abs().amax(-1).mul((1 + 2**-7) / largest).clamp_min(torch.finfo(torch.float32).tiny)
        scales = scales.to(torch.bfloat16)
        numbers = numbers / _over(scales, level.ndim)
        kept += [numbers.round().to(dtype) if form == "int8" else numbers.to(dtype), scales]
    return [one.cpu().contiguous() for one in kept]


def restore(kept: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Return the float16 features of which ``shrink`` made these."""
    found, rest = [], iter(kept)
    for level in rest:
        if level.dtype.itemsize == 1:
            level = (level.to(torch.float32) * _over(next(rest), level.ndim)).to(torch.float16)
        found.append(level)
    return tuple(found)


def _over(scales: Tensor, dimensions: int) -> Tensor:
    """Return scales [U] or [U, C] as float32 that fit features of so many dimensions."""
    return scales.to(torch.float32).view(*scales.shape, *(1,) * (dimensions - scales.ndim))


def limit() -> int:
    """Return the bytes the feature cache may hold."""
    return int(float(os.environ.get("ABAWBENCH_CACHE_LIMIT", DEFAULT_LIMIT)))


def free_bytes() -> int:
    """Return the bytes that are free where the cache lies, or would lie."""
    place = folder()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def folder() -> Path:
    """Return where the entries lie."""
    return cache_folder() / "features"


def entry_file(key: str, track: Track, files: object, form: str) -> Path:
    """Return where the entry of a track lies, for the digest of a network and what tells the track's files apart.

    Another version of the code that reads files and prepares them, ours or the database's, has entries of its own.
    """
    made_by = [_preparing_code(), identify_module(type(track).__module__, "", SCOPE).digest]
    sha = hashlib.sha256(json.dumps([key, track.id, files, form, made_by]).encode()).hexdigest()
    return folder() / sha[:2] / f"{sha}.safetensors"


@cache
def _preparing_code() -> str:
    room = Path(__file__).parent
    return identify_files((room, room.parents[1] / "nn.py"), SCOPE).digest


def load(file: Path) -> Entry | None:
    """Return a cache entry, or None when it is absent, damaged or another's; the last use is noted for ``trim``."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            said = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # it is no mapping
        os.utime(file)
    except (OSError, SafetensorError):
        return None
    if said.get("key") != file.stem or said.get("checksum") != _checksum(tensors):
        return None
    readable = tensors.pop("readable").numpy().astype(bool)
    levels = tuple(tensors[str(i)] for i in range(len(tensors)))
    return Entry(levels, readable) if all(len(level) == len(readable) for level in levels) else None


def store(file: Path, entry: Entry) -> None:
    """Write an entry under a temporary name, then rename it: a reader never sees half of one.

    Raises UsageError for a cache that cannot be written to.
    """
    there = next(folder for folder in file.parents if folder.exists())
    if not os.access(there, os.W_OK):  # else a library's error would look like the model's
        raise UsageError(f"the cache cannot be written to ({there}); set ABAWBENCH_CACHE to a folder of your own")
    from safetensors.torch import save_file

    tensors = {str(i): level for i, level in enumerate(entry.levels)}
    tensors["readable"] = torch.from_numpy(entry.readable.astype(np.uint8))
    with locks.hold_shared(file.parent, lambda: sweep(file.parent)), replace_file(file) as temporary:
        save_file(tensors, temporary, metadata={"key": file.stem, "checksum": _checksum(tensors)})


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum over names, shapes and bytes; it finds what a disk does, not what a person does."""
    found = 0
    for name, tensor in sorted(tensors.items()):
        found = zlib.crc32(f"{name} {tensor.dtype} {list(tensor.shape)}".encode(), found)
        found = zlib.crc32(tensor.contiguous().view(-1).view(torch.uint8).numpy().data, found)
    return f"{found:08x}"


def trim(folder: Path, keep: set[Path]) -> None:
    """Delete the entries longest unused until the cache is within its limit; ``keep`` stays."""
    entries = sorted((f.stat().st_mtime, f.stat().st_size, f) for f in folder.glob("*/*.safetensors"))
    excess = sum(size for _, size, _ in entries) - limit()
    for _, size, file in entries:
        if excess <= 0:
            return
        if file not in keep:
            file.unlink(missing_ok=True)
            excess -= size
