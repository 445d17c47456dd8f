"""Histograms of oriented gradients and logistic regression: the classical floor, with its cost like any network's.

Source: Dalal and Triggs (2005), Histograms of Oriented Gradients for Human Detection. Here a pixel votes for the
nearest orientation alone, and its gradient is that of the grey image.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from abawbench.contracts import Clip, Model, Recipe, Task, UsageError, Weights
from abawbench.contracts.model import FROM_NOTHING, NOTHING
from abawbench.nn import ClipNetwork, freeze
from abawbench_plugins.models._faces import PerImage, require

ORIENTATIONS = 9
"""From 0 to below 180 degrees: light to dark and dark to light are one."""
GREY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the grey image (ITU-R BT.601)."""
LARGEST = 0.2
"""To which a normalised number is cut before it is normalised again."""
EPSILON = 1e-3


@dataclass(kw_only=True)
class HOGSettings(Recipe):
    """Cells of 8 pixels in blocks of 2 x 2 as published; the rest was chosen on held-out training people."""

    epochs: int = 20
    batch: int = 64
    lr: float = 1e-3
    weight_decay: float = 0.1
    schedule: str = "cosine"
    loss: dict[str, str] = field(
        default_factory=lambda: {
            "multiclass": "abawbench.losses:cross_entropy",
            "multilabel": "abawbench.losses:binary_cross_entropy",
        }
    )
    loss_options: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {kind: {"class_weights": "balanced"} for kind in ("multiclass", "multilabel")}
    )
    image: int = 112
    """Images are resized to image x image pixels."""
    cell: int = 8
    """A histogram counts the pixels of cell x cell."""

    def __post_init__(self) -> None:
        require(self.cell >= 2, "cell", self.cell, "2 pixels or more")
        fits = self.image % self.cell == 0 and self.image >= 2 * self.cell
        require(fits, "image", self.image, f"a multiple of the cell of {self.cell}, two of them or more")


class HOG(Model):
    """Gradients of each image, fixed, and one linear layer trained on them. It has no weights to start from."""

    Settings = HOGSettings
    settings: HOGSettings

    def __init__(self, settings: HOGSettings) -> None:
        super().__init__(settings)
        self.clip = Clip(length=1, stride=1, size=settings.image, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return that it starts from no weights. Raises UsageError when some are named."""
        if spec not in (None, NOTHING, FROM_NOTHING):
            raise UsageError(f"model '{self.name}' has no weights; leave out --weights")
        return Weights(source=NOTHING)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task: logistic regression for classes and labels, linear for numbers."""
        side = self.settings.image // self.settings.cell - 1
        linear = nn.Linear(side * side * 4 * ORIENTATIONS, len(task.outputs))
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        return ClipNetwork(freeze(OrientedGradients(self.settings.cell)), PerImage(linear))


class OrientedGradients(nn.Module):
    """Images [U, 3, S, S] to the histograms of their blocks [U, (S / cell - 1)^2 * 36], each block of length 1."""

    def __init__(self, cell: int) -> None:
        super().__init__()
        self.grey = nn.Conv2d(3, 1, 1, bias=False)
        self.grey.weight.data = torch.tensor(GREY).view(1, 3, 1, 1)
        self.gradient = nn.Conv2d(1, 2, 3, padding=1, padding_mode="replicate", bias=False)
        across = torch.zeros(3, 3)
        across[1] = torch.tensor([-1.0, 0.0, 1.0])
        self.gradient.weight.data = torch.stack([across, across.T])[:, None]
        angles = (torch.arange(ORIENTATIONS) + 0.5) * math.pi / ORIENTATIONS
        self.along = nn.Conv2d(2, ORIENTATIONS, 1, bias=False)
        self.along.weight.data = torch.stack([angles.cos(), angles.sin()], dim=1)[:, :, None, None]
        self.pool = nn.AvgPool2d(cell)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features; see the class."""
        gradient = self.gradient(self.grey(images))
        length = gradient.square().sum(dim=1, keepdim=True).sqrt()
        along = self.along(gradient).abs()
        cells = self.pool((along == along.amax(dim=1, keepdim=True)) * length)
        corners = (cells[:, :, :-1, :-1], cells[:, :, :-1, 1:], cells[:, :, 1:, :-1], cells[:, :, 1:, 1:])
        blocks = _normalise(torch.cat(corners, dim=1))
        return _normalise(blocks.clamp(max=LARGEST)).flatten(1)


def _normalise(blocks: Tensor) -> Tensor:
    return blocks / (blocks.square().sum(dim=1, keepdim=True) + EPSILON**2).sqrt()
