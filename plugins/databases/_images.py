"""Folders of JPEG images: found by one directory listing, decoded when asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError
from abawbench.contracts.problems import Problems
from abawbench.contracts.text import read_regular
from abawbench_plugins.databases._folders import entries

EMPTY_SIZE = (112, 112)
"""Height and width of the black frames of a track that has no readable image: the size of the aligned faces."""

NUMBERED = re.compile(r"(?:frame-)?(\d{1,9})\.jpe?g$", re.IGNORECASE)
"""Names of numbered images: the number is group 1."""


@dataclass
class Images:
    """The images of one track, by the number in their file name.

    ``folders`` pairs each folder with the root its paths are told from; where two folders hold the same number, the
    first wins. Nothing is listed before something is asked.
    """

    folders: Sequence[tuple[Path, Path]]
    problems: Problems = field(default_factory=Problems)
    absent: str = ""
    """Why the database has no image folder at all; asking for images then raises DataError with this sentence."""
    frame_name: str = "{:05d}.jpg"
    """How files are usually called; only names that differ are remembered, for there are millions."""
    _size: tuple[int, int] | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process reports to nobody, so it need not carry what was found here.
        return {**self.__dict__, "problems": Problems()}

    @cached_property
    def _index(self) -> tuple[NDArray[np.int64], NDArray[np.int16], dict[int, str]]:
        """Ascending numbers, the folder of each, and the names that are not ``frame_name``."""
        if self.absent and not self.folders:
            raise DataError(self.absent)
        owner: dict[int, int] = {}
        unusual: dict[int, str] = {}
        for place, (folder, _) in enumerate(self.folders):
            for entry in entries(folder, self.problems):
                match = NUMBERED.match(entry.name)
                if match is None:
                    self.problems.add(entry.path, "is not a numbered .jpg image; ignored", extra=True)
                elif (number := int(match[1])) not in owner:
                    owner[number] = place
                    if entry.name != self.frame_name.format(number):
                        unusual[number] = entry.name
        numbers = np.asarray(sorted(owner), dtype=np.int64)
        return numbers, np.asarray([owner[n] for n in numbers.tolist()], dtype=np.int16), unusual

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The numbers that have an image file, ascending by value (``9`` before ``10``)."""
        return self._index[0]

    def _find(self, number: int) -> tuple[Path, Path] | None:
        numbers, owner, unusual = self._index
        place = int(np.searchsorted(numbers, number))
        if place == len(numbers) or numbers[place] != number:
            return None
        folder, root = self.folders[owner[place]]
        return folder / unusual.get(number, self.frame_name.format(number)), root

    def files(self, numbers: NDArray[np.int64]) -> list[tuple[str, int, int] | None]:
        """Return (path relative to its root, bytes, modification time in ns) per number, or None without an image."""
        return [self._stat(int(number)) for number in numbers]

    def _stat(self, number: int) -> tuple[str, int, int] | None:
        found = self._find(number)
        if found is None:
            return None
        path, root = found
        try:
            status = path.stat()
        except OSError:
            return None
        return path.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns

    def read(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB images [T, H, W, 3] and a mask [T], false and black where there is none or it cannot be read.

        H and W are those of the track's first readable image, whichever images are asked for; others are resized to it.
        """
        unique, inverse = np.unique(numbers, return_inverse=True)
        decoded = {int(number): self._decode(int(number)) for number in unique}
        height, width = self._first_size(decoded)
        images = np.zeros((len(unique), height, width, 3), dtype=np.uint8)
        mask = np.zeros(len(unique), dtype=np.bool_)
        for row, image in enumerate(decoded.values()):
            if image is not None:
                images[row] = self._fit(image, height, width)
                mask[row] = True
        if len(unique) == len(numbers) and (inverse == np.arange(len(numbers))).all():
            return images, mask
        return images[inverse], mask[inverse]

    def _first_size(self, decoded: dict[int, NDArray[np.uint8] | None]) -> tuple[int, int]:
        if self._size is None:
            for number in self.numbers.tolist():
                image = decoded[number] if number in decoded else self._decode(number)
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

    def _decode(self, number: int) -> NDArray[np.uint8] | None:
        found = self._find(number)
        if found is None:
            return None
        path = found[0]
        try:
            return decode_jpeg(read_regular(path))
        except (OSError, ValueError) as error:
            self.problems.add(path, f"{error}; treated as missing")
            return None


def check_whole(data: bytes) -> None:
    """Raise ValueError, saying why, unless the bytes begin and end like one whole JPEG file."""
    if not data.startswith(b"\xff\xd8"):
        raise ValueError("is empty" if not data else "is not a JPEG image")
    # OpenCV decodes the upper part of a truncated file and only warns. Neither marker can occur inside coded data, so a
    # whole file has its last end of image (D9) after its last start of scan (DA), whatever thumbnails it embeds.
    if data.rfind(b"\xff\xd9") <= data.rfind(b"\xff\xda"):
        raise ValueError("is a truncated JPEG image")


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Return the RGB image [H, W, 3] of a whole JPEG file; greyscale gets three equal channels. Raises ValueError."""
    import cv2

    check_whole(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError("is an unreadable JPEG image")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return height and width from the headers of a JPEG file, decoding nothing. Raises ValueError."""
    check_whole(data)
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        at += 2 + length
    raise ValueError("is an unreadable JPEG image")
