"""The numbered images of a track: found by the index of its folders, decoded when asked for."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._image_index import Listing, look_at
from abawbench_plugins.databases._packs import list_images, open_pack, pack_of

if TYPE_CHECKING:
    from abawbench_plugins.databases._image_folders import ImageFolders

DOUBLE = "has the number of another image, which is read; ignored"
EMPTY_SIZE = (112, 112)
"""Height and width of the black frames of a track that has no readable image: the size of the aligned faces."""

MOST_PIXELS = 1 << 27
"""Pixels of the largest image that is decoded, 400 MB of them: an empty one packs into a few kilobytes."""
LARGEST_SIDE = 512
"""Images whose shorter side is longer are shrunk to it; aligned faces are smaller."""
_PART = 1 << 16
"""Bytes read at once: more than most aligned faces have."""
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NONE = np.zeros(0, dtype=np.int64)
_NOTHING = Listing(_NONE, ("", 1, ".jpg"), {})


class _Index(NamedTuple):
    """The images of a track by number, from all its folders."""

    listings: list[Listing]
    """Of each folder."""
    numbers: NDArray[np.int64]
    """Ascending, as frames are numbered."""
    owners: NDArray[np.int16]
    """The folder of each."""
    places: NDArray[np.int64]
    """Its place in the listing of the folder."""
    shift: int
    """What is added to the number in a file's name to get the frame's."""


@dataclass
class Images:
    """The images of one track, by the number of their frame: that in their file name, or one more; see ``together``.

    ``folders`` pairs each folder with the root its paths are told from; where two folders hold the same number, the
    first wins. Nothing is listed before something is asked.
    """

    folders: Sequence[tuple[Path, Path]]
    problems: Problems = field(default_factory=Problems)
    absent: str = ""
    """Why the database has no image folder at all; asking for images then raises DataError with this sentence."""
    frame_name: str = "{:05d}.jpg"
    """How files are called officially."""
    together: "ImageFolders | None" = field(default=None, repr=False)
    """Those of the other tracks, which are listed together and tell from which number files count."""
    _size: tuple[int, int] | None = field(default=None, repr=False)
    numbered: ClassVar[bool] = True
    """Whether the names of the files hold the numbers."""

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process reports to nobody, so it need not carry what was found here, nor the other tracks.
        if self.together is not None and not self.absent:
            _ = self._index
        return {**self.__dict__, "problems": Problems(), "together": None}

    @cached_property
    def _index(self) -> _Index:
        if self.absent and not self.folders:
            raise DataError(self.absent)
        listings = [self._list(folder) for folder, _ in self.folders]
        shift = 0 if self.together is None else self.together.shift
        numbers = np.concatenate([one.numbers for one in listings]) if listings else _NOTHING.numbers
        counts = [len(one.numbers) for one in listings]
        owners = np.repeat(np.arange(len(listings), dtype=np.int16), counts)
        places = np.concatenate([np.arange(count) for count in (*counts, 0)])
        numbers, first = np.unique(numbers, return_index=True)
        return _Index(listings, numbers + shift, owners[first], places[first], shift)

    def _list(self, folder: Path) -> Listing:
        listing = None if self.together is None else self.together.listings.get(folder)
        if listing is None:
            try:
                listing = list_images(folder)
            except OSError as error:
                self.problems.add(folder, f"cannot be listed: {error.strerror}")
                return _NOTHING
        for name in listing.strays:
            self.problems.add(folder / name, "is not a numbered image; ignored", extra=True)
        for name in listing.doubles:
            self.problems.add(folder / name, DOUBLE)
        return listing

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The numbers of frames that have an image file, ascending by value (``9`` before ``10``)."""
        return self._index.numbers

    def _select(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the places of numbers in the index, and which of them are there."""
        known = self._index.numbers
        at = np.searchsorted(known, numbers).clip(max=max(len(known) - 1, 0))
        return at, known[at] == numbers if len(known) else np.zeros(len(numbers), dtype=np.bool_)

    def files(self, numbers: NDArray[np.int64]) -> list[tuple[str, int, int] | None]:
        """Return (path relative to its root, bytes, modification time in ns) per number, or None without an image.

        Every file is looked at now, which takes a while where there are many; ``identify`` does not.
        """
        index = self._index
        found: list[tuple[str, int, int] | None] = []
        folders = [folder.relative_to(root).as_posix() for folder, root in self.folders]
        for number, at, there in zip(numbers.tolist(), *self._select(numbers), strict=True):
            if not there:
                found.append(None)
                continue
            owner, place = index.owners[at], index.places[at]
            name = index.listings[owner].name(number - index.shift)
            folder, pack = self._sources[owner]
            status = look_at(f"{folder}/{name}") if pack is None else open_pack(pack).look_at(int(place))
            found.append((f"{folders[owner]}/{name}", *status))
        return found

    def identify(self, numbers: NDArray[np.int64]) -> str:
        """Return a SHA-256 of which images there are, and of what tells that one was changed.

        That is the time of the folder, which every file that comes, goes or is replaced by another changes, and sizes
        and times of a sample: of files that are overwritten in place the others are not noticed.
        """
        index = self._index
        at, there = self._select(numbers)
        at = at[there]
        sha = hashlib.sha256(np.packbits(there).tobytes())
        sha.update(numbers.astype("<i8").tobytes())
        for owner, ((folder, root), one) in enumerate(zip(self.folders, index.listings, strict=True)):
            mine = at[index.owners[at] == owner]
            if not len(mine):
                continue
            used = set((index.numbers[mine] - index.shift).tolist()) & one.unusual.keys() if one.unusual else ()
            unusual = [one.unusual[number] for number in sorted(used)]
            about = [folder.relative_to(root).as_posix(), one.form, index.shift, unusual, one.changed]
            sha.update(json.dumps(about).encode() + one.sample.astype("<i8").tobytes())
        return sha.hexdigest()

    def read(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB images [T, H, W, 3] and a mask [T], false and black where there is none or it cannot be read.

        H and W are those of the track's first readable image, whichever images are asked for; others are resized to it.
        """
        if len(numbers) > 1 and not (numbers[1:] > numbers[:-1]).all():
            unique, inverse = np.unique(numbers, return_inverse=True)
            images, mask = self.read(unique)
            return images[inverse], mask[inverse]
        height, width = self._first_size()
        images = np.empty((len(numbers), height, width, 3), dtype=np.uint8)
        mask = np.zeros(len(numbers), dtype=np.bool_)
        # one after the other, so that the memory that it is decoded into is still in the processor's cache
        for row, image in enumerate(self._decode(numbers)):
            mask[row] = image is not None
            images[row] = 0 if image is None else self._fit(image, height, width)
        return images, mask

    def _first_size(self) -> tuple[int, int]:
        if self._size is None:
            for image in self._decode(self.numbers):
                if image is not None:
                    self._size = (image.shape[0], image.shape[1])
                    break
        return self._size or EMPTY_SIZE

    def _fit(self, image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
        if image.shape[:2] == (height, width):
            return image
        import cv2

        self.problems.add(self.folders[0][0], f"images differ in size; each is resized to the first, {width}x{height}")
        shrinks = image.shape[0] > height
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return np.asarray(resized, dtype=np.uint8)

    def _decode(self, numbers: NDArray[np.int64]) -> Iterator[NDArray[np.uint8] | None]:
        """Yield the image of each number, None where there is none that can be read."""
        index = self._index
        at, there = self._select(numbers)
        if not there.any():
            yield from [None] * len(numbers)
            return
        found = zip(numbers.tolist(), index.owners[at].tolist(), index.places[at].tolist(), there.tolist(), strict=True)
        for number, owner, place, exists in found:
            yield self._open(number, owner, place) if exists else None

    def _open(self, number: int, owner: int, place: int) -> NDArray[np.uint8] | None:
        """Return the image at a place of the listing of a folder."""
        folder, pack = self._sources[owner]
        listing = self._index.listings[owner]
        path = f"{folder}/{listing.name(number - self._index.shift)}"
        try:
            data = _read(path) if pack is None else open_pack(pack).read(place)
            return shrink(decode_image(data), LARGEST_SIDE)
        except (OSError, ValueError) as error:
            self.problems.add(path, f"{error}; treated as missing")
            return None

    @cached_property
    def _sources(self) -> list[tuple[str, str | None]]:
        """Each folder, and the pack that stands for it."""
        packs = [(folder, pack_of(folder)) for folder, _ in self.folders]
        return [(str(folder), None if pack is None else str(pack)) for folder, pack in packs]


def shrink(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return an image whose shorter side is at most ``side``: clips of photos would fill the memory."""
    import cv2

    height, width = image.shape[:2]
    if min(height, width) <= side:
        return image
    size = (round(width * side / min(height, width)), round(height * side / min(height, width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _read(path: str) -> bytes:
    """Return the bytes of a file; a pipe gives none, rather than wait for somebody to write."""
    handle = os.open(path, _READING)
    try:
        data = part = os.read(handle, _PART)
        while len(part) == _PART:  # of a file less is given at its end only
            part = os.read(handle, _PART)
            data += part
        return data
    finally:
        os.close(handle)


_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def check_whole(data: bytes) -> None:
    """Raise ValueError, saying why, for a file of an image that is empty or not there to its end.

    OpenCV decodes the upper part of a truncated JPEG file and only warns, and formats that are not known here are left
    to it.
    """
    if not data:
        raise ValueError("is empty")
    if data.startswith(b"\xff\xd8"):
        # Neither marker can occur inside coded data, so a whole file has its last end of image (D9) after its last
        # start of scan (DA), whatever thumbnails it embeds.
        if data.rfind(b"\xff\xd9") <= data.rfind(b"\xff\xda"):
            raise ValueError("is a truncated JPEG image")
    elif data.startswith(_PNG):
        if _PNG_END not in data[-1024:]:
            raise ValueError("is a truncated PNG image")
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP" and len(data) < int.from_bytes(data[4:8], "little") + 8:
        raise ValueError("is a truncated WebP image")
    elif data.startswith(b"BM") and len(data) < int.from_bytes(data[2:6], "little"):
        raise ValueError("is a truncated BMP image")


def decode_image(file: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the RGB image [H, W, 3] of a whole file in any format that OpenCV reads; greyscale gets equal channels.

    Raises ValueError saying what it is.
    """
    import cv2

    data = file if isinstance(file, bytes) else file.tobytes()
    check_whole(data)
    told = _told_size(data)
    if told is not None and told[0] * told[1] > MOST_PIXELS:
        raise ValueError(
            f"is an image of {told[1]} x {told[0]} pixels, and at most {MOST_PIXELS >> 20} million are read"
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError(f"is an unreadable {form}" if (form := _form(data)) else "is not a readable image")
    return np.asarray(image, dtype=np.uint8)


def image_size(data: bytes) -> tuple[int, int]:
    """Return height and width of a whole file, from the headers of a JPEG or PNG image. Raises ValueError."""
    check_whole(data)
    told = _told_size(data)
    if told is not None:
        return told
    if data.startswith(b"\xff\xd8"):
        raise ValueError("is an unreadable JPEG image")
    height, width = decode_image(data).shape[:2]
    return height, width


def _told_size(data: bytes) -> tuple[int, int] | None:
    """Return the height and width that the header of a PNG or JPEG image tells, None where there is none."""
    if data.startswith(_PNG) and len(data) > 24:
        return int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    if not data.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        at += 2 + length
    return None


def _form(data: bytes) -> str:
    """Return the format that a file begins like, empty for one that is none of ours."""
    begins = {b"\xff\xd8": "JPEG image", _PNG: "PNG image", b"RIFF": "WebP image", b"BM": "BMP image"}
    return next((form for start, form in begins.items() if data.startswith(start)), "")
