"""A RegNet in place of a video transformer's patches, and two transformers behind it: over time and over space.

Source: abaw-protocols, section 10. No public code is known; what it does not say is a choice, see the settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.regnet import BlockParams, RegNet

from abawbench.nn import ClipNetwork, Features, SplitHead, freeze, gather
from abawbench_plugins.models._faces import FixedNorms

FIRST = ("stem", "block1")
"""What is frozen; blocks 2 to 4 train."""


@dataclass(frozen=True)
class Sizes:
    """A RegNetY, by torchvision's parameters, and the transformers behind it."""

    depth: int
    w_0: int
    w_a: float
    w_m: float
    group_width: int
    width: int
    layers: int
    heads: int


SIZES = {
    "full": Sizes(depth=16, w_0=48, w_a=27.89, w_m=2.09, group_width=8, width=256, layers=4, heads=8),
    "tiny": Sizes(depth=5, w_0=16, w_a=16.0, w_m=1.5, group_width=8, width=32, layers=1, heads=4),
}
"""``full`` holds RegNetY-400MF: stages of 48, 104, 208 and 440 channels."""


def build_network(
    outputs: int,
    *,
    sizes: Sizes,
    length: int,
    image: int,
    dropout: float = 0.1,
    frozen: bool = True,
    state: Mapping[str, Tensor] | None = None,
) -> ClipNetwork:
    """Return the network: clips [B, length, 3, image, image] to logits [B, length, outputs].

    ``state`` holds torchvision's names without ``fc`` and is loaded strictly.
    """
    s = sizes
    params = BlockParams.from_init_params(s.depth, s.w_0, s.w_a, s.w_m, s.group_width, se_ratio=0.25)
    regnet = RegNet(params, num_classes=1, norm_layer=partial(nn.BatchNorm2d, eps=1e-5, momentum=0.1))
    del regnet.fc
    if state is not None:
        regnet.load_state_dict(state, strict=True)
    regnet.to(memory_format=torch.channels_last)
    stages = {"stem": regnet.stem, **dict(regnet.trunk_output.named_children())}
    first = nn.Sequential(*(stages.pop(name) for name in FIRST))
    trunk = (FixedNorms if frozen else nn.Sequential)(*stages.values())
    channels, side = int(params.widths[-1]), _side(image)
    head = Head(trunk, channels, side * side, length, s, outputs, dropout)
    return ClipNetwork(freeze(first) if frozen else first, head)


def _side(image: int) -> int:
    """Return the side of the last map: RegNet halves, rounding up, five times."""
    for _ in range(5):
        image = -(-image // 2)
    return image


class Head(SplitHead):
    """The rest of the RegNet per distinct image, both transformers, and the mean of their logits."""

    def __init__(
        self, trunk: nn.Module, channels: int, places: int, length: int, sizes: Sizes, outputs: int, dropout: float
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.temporal = Encoder(channels, length, sizes, outputs, dropout)
        self.spatial = Encoder(channels, places, sizes, outputs, dropout)

    def each(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the pooled map [U, C] and the spatial logits [U, K] of each image from the first stage's maps."""
        maps = self.trunk(features)
        return maps.mean(dim=(2, 3)), self.spatial(maps.flatten(2).transpose(1, 2)).mean(dim=1)

    def together(self, features: Features, index: Tensor) -> Tensor:
        """Return logits [B, T, K] from what ``each`` gave and ``index`` [B, T]."""
        pooled, over_space = features
        logits: Tensor = (self.temporal(gather(pooled, index)) + gather(over_space, index)) / 2
        return logits


class Encoder(nn.Module):
    """Tokens [B, N, C] with learned positions through a transformer to logits [B, N, K]; N is at most ``tokens``."""

    def __init__(self, channels: int, tokens: int, sizes: Sizes, outputs: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Linear(channels, sizes.width)
        self.position = nn.Parameter(torch.randn(1, tokens, sizes.width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            sizes.width, sizes.heads, 4 * sizes.width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, sizes.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(sizes.width)
        self.linear = nn.Linear(sizes.width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits [B, N, K]."""
        x = self.project(tokens) + self.position[:, : tokens.shape[1]]
        logits: Tensor = self.linear(self.norm(self.layers(x)))
        return logits
