"""The clips of a set of tracks as batches: which images they show, what their frames are labelled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abawbench.contracts import Clip, Labels, Task
from abawbench.harness.data.features import Features
from abawbench.harness.data.images import windows
from abawbench.harness.data.inputs import SeveralInputs

Inputs: TypeAlias = tuple[Tensor, ...] | dict[str, tuple[Tensor, ...]]
Index: TypeAlias = Tensor | dict[str, Tensor]


@dataclass(frozen=True)
class ClipIndex:
    """One clip: a track and the frames it holds."""

    track: int
    frames: NDArray[np.intp]
    """[T]"""
    real: NDArray[np.bool_]
    """[T], false where the last frame is repeated to fill the clip."""


@dataclass(frozen=True)
class Batch:
    """Clips ready for a network."""

    inputs: Inputs
    """What ``Features.gather`` gave for the U distinct images, [U, ...] each; by input where there are several."""
    index: Index
    """int64 [B, T]: which image each frame shows; by input where there are several, -1 where one is missing."""
    target: Tensor
    """Labels of the frames, [B, T], [B, T, K] or [B, T, C]; of the track, repeated, at track level."""
    mask: Tensor
    """bool [B, T], or [B, T, P] for a task of P parts: annotated and not padding."""


def clips_of(numbers: Sequence[int], features: Features, clip: Clip) -> list[ClipIndex]:
    """Return the clips of the tracks with these numbers, in order; each frame is in at least one."""
    found = []
    for number in numbers:
        frames, real = windows(len(features.images[number].shows), clip.length, clip.stride)
        found += [ClipIndex(number, f, r) for f, r in zip(frames, real, strict=True)]
    return found


def distinct(clips: Sequence[ClipIndex], features: Features) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the distinct images of the clips as (track, row) pairs [U, 2], and the index [B, T] into them."""
    pairs = np.stack(
        [np.stack([np.full_like(c.frames, c.track), features.images[c.track].shows[c.frames]], axis=1) for c in clips]
    )
    unique, index = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
    return unique, index.reshape(pairs.shape[:2]).astype(np.int64)


def given(clips: Sequence[ClipIndex], features: Features) -> tuple[Inputs, Index]:
    """Return what the network is given for clips, as the fields ``inputs`` and ``index`` of ``Batch``."""
    if isinstance(features, SeveralInputs):
        found = {
            name: part.batch([(clip.track, part.shows[clip.track][clip.frames]) for clip in clips])
            for name, part in features.parts.items()
        }
        return {name: one[0] for name, one in found.items()}, {name: one[1] for name, one in found.items()}
    pairs, index = distinct(clips, features)
    return features.gather(pairs), torch.from_numpy(index)


class ClipBatches:
    """Turns lists of clips into batches; a ``collate_fn`` for torch's DataLoader."""

    def __init__(self, features: Features, labels: Sequence[Labels | None], task: Task) -> None:
        self._features = features
        self._labels = labels
        self._task = task

    def __call__(self, clips: Sequence[ClipIndex]) -> dict[str, Any]:
        """Return the batch of these clips, as the fields of ``Batch``."""
        inputs, index = given(clips, self._features)
        targets, masks = zip(*(self._labelled(c) for c in clips), strict=True)
        return {
            "inputs": inputs,
            "index": index,
            "target": torch.from_numpy(np.stack(targets)),
            "mask": torch.from_numpy(np.stack(masks)),
        }

    def _labelled(self, clip: ClipIndex) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        labels = self._labels[clip.track]
        assert labels is not None
        at = np.zeros_like(clip.frames) if self._task.level == "track" else clip.frames
        values = labels.values[at]
        mask = (labels.mask[at].T & clip.real).T
        dtype = np.int64 if self._task.kind == "multiclass" else np.float32
        return np.where(self._over_values(mask, values.ndim), values, 0).astype(dtype), mask

    def _over_values(self, mask: NDArray[np.bool_], dimensions: int) -> NDArray[np.bool_]:
        """Return the mask in a shape that fits label values of so many dimensions."""
        if self._task.parts:
            return np.repeat(mask, [at.stop - at.start for at in self._task.part_columns], axis=1)
        return mask.reshape(mask.shape + (1,) * (dimensions - 1))


def annotated(clips: Sequence[ClipIndex], labels: Sequence[Labels | None], task: Task) -> Iterator[ClipIndex]:
    """Yield the clips with at least one annotated frame, the only ones to learn from."""
    for clip in clips:
        known = labels[clip.track]
        if known is None:
            continue
        at = np.zeros_like(clip.frames) if task.level == "track" else clip.frames
        if (known.annotated[at] & clip.real).any():
            yield clip
