"""Building blocks for the networks of model plugins that see clips of frames. Needs torch; nothing else."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

Features: TypeAlias = Tensor | Sequence[Tensor]
"""What ``embed`` gives for U images: a tensor [U, ...], or several of them."""


class ClipNetwork(nn.Module):
    """A network over clips, split into ``embed`` (frame by frame) and ``head`` (over the frames of a clip).

    ``embed(images)`` takes [U, 3, S, S] and gives Features; ``head(features, index)`` takes the features of U distinct
    images and ``index`` int64 [B, T], which image each frame of each clip shows, and gives logits [B, K] (one output
    per clip) or [B, T, K] (one per frame). Where ``embed`` is frozen its result can be kept and used again: a frame
    that several clips share, or that pads a clip, is computed once.

    ``stages`` maps names of submodules to the stages by which the cost is reported; the longest name counts.
    """

    stages: Mapping[str, str] = {"embed": "backbone", "head": "temporal head"}

    def __init__(self, embed: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.embed = embed
        self.head = head

    @property
    def cacheable(self) -> bool:
        """Whether ``embed`` computes something and none of it trains, so that its results can be kept."""
        return is_frozen(self.embed)

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits [B, K] or [B, T, K] of clips [B, T, 3, S, S], as ``embed`` and ``head`` together."""
        batch, length = clips.shape[:2]
        index = torch.arange(batch * length, device=clips.device).view(batch, length)
        logits: Tensor = self.head(self.embed(clips.flatten(0, 1)), index)
        return logits

    def per_frame(self, images: Tensor) -> Features:
        """Return all that is computed image by image, of images [U, 3, S, S]; for networks in evaluation mode."""
        features: Features = self.embed(images)
        return self.head.each(features) if isinstance(self.head, SplitHead) else features

    def over_clip(self, features: Features, index: Tensor) -> Tensor:
        """Return the logits of clips from what ``per_frame`` gave for U images and ``index`` int64 [B, T]."""
        rest = self.head.together if isinstance(self.head, SplitHead) else self.head
        logits: Tensor = rest(features, index)
        return logits

    def train(self, mode: bool = True) -> "ClipNetwork":
        """Return self in training or evaluation mode; a frozen ``embed`` stays in evaluation mode."""
        super().train(mode)
        if is_frozen(self.embed):
            self.embed.eval()
        return self


class SplitHead(nn.Module):
    """A head whose first part works image by image, so that live video computes it once per frame."""

    def each(self, features: Features) -> Features:
        """Return what is computed for each of U images by itself from what ``embed`` gave for them."""
        raise NotImplementedError

    def together(self, features: Features, index: Tensor) -> Tensor:
        """Return the logits of clips from what ``each`` gave for U images and ``index`` int64 [B, T]."""
        raise NotImplementedError

    def forward(self, features: Features, index: Tensor) -> Tensor:
        """Return the logits [B, K] or [B, T, K] of clips."""
        return self.together(self.each(features), index)


def freeze(module: nn.Module) -> nn.Module:
    """Return the module with no parameter trained and in evaluation mode, so that its statistics stay."""
    return module.requires_grad_(False).eval()


def is_frozen(module: nn.Module) -> bool:
    """Return whether the module has parameters and trains none of them."""
    flags = [parameter.requires_grad for parameter in module.parameters()]
    return bool(flags) and not any(flags)


def gather(features: Tensor, index: Tensor) -> Tensor:
    """Return the features [B, T, ...] of clips, from those of U distinct images [U, ...] and ``index`` int64 [B, T]."""
    return features.index_select(0, index.reshape(-1)).view(*index.shape, *features.shape[1:])
