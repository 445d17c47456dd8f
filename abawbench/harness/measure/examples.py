"""What a network is called with when it is measured: noise in the shapes that its model declares."""

import torch
from torch import Tensor

from abawbench.contracts import Clip, Model
from abawbench.harness.measure.timing import Example

FRAME_RATE = 30.0
"""Frames per second of the video that costs per second are for."""
TEXT = "I was not sure at first, but then I thought that it might be worth a try, so here we are."


def example_of(model: Model, device: torch.device, batch: int = 1) -> Example:
    """Return inputs of so many clips, one tensor for each of the model's inputs in alphabetical order; the same always.

    Sound lasts as long as a clip does at ``FRAME_RATE``, a transcript is one sentence, shipped features have a row per
    frame.
    """
    return tuple(_input(model, name, batch).to(device) for name in sorted(model.inputs))


def noise_clips(clip: Clip, batch: int = 1) -> Tensor:
    """Return clips [batch, length, 3, size, size] of noise."""
    return _noise(batch, clip.length, 3, clip.size, clip.size)


def _input(model: Model, name: str, batch: int) -> Tensor:
    clip = model.clip
    if name == "frames":
        return noise_clips(clip, batch)
    if name == "audio":
        return _noise(batch, round(clip.length / FRAME_RATE * model.sound.rate))
    if name == "text":
        return torch.from_numpy(model.tokens(TEXT)).expand(batch, -1).contiguous()
    return _noise(batch, clip.length, model.feature_sizes[name])


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))
