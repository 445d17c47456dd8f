"""Clips: which frames each holds, what they are labelled, and which of them there is something to learn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Clip, Labels, Task
from abawbench.harness.data.images import cut_windows


@dataclass(frozen=True)
class ClipIndex:
    """One clip: a track and the frames it holds."""

    track: int
    """Its number among the tracks of the inputs."""
    frames: NDArray[np.intp]
    """[T]"""
    real: NDArray[np.bool_]
    """[T], false where the last frame is repeated to fill the clip."""


Wanted: TypeAlias = Callable[[int, NDArray[np.intp], NDArray[np.bool_]], NDArray[np.bool_]]
"""Says which clips of a track are wanted, [C], by their frames and what is real of them, [C, T]."""


def cut_clips(track: int, n_frames: int, clip: Clip, wanted: Wanted | None = None) -> list[ClipIndex]:
    """Return the clips of a track of so many frames, all or those that are wanted; each frame is in at least one."""
    frames, real = cut_windows(n_frames, clip.length, clip.stride)
    if wanted is not None:  # before there are a million objects
        there = wanted(track, frames, real)
        frames, real = frames[there], real[there]
    return [ClipIndex(track, f, r) for f, r in zip(frames, real, strict=True)]


class ClipLabels:
    """The labels of clips, for the tracks that have some."""

    def __init__(self, labels: Mapping[int, Labels], task: Task) -> None:
        self._labels = labels
        self._task = task

    def annotated(self, track: int, frames: NDArray[np.intp], real: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which clips [C] of a track have an annotated frame, the only ones to learn from."""
        there = self._labels[track].annotated[self._rows(frames)] & real
        return np.asarray(there.any(axis=1))

    def of(self, clip: ClipIndex) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the labels of the frames of a clip, [T], [T, K] or [T, C]; at track level the track's, repeated.

        With them a mask [T], or [T, P] for a task of P parts: annotated and not padding.
        """
        labels = self._labels[clip.track]
        at = self._rows(clip.frames)
        values = labels.values[at]
        mask = (labels.mask[at].T & clip.real).T
        dtype = np.int64 if self._task.kind == "multiclass" else np.float32
        return np.where(self._over_values(mask, values.ndim), values, 0).astype(dtype), mask

    def _rows(self, frames: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.zeros_like(frames) if self._task.level == "track" else frames

    def _over_values(self, mask: NDArray[np.bool_], dimensions: int) -> NDArray[np.bool_]:
        """Return the mask in a shape that fits label values of so many dimensions."""
        if self._task.parts:
            return np.repeat(mask, [at.stop - at.start for at in self._task.part_columns], axis=1)
        return mask.reshape(mask.shape + (1,) * (dimensions - 1))
