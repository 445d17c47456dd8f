"""The track that all official layouts share: numbered images, media beside them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import LabelledTrack, Track
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._folders import changed_at
from abawbench_plugins.databases._images import Images
from abawbench_plugins.databases._video import Video

RATE = 30.0
"""Frames per second where no video tells: all distributed videos named ``<id>-<fps>-<W>x<H>`` play at it, whatever
their name says, and most others of Aff-Wild2 and C-EXPR-DB are near it (abaw-protocols, section 2.1; CONFIRMED)."""

_PERSON = re.compile(r"_(left|right)$")


def without_person(name: str) -> str:
    """Return the name of the video: the track's without ``_left`` or ``_right``; other endings belong to the id."""
    return _PERSON.sub("", name)


@dataclass(eq=False)
class FileTrack(Track):
    """A track whose frame i is the image with number ``numbers[i]``; everything but the numbers is on disk."""

    id: str
    subject: str
    numbers: NDArray[np.int64]
    images: Images
    frame_name: str = "{:05d}.jpg"
    media: Path | None = None
    """The video, or another file that holds the sound."""
    assumed: float = RATE
    """Frames per second where no video beside the images tells."""
    traits: Mapping[str, str | float] | None = None
    """What is known of who is seen."""
    first: ClassVar[int] = 1
    """The number of the frame with which sound and video begin."""
    counted: ClassVar[bool] = False
    """Whether its images make its frames, rather than rows of an annotation."""

    def __post_init__(self) -> None:
        self.n_frames = len(self.numbers)

    @cached_property
    def rate(self) -> float:  # type: ignore[override]
        """Frames per second of the video where one is there; else what is assumed, which is noted."""
        if self._video is not None and self._video.rate:
            return self._video.rate
        where = self.images.folders[0][1] if self.images.folders else self.id
        what = f"no video beside the faces: {self.assumed:g} frames per second are assumed"
        self.images.problems.add(where, what, caveat=f"{self.assumed:g} frames/s assumed")
        return self.assumed

    @cached_property
    def _video(self) -> Video | None:
        """The video as a clock; its pictures are not asked for."""
        return Video(self.media) if self.media else None

    def frame_mask(self) -> NDArray[np.bool_]:
        """Return [n_frames], true where an image file exists; one that turns out broken is masked by ``frames``."""
        return np.isin(self.numbers, self.images.numbers)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB images [T, H, W, 3] and a mask [T], false (and black) where an image is missing or broken."""
        return self.images.read(self.numbers[np.asarray(indices, dtype=np.intp)])

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        """Return per frame (path relative to its root, bytes, modification time in ns), or None without an image."""
        return self.images.files(self.numbers)

    def identify_frames(self) -> object:
        """Return what tells its images from others: a SHA-256 of which there are, and of sizes and times of some."""
        return self.images.identify(self.numbers)

    def frame_names(self) -> Sequence[str]:
        """Return the official name of every frame, as submission files spell it."""
        return [f"{self.id}/{self.frame_name.format(number)}" for number in self.numbers.tolist()]

    def times(self) -> NDArray[np.float64]:
        """Return the time in seconds of the middle of every frame, [n_frames], as the video shows the numbered one."""
        numbers = np.maximum(self.numbers - self.first, 0)
        if self._video is not None:
            return self._video.middles(numbers, self.rate)
        return np.asarray(numbers + 0.5, dtype=np.float64) / self.rate

    def attributes(self) -> Mapping[str, str | float]:
        """Return what is known of who is seen."""
        return dict(self.traits or {})

    def audio_file(self) -> tuple[str, int, int] | None:
        """Return (folder and name, bytes, modification time in ns) of the file with the sound, or None without."""
        return None if self.media is None else identity(self.media)

    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        """Return mono samples in [-1, 1] and their rate in Hz, or None without sound. Raises DataError if broken."""
        if self.media is None:
            return None
        from abawbench_plugins.databases._audio import read_audio

        return read_audio(self.media, self.images.problems)


def identity(path: Path) -> tuple[str, int, int] | None:
    """Return (folder and name, bytes, time of change in ns) of a file, or None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return f"{path.parent.name}/{path.name}", status.st_size, changed_at(status)


class CountedTrack(FileTrack):
    """A track without rows per frame: its images in the order of their numbers are its frames.

    One without a face must still be predicted and therefore has one frame whose mask is false.
    """

    counted = True

    def __init__(self, *, id: str, subject: str, rate: float, images: Images, frame_name: str) -> None:
        self.id, self.subject, self.assumed = id, subject, rate
        self.images, self.frame_name = images, frame_name
        self.media = None

    @cached_property
    def numbers(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Return the image numbers; listing the folder waits until they are asked for."""
        found = self.images.numbers
        return found if len(found) else np.ones(1, dtype=np.int64)

    @property
    def n_frames(self) -> int:  # type: ignore[override]
        """Return the number of face images, at least 1."""
        return len(self.numbers)


def files_of(tracks: Iterable[LabelledTrack]) -> list[FileTrack]:
    """Return the tracks without their labels."""
    return [one.track for one in tracks if isinstance(one.track, FileTrack)]


def face_track(
    name: str,
    numbers: NDArray[np.int64],
    faces: Mapping[str, Sequence[tuple[Path, Path]]],
    videos: Mapping[str, Path],
    problems: Problems,
) -> FileTrack:
    """Return the track of one person of Aff-Wild2, with the folders of its faces and the video they were cut from."""
    video = without_person(name)
    return FileTrack(
        id=name,
        subject=video,
        numbers=numbers,
        images=Images(faces.get(name, ()), problems),
        media=videos.get(video) or videos.get(name),
    )
