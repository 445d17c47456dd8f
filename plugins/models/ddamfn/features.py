"""MixedFeatureNet: a MobileFaceNet whose depthwise convolutions mix several kernel sizes.

Source: github.com/SainingZhang/DDAMFN (read, not copied). Modules carry the names of the public weights, so that these
load as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

REDUCTION, LEAST = 32, 8
"""Coordinate attention narrows its channels by so much, and to at least so many."""


@dataclass(frozen=True)
class Stage:
    """``blocks`` mix blocks to ``channels`` maps through an expansion of the sum of ``groups``, kernel -> channels.

    One block halves the image; several keep it and add to their input.
    """

    channels: int
    blocks: int
    groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Sizes:
    """Channels of the first two convolutions, the stages, and channels of the last convolution."""

    stem: int
    stages: tuple[Stage, ...]
    out: int


SIZES = {
    "full": Sizes(
        stem=64,
        stages=(
            Stage(64, 1, ((3, 64), (5, 32), (7, 32))),
            Stage(64, 9, ((3, 96), (5, 32))),
            Stage(128, 1, ((3, 128), (5, 64), (7, 64))),
            Stage(128, 16, ((3, 192), (5, 64))),
            Stage(256, 1, ((3, 256), (5, 256), (7, 256), (9, 256))),
            Stage(256, 6, ((3, 172), (5, 170), (7, 170))),
        ),
        out=512,
    ),
    "tiny": Sizes(
        stem=8,
        stages=(
            Stage(8, 1, ((3, 8), (5, 8))),
            Stage(16, 1, ((3, 16), (5, 16))),
            Stage(16, 2, ((3, 16), (5, 16))),
            Stage(32, 1, ((3, 16), (5, 16))),
        ),
        out=64,
    ),
}


class ConvNorm(nn.Module):
    """A convolution without bias, BatchNorm, and with ``active`` a PReLU per channel."""

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int | tuple[int, int] = 1,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        active: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.prelu = nn.PReLU(out) if active else None

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [U, out, H', W'] from maps [U, into, H, W]."""
        x = self.bn(self.conv(x))
        return x if self.prelu is None else self.prelu(x)


class MixedConv(nn.Module):
    """Depthwise convolutions of several kernel sizes, each over its own group of channels.

    The public code holds a BatchNorm and a PReLU here that it never calls. They stay, untrained: the published size
    counts them, and the public weights hold their entries.
    """

    def __init__(self, groups: Sequence[tuple[int, int]], stride: int) -> None:
        super().__init__()
        self.split = [channels for _, channels in groups]
        self.mixed_depthwise_conv = nn.ModuleList(
            nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
            for kernel, channels in groups
        )
        self.bn = nn.BatchNorm2d(sum(self.split)).requires_grad_(False)
        self.prelu = nn.PReLU(sum(self.split)).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [U, C, H / stride, W / stride] from maps [U, C, H, W]."""
        parts = torch.split(x, self.split, dim=1)
        return torch.cat([conv(part) for conv, part in zip(self.mixed_depthwise_conv, parts, strict=True)], dim=1)


class Gates(nn.Module):
    """The two gates of coordinate attention, from what is left of a map along each of its axes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(LEAST, channels // REDUCTION)
        self.conv1 = nn.Conv2d(channels, narrow, 1)
        self.bn1 = nn.BatchNorm2d(narrow)
        self.conv2 = nn.Conv2d(narrow, channels, 1)
        self.conv3 = nn.Conv2d(narrow, channels, 1)
        self.swish = nn.Hardswish()

    def gates(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the product of the gates [U, C, H, W] from a value per row [U, C, H, 1] and column [U, C, 1, W]."""
        joint = torch.cat([rows, columns.transpose(2, 3)], dim=2)
        joint = self.swish(self.bn1(self.conv1(joint)))
        by_row, by_column = torch.split(joint, [rows.shape[2], columns.shape[3]], dim=2)
        across: Tensor = self.conv3(by_column.transpose(2, 3)).sigmoid()
        down: Tensor = self.conv2(by_row).sigmoid()
        return across * down


class CoordinateAttention(Gates):
    """Coordinate attention: a map times the gates of its means along each axis."""

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the shape of ``x`` [U, C, H, W]."""
        return x * self.gates(x.mean(dim=3, keepdim=True), x.mean(dim=2, keepdim=True))


class MixBlock(nn.Module):
    """Expand, mix depthwise, attend, project; added to its input unless it halves the map."""

    def __init__(self, into: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = sum(channels for _, channels in stage.groups)
        self.conv = ConvNorm(into, wide, active=True)
        self.conv_dw = MixedConv(stage.groups, stride)
        self.CA = CoordinateAttention(wide)
        self.project = ConvNorm(wide, stage.channels)
        self.residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [U, C', H / stride, W / stride] from maps [U, C, H, W]."""
        out: Tensor = self.project(self.CA(self.conv_dw(self.conv(x))))
        return x + out if self.residual else out


class Repeated(nn.Module):
    """Mix blocks in a row, under the public weights' name ``model``."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.model = nn.Sequential(*(MixBlock(stage.channels, stage, 1) for _ in range(stage.blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the shape of ``x`` [U, C, H, W]."""
        out: Tensor = self.model(x)
        return out


def build_mixed_feature_net(sizes: Sizes) -> nn.Sequential:
    """Return the network: images [U, 3, S, S] to maps [U, out, S/16, S/16], S a multiple of 16."""
    layers: list[nn.Module] = [
        ConvNorm(3, sizes.stem, 3, stride=2, padding=1, active=True),
        ConvNorm(sizes.stem, sizes.stem, 3, padding=1, groups=sizes.stem, active=True),
    ]
    channels = sizes.stem
    for stage in sizes.stages:
        layers.append(MixBlock(channels, stage, 2) if stage.blocks == 1 else Repeated(stage))
        channels = stage.channels
    layers.append(ConvNorm(channels, sizes.out, active=True))
    return nn.Sequential(*layers)
