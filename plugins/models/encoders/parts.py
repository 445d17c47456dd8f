"""What every encoder has in common, and two that see the same images."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from abawbench.contracts import Source

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """How an encoder wants its images."""

    size: int
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]


class Encoder(ABC):
    """One encoder by its name; ``open`` reads what it is, ``build`` makes its network."""

    input: str
    """``frames``, ``audio`` or ``text``."""
    source: Source
    dims: int
    """Width of its features."""
    pixels: Pixels
    """Of one that sees images."""
    rate: int = 16_000
    """Samples per second, of one that hears."""
    normalise: bool = True

    @abstractmethod
    def open(self, path: Path | None) -> None:
        """Learn input and sizes, from the fetched files where they say. Raises UsageError for what does not fit."""

    @abstractmethod
    def build(self, path: Path | None) -> nn.Module:
        """Return the network: images [U, 3, S, S] or tokens [U, L] to [U, D], samples [U, N] to [U, S, D].

        Its parameters are random without a path. Raises UsageError for a file that does not fit.
        """


class SeveralVisions(nn.Module):
    """Encoders of the same images, each with its own size and normalisation; features side by side."""

    def __init__(self, encoders: list[nn.Module], wanted: list[Pixels]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.sizes = [one.size for one in wanted]
        given = wanted[0]
        for n, one in enumerate(wanted):
            # from what the first is given to what this one wants, in one step
            scale = torch.tensor(given.std) / torch.tensor(one.std)
            shift = (torch.tensor(given.mean) - torch.tensor(one.mean)) / torch.tensor(one.std)
            self.register_buffer(f"scale{n}", scale.view(1, 3, 1, 1), persistent=False)
            self.register_buffer(f"shift{n}", shift.view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features [U, D] of images [U, 3, S, S]."""
        found = []
        for n, (encoder, size) in enumerate(zip(self.encoders, self.sizes, strict=True)):
            pixels = images * self.get_buffer(f"scale{n}") + self.get_buffer(f"shift{n}")
            if pixels.shape[-1] != size:
                pixels = functional.interpolate(pixels, (size, size), mode="bilinear", align_corners=False)
            found.append(encoder(pixels))
        return torch.cat(found, dim=-1)
