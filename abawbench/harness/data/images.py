"""Which image each frame shows, which frames each clip holds, and images as network inputs."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Clip, Track, UsageError

CHUNK = 128
"""Images decoded at a time."""


def find_nearest(exists: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return for every frame the nearest one that exists, [n]; a gap is split at its middle, ties go to the later.

    Raises ValueError when none exists.
    """
    present = np.flatnonzero(exists)
    if present.size == 0:
        raise ValueError("no frame exists")
    frames = np.arange(len(exists))
    after = np.searchsorted(present, frames).clip(max=present.size - 1)
    before = (after - 1).clip(min=0)
    earlier = np.abs(frames - present[before]) < np.abs(present[after] - frames)
    return present[np.where(earlier, before, after)]


def cut_windows(n_frames: int, length: int, stride: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the clips of a track: frame indices [C, length] and which of them are real, not padding.

    Every frame is in a clip. The last clip repeats the last frame; a repeated frame is neither trained on nor scored.
    """
    if not 0 < stride <= length:
        raise UsageError(f"a stride of {stride} with clips of {length} frames leaves frames out; use 1 to {length}")
    count = -(-max(n_frames - length, 0) // stride) + 1
    indices = np.arange(count)[:, None] * stride + np.arange(length)
    return np.minimum(indices, n_frames - 1), indices < n_frames


@dataclass(frozen=True)
class TrackImages:
    """The distinct images of a track and which of them each frame shows."""

    rows: NDArray[np.intp]
    """Frames whose own image is read; empty when the track has none."""
    shows: NDArray[np.intp]
    """[n_frames] -> index into ``rows``; one past its end for the stand-in, a black image or zero features."""

    @property
    def count(self) -> int:
        """Number of distinct images, the stand-in of a track without any included."""
        return max(len(self.rows), 1)

    @property
    def filled(self) -> int:
        """Number of frames that show another frame's image, or black."""
        return len(self.shows) - len(self.rows)


def track_images(exists: NDArray[np.bool_], stand_in: bool = False) -> TrackImages:
    """Return the images of a track whose frames exist where the mask [n_frames] says.

    Other frames show the nearest image, or with ``stand_in``, and in a track without any image, the stand-in.
    """
    rows = np.flatnonzero(exists)
    if stand_in or rows.size == 0:
        return TrackImages(rows, np.where(exists, np.cumsum(exists) - 1, len(rows)))
    return TrackImages(rows, np.searchsorted(rows, find_nearest(exists)))


def resize(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return images [U, H, W, 3] bilinearly resized to [U, size, size, 3]."""
    import cv2

    if images.shape[1:3] == (size, size) or not len(images):
        return images
    return np.stack([cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR) for image in images])


def read_images(
    tracks: Mapping[int, Track], clip: Clip
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.uint8], NDArray[np.bool_]]]:
    """Yield (track number, frames [U], images uint8 [U, size, size, 3], readable [U]) in order, decoding ahead."""

    def read(number: int, frames: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        images, readable = tracks[number].frames(frames)
        return resize(images, clip.size), readable

    def jobs() -> Iterator[tuple[int, NDArray[np.intp]]]:
        for number, track in tracks.items():
            frames = np.flatnonzero(track.frame_mask())
            for start in range(0, len(frames), CHUNK):
                yield number, frames[start : start + CHUNK]

    pending: deque[tuple[int, NDArray[np.intp], Future[tuple[NDArray[np.uint8], NDArray[np.bool_]]]]] = deque()
    with ThreadPoolExecutor(2, thread_name_prefix="abawbench-read") as pool:
        for number, frames in jobs():
            pending.append((number, frames, pool.submit(read, number, frames)))
            if len(pending) > 8:
                done_number, done_frames, future = pending.popleft()
                yield done_number, done_frames, *future.result()
        while pending:
            done_number, done_frames, future = pending.popleft()
            yield done_number, done_frames, *future.result()
