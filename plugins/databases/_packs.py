"""Packs: the files of one image folder in one memory-mapped Arrow file, which lies where the folder would lie."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError, UsageError
from abawbench.contracts.problems import Problems
from abawbench.contracts.text import leads_back, read_regular
from abawbench_plugins.databases._folders import PACKED, changed_at, entries, is_junk
from abawbench_plugins.databases._image_index import NUMBERED, Listing, Report, arrange, list_folder

_ROWS = 256
"""Images in a batch of a pack."""
_SCHEMA = pa.schema([("name", pa.string()), ("time", pa.int64()), ("image", pa.large_binary())])
"""File name, modification time in ns and the bytes of the file as they were."""
_FORM, _VERSION, _CHANGED = b"abawbench", b"images 2", b"changed"
"""In the metadata: what the file is, and when the folder was last changed, in ns."""


def pack_of(folder: Path | str) -> Path | None:
    """Return the pack that stands for a folder, None where there is none or the folder itself is there."""
    pack = Path(f"{folder}{PACKED}")
    return pack if pack.is_file() and not os.path.isdir(folder) else None


class Pack:
    """An open pack. The rows are those of its listing, in its order; pixels are read from the mapped file."""

    def __init__(self, path: Path) -> None:
        try:
            with pa.memory_map(str(path)) as source:
                reader = pa.ipc.open_file(source)
                about = reader.schema.metadata or {}
                if not reader.schema.equals(_SCHEMA) or about.get(_FORM) != _VERSION:
                    raise pa.ArrowInvalid("another schema")
                self._changed = int(about[_CHANGED])
                self._batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                f"{path}: the pack of track {path.stem} is truncated or none of ours ({error}); make it anew with "
                "'abawbench data pack'"
            ) from error
        self._bounds = [np.frombuffer(one["image"].buffers()[1], dtype="<i8") for one in self._batches]
        self._bytes = [one["image"].buffers()[2] for one in self._batches]

    @property
    def names(self) -> list[str]:
        """The name of the file in each row."""
        return [name for one in self._batches for name in one["name"].to_pylist()]

    def list(self) -> Listing:
        """Return what is in it."""
        listing = arrange(self.names)
        looked = [self.look_at(place) for place in listing.sampled]
        return replace(listing, changed=self._changed, sample=np.array(looked, dtype=np.int64).reshape(-1, 2))

    def look_at(self, row: int) -> tuple[int, int]:
        """Return the bytes and the time of change in ns of a file."""
        batch, at = divmod(row, _ROWS)
        start, end = self._bounds[batch][at : at + 2].tolist()
        return end - start, self._batches[batch]["time"][at].as_py()

    def read(self, row: int) -> NDArray[np.uint8]:
        """Return the bytes of a file, uint8 [N], without copying them."""
        batch, at = divmod(row, _ROWS)
        start, end = self._bounds[batch][at : at + 2]
        return np.frombuffer(self._bytes[batch], dtype=np.uint8, count=end - start, offset=start)


@lru_cache(maxsize=4096)
def open_pack(path: str) -> Pack:
    """Return a pack, opened once in a process."""
    return Pack(Path(path))


def list_images(folder: Path | str) -> Listing:
    """Return what lies in a folder or its pack. Raises OSError when there is neither, DataError for a broken pack."""
    pack = pack_of(folder)
    return list_folder(folder) if pack is None else open_pack(str(pack)).list()


def each_file(folder: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of every file of a folder or its pack, in order, with what reads it."""
    pack = pack_of(folder)
    if pack is None:
        for name in sorted(name for name in os.listdir(folder) if not is_junk(name)):
            yield name, partial(read_regular, folder / name)
    else:
        opened = open_pack(str(pack))
        for name, row in sorted((name, row) for row, name in enumerate(opened.names) if not is_junk(name)):
            yield name, partial(_bytes, opened, row)


def count_files(folder: Path, problems: Problems) -> int:
    """Return how many files a folder or its pack holds; a problem when it cannot be read."""
    pack = pack_of(folder)
    return len(entries(folder, problems)) if pack is None else len(open_pack(str(pack)).names)


def _bytes(pack: Pack, row: int) -> bytes:
    return pack.read(row).tobytes()


def write_pack(folder: Path, target: Path) -> int:
    """Write the pack of a folder and return how many files it holds. Raises OSError for one that cannot be read."""
    listing = list_folder(folder)
    names = [listing.name(number) for number in listing.numbers.tolist()]
    names += sorted({entry.name for entry in os.scandir(folder)} - set(names))  # whatever else lies there
    schema = _SCHEMA.with_metadata({_FORM: _VERSION, _CHANGED: str(listing.changed)})
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for start in range(0, len(names), _ROWS):
            chosen = names[start : start + _ROWS]
            times = [changed_at(os.stat(folder / name)) for name in chosen]
            images = [read_regular(folder / name) for name in chosen]
            writer.write(pa.record_batch([chosen, times, images], schema=schema))
    return len(names)


def pack_tree(root: Path, out: Path, report: Report) -> int:
    """Write a copy of a root with a pack for each folder of images; return how many files went into packs.

    Raises UsageError where ``out`` is there already. What was written before an interruption is removed.
    """
    if out.exists():
        raise UsageError(f"{out} is there already; name a new folder")
    draft = out.with_name(f".{out.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)  # of one that was killed
    folders = []
    for at, inside, files in os.walk(root, followlinks=True):
        inside[:] = [name for name in inside if not leads_back(at, name)]
        folders.append((Path(at), inside, files))
    packed = 0
    try:
        for done, (folder, inside, files) in enumerate(folders, 1):
            target = draft / folder.relative_to(root)
            if not inside and any(NUMBERED.match(name) for name in files) and folder != root:
                target.parent.mkdir(parents=True, exist_ok=True)
                packed += write_pack(folder, target.with_name(target.name + PACKED))
            else:
                target.mkdir(parents=True, exist_ok=True)
                for name in files:
                    shutil.copy2(folder / name, target / name)
            report(done, len(folders), "folders packed")
        os.replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return packed
