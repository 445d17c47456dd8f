"""Which image each frame shows, which frames each clip holds, and images as network inputs."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from abawbench.contracts import Track, UsageError

CHUNK = 128
"""Images that are read together where all of a track are."""


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


def image_bytes(tracks: Iterable[Track]) -> int:
    """Return the bytes of the first image of the first track that has one, 0 where none has."""
    for track in tracks:
        there = np.flatnonzero(track.frame_mask())[:1]
        if len(there):
            return track.frames(there)[0].nbytes
    return 0


def resize(images: Tensor, size: int) -> Tensor:
    """Return uint8 images [U, 3, H, W] bilinearly resized to [U, 3, size, size], on the device they are on."""
    if images.shape[-2:] == (size, size) or not len(images):
        return images
    if images.device.type == "cpu":  # where bytes are resized many times as quickly as numbers
        return interpolate(images, (size, size), mode="bilinear")
    return interpolate(images.to(torch.float32), (size, size), mode="bilinear").round().to(torch.uint8)


@cache
def resize_answer(size: int, device: torch.device) -> str:
    """Return a SHA-256 of how a fixed image is resized there: other libraries and devices round otherwise."""
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, 112, 96), dtype=np.uint8)
    given = torch.from_numpy(noise).contiguous(memory_format=torch.channels_last)
    return hashlib.sha256(resize(given.to(device), size).cpu().contiguous().numpy().tobytes()).hexdigest()
