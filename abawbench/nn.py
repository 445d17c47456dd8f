"""Building blocks for the networks of model plugins that see clips of frames. Needs torch; nothing else."""

from collections.abc import Iterable, Mapping, Sequence
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


class InputsNetwork(nn.Module):
    """A network over clips with several inputs, or with another than frames; see ``contracts.Model``.

    ``embed`` has a module for every input that is computed, ``head(features, index, present)`` sees mappings by input.
    Called with one tensor per name of ``inputs``, in this order: images [B, T, 3, S, S] for ``frames``, samples [B, N]
    that last as long as the clip for ``audio``, tokens [B, L] for ``text``, rows [B, R, D] for ``features:NAME``. One
    more tensor, bool [B, inputs, T], says which frames have which input; without it all have all. ``length`` is T, the
    frames of a clip. ``stages`` is as for ``ClipNetwork``.
    """

    stages: Mapping[str, str] = {
        "embed.frames": "backbone",
        "embed.audio": "audio front end",
        "embed.text": "text encoder",
        "head": "fusion",
    }

    def __init__(self, embed: Mapping[str, nn.Module], head: nn.Module, inputs: Iterable[str], length: int) -> None:
        super().__init__()
        self.inputs = tuple(sorted(inputs))
        self.length = length
        self.embed = nn.ModuleDict(embed)
        self.head = head

    def forward(self, *given: Tensor) -> Tensor:
        """Return the logits [B, K] or [B, T, K] of clips."""
        there = given[len(self.inputs)] if len(given) > len(self.inputs) else None
        features, index, present = {}, {}, {}
        for place, (name, x) in enumerate(zip(self.inputs, given, strict=False)):
            steps = self._steps(name, x)
            batch, count = steps[0].shape[:2]
            at = torch.arange(self.length, device=x.device) * count // self.length
            index[name] = torch.arange(batch, device=x.device)[:, None] * count + at
            levels = tuple(level.flatten(0, 1) for level in steps)
            if there is None:
                present[name] = torch.ones(batch, self.length, dtype=torch.bool, device=x.device)
            else:  # as in a run, where a frame without the input sees zeros
                present[name] = there[:, place]
                index[name] = torch.where(present[name], index[name], batch * count)
                levels = tuple(torch.cat([level, torch.zeros_like(level[:1])]) for level in levels)
            features[name] = single(levels)
        logits: Tensor = self.head(features, index, present)
        return logits

    def _steps(self, name: str, x: Tensor) -> tuple[Tensor, ...]:
        """Return the features [B, S, ...] of one input."""
        if name == "frames":
            levels = as_tuple(self.embed[name](x.flatten(0, 1)))
            return tuple(level.view(*x.shape[:2], *level.shape[1:]) for level in levels)
        if name == "text":
            return tuple(level[:, None] for level in as_tuple(self.embed[name](x)))
        return as_tuple(self.embed[name](x) if name in self.embed else x)

    def train(self, mode: bool = True) -> "InputsNetwork":
        """Return self in training or evaluation mode; frozen parts of ``embed`` stay in evaluation mode."""
        super().train(mode)
        for part in self.embed.values():
            if is_frozen(part):
                part.eval()
        return self


def as_tuple(output: Features) -> tuple[Tensor, ...]:
    """Return what an ``embed`` gave as a tuple of tensors."""
    return (output,) if isinstance(output, Tensor) else tuple(output)


def single(levels: tuple[Tensor, ...]) -> Features:
    """Return the one tensor of a tuple, or the tuple of several: what a head is given."""
    return levels[0] if len(levels) == 1 else levels


def frozen_prefixes(network: nn.Module) -> tuple[str, ...]:
    """Return the prefixes of the names of the parameters that belong to a frozen ``embed`` or frozen parts of it."""
    embed = network.get_submodule("embed")
    if isinstance(embed, nn.ModuleDict):
        return tuple(f"embed.{name}." for name, part in embed.items() if is_frozen(part))
    return ("embed.",) if is_frozen(embed) else ()


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
