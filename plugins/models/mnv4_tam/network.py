"""MobileNetV4 with the temporal MLP mixers of "Lightweight Models for Emotional Analysis in Video".

Source: arXiv 2503.10530 and the authors' published code, https://github.com/PRVSL/abaw-8th (read, not copied).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import timm
import torch
from torch import Tensor, nn

from abawbench.nn import ClipNetwork, Features, SplitHead, freeze, gather

BACKBONE = "mobilenetv4_conv_small"
TIME_PATCH = 4
DIM = 256
STEPS = 6
"""The backbone's stem and its five groups of blocks; group i is step i + 1."""

CUTS = {"paper": STEPS - 1, "code": 1, "none": 0}
"""How many of the backbone's steps are frozen.

``paper`` is the paper's text, "all but the final layers": all but the last group, the 1x1 convolution to 960 channels.
``code`` is what the published code does: it freezes all children of timm's module but the last, which leaves the stem.
"""


@dataclass(frozen=True)
class Level:
    """One of the backbone's maps that a mixer reads; a map is ``32 // patch`` times smaller than the image."""

    name: str
    step: int
    channels: int
    patch: int


LEVELS = (Level("mid", 2, 64, 4), Level("low", 3, 96, 2), Level("last", 5, 960, 1))


def build_network(
    outputs: int,
    *,
    levels: int = 3,
    length: int = 8,
    size: int = 224,
    dropout: float = 0.3,
    hidden: int = DIM,
    frozen: str = "paper",
    state: Mapping[str, Tensor] | None = None,
) -> ClipNetwork:
    """Return the network: clips [B, length, 3, size, size] to logits [B, outputs].

    ``levels`` 1 to 3 counts mixers from the backbone's last map downwards, ``length`` is a multiple of 4 and ``size``
    of 32. ``state`` holds the backbone's parameters under timm's names and is loaded strictly; without it they are
    random.
    """
    backbone = timm.create_model(BACKBONE, features_only=True, pretrained=False)
    if state is not None:
        backbone.load_state_dict(state, strict=True)
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    used = LEVELS[-levels:]
    taps = [level.step for level in used[:-1]]
    cut = CUTS[frozen]
    embed = freeze(Stages(backbone, 0, cut, taps))
    trunk = Stages(backbone, cut, STEPS, taps)
    grid = (length // TIME_PATCH) * (size // 32) ** 2
    mixers = {level.name: Mixer(level.channels, level.patch, grid, hidden) for level in used}
    network = ClipNetwork(embed, Head(trunk, mixers, outputs, dropout, hidden))
    network.stages = {"embed": "backbone", "head.trunk": "backbone", "head": "temporal head"}
    return network


class Stages(nn.Module):
    """Steps ``start`` to ``stop`` (excluded) of the backbone, made of its own modules under their own names.

    The state dicts of all its parts together are the backbone's. Takes and returns maps [U, C, H, W]: those kept so far
    for the mixers, then the one to go on with.
    """

    def __init__(self, backbone: nn.Module, start: int, stop: int, taps: list[int]) -> None:
        super().__init__()
        self.start, self.stop, self.taps = start, stop, frozenset(taps)
        for name, child in backbone.named_children():
            if name != "blocks" and start == 0 < stop:
                self.add_module(name, child)
        groups = dict(backbone.get_submodule("blocks").named_children())
        self.blocks = nn.ModuleDict({str(i): groups[str(i)] for i in range(max(start, 1) - 1, stop - 1)})

    def forward(self, features: Features) -> tuple[Tensor, ...]:
        """Return the maps kept for the mixers and, last, the map after the last step."""
        *kept, x = (features,) if isinstance(features, Tensor) else features
        for step, modules in self._steps():
            for module in modules:
                x = module(x)
            if step in self.taps:
                kept.append(x)
        return (*kept, x)

    def _steps(self) -> Iterator[tuple[int, list[nn.Module]]]:
        if self.start == 0 < self.stop:
            yield 0, [child for name, child in self.named_children() if name != "blocks"]
        for name, group in self.blocks.items():
            yield int(name) + 1, [group]


class Head(SplitHead):
    """The trained part: the rest of the backbone per distinct image, a mixer per level, and a linear layer.

    A trained BatchNorm sees each distinct image of a batch once, however many clips share it.
    """

    def __init__(
        self, trunk: Stages, mixers: Mapping[str, "Mixer"], outputs: int, dropout: float, hidden: int = DIM
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.mixers = nn.ModuleDict(mixers)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden * len(mixers), outputs)

    def each(self, features: Features) -> Features:
        """Return the maps of U images that the mixers read, from the frozen ones."""
        maps: tuple[Tensor, ...] = self.trunk(features)
        return maps

    def together(self, features: Features, index: Tensor) -> Tensor:
        """Return logits [B, K] from the mixers' maps of U images and ``index`` [B, T]."""
        # channels last: a patch is then copied in runs of whole channels, and so is its gradient
        clips = [gather(x.permute(0, 2, 3, 1), index) for x in features]
        pooled = [mixer(x) for mixer, x in zip(self.mixers.values(), clips, strict=True)]
        logits: Tensor = self.classifier(self.dropout(torch.cat(pooled, dim=-1)))
        return logits


class Mixer(nn.Module):
    """A map's patches over space and time to one vector: linear, one mixer block, normalise, mean, linear."""

    def __init__(self, channels: int, patch: int, tokens: int, hidden: int = DIM) -> None:
        super().__init__()
        self.patch = patch
        self.project = nn.Linear(TIME_PATCH * patch * patch * channels, hidden)
        self.token_norm = nn.LayerNorm(hidden)
        self.token_mlp = nn.Sequential(nn.Conv1d(tokens, tokens * 4, 1), nn.GELU(), nn.Conv1d(tokens * 4, tokens, 1))
        self.channel_norm = nn.LayerNorm(hidden)
        self.channel_mlp = nn.Sequential(nn.Linear(hidden, hidden // 2), nn.GELU(), nn.Linear(hidden // 2, hidden))
        self.norm = nn.LayerNorm(hidden)
        self.output = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Return one vector [B, hidden] per clip from maps [B, T, H, W, C]."""
        x = self.project(patches(x, self.patch))
        x = x + self.token_mlp(self.token_norm(x))
        x = x + self.channel_mlp(self.channel_norm(x))
        pooled: Tensor = self.output(self.norm(x).mean(dim=1))
        return pooled


def patches(x: Tensor, patch: int) -> Tensor:
    """Return the patches [B, tokens, features] of maps [B, T, H, W, C].

    Tokens run over (row, column, time); a token's features over (patch row, patch column, frame, channel).
    """
    b, t, h, w, c = x.shape
    x = x.view(b, t // TIME_PATCH, TIME_PATCH, h // patch, patch, w // patch, patch, c)
    return x.permute(0, 3, 5, 1, 4, 6, 2, 7).flatten(4).flatten(1, 3)
