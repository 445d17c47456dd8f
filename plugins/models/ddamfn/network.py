"""DDAMFN with a head over time: MixedFeatureNet, dual-direction attention, and an LSTM; or with CLIP beside it.

Source: the facts of arXiv 2503.12260 and github.com/SainingZhang/DDAMFN (read, not copied).
"""

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from abawbench.nn import ClipNetwork, Features, freeze
from abawbench_plugins.models._faces import Recurrent
from abawbench_plugins.models.ddamfn.features import SIZES, ConvNorm, Gates, build_mixed_feature_net

HEADS = 2
UNUSED = ("cat_head0.CoordAtt.Linear.", "cat_head1.CoordAtt.Linear.", "fc.", "bn.")
"""Entries of the public weights that are not loaded: a layer of each head that the public code never calls, the
classifier of AffectNet's expressions, and a BatchNorm behind it that is not called either."""


def build_network(
    outputs: int,
    *,
    size: str = "full",
    image: int = 112,
    hidden: int = 128,
    dropout: float = 0.3,
    apart: float = 0.1,
    frozen: str = "none",
    state: Mapping[str, Tensor] | None = None,
    clip: nn.Module | None = None,
) -> ClipNetwork:
    """Return the network: clips [B, T, 3, image, image] to logits [B, T, outputs].

    ``frozen`` is ``none``, ``features`` (MixedFeatureNet) or ``all`` (up to the 512 features of a face). ``state``
    holds the public names without ``UNUSED`` and is loaded strictly. ``clip`` gives features [U, D] of images too, is
    frozen as it comes, and its features stand beside those of DDAMFN.
    """
    sizes = SIZES[size]
    features = build_mixed_feature_net(sizes)
    attention = DualAttention(sizes.out, image // 16)
    if state is not None:
        _load(features, attention, state)
    if frozen != "none":
        freeze(features)
    if frozen == "all":
        freeze(attention)
    embed: nn.Module = nn.Sequential(features, attention) if frozen == "all" else features
    body: nn.Module = nn.Identity() if frozen == "all" else attention
    width = sizes.out
    if clip is not None:
        width += int(clip.features)  # type: ignore[arg-type]  # an int, which nn.Module does not know
        embed, body = Beside(embed, clip), FirstThrough(body)
    embed.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ClipNetwork(embed, Apart(body, attention, apart, width, hidden, outputs, dropout))


def _load(features: nn.Module, attention: nn.Module, state: Mapping[str, Tensor]) -> None:
    inside = "features."
    features.load_state_dict({n.removeprefix(inside): v for n, v in state.items() if n.startswith(inside)}, strict=True)
    attention.load_state_dict({n: v for n, v in state.items() if not n.startswith(inside)}, strict=True)


class Direction(Gates):
    """One attention head: coordinate attention whose means along each axis are learned; gives the gates alone."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__(channels)
        self.Linear_h = ConvNorm(channels, channels, (1, side), groups=channels)
        self.Linear_w = ConvNorm(channels, channels, (side, 1), groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return gates in (0, 1) of the shape of ``x`` [U, C, side, side]."""
        return self.gates(self.Linear_h(x), self.Linear_w(x))


class DualAttention(nn.Module):
    """Maps [U, C, side, side] times the larger of two heads' gates, and a depthwise layer to features [U, C].

    ``seen`` keeps the gates of the last call in training, for ``similarity``.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        for number in range(HEADS):
            # the public weights hold each head inside a module of its own
            self.add_module(f"cat_head{number}", nn.ModuleDict({"CoordAtt": Direction(channels, side)}))
        self.Linear = ConvNorm(channels, channels, side, groups=channels)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """Return features [U, C]."""
        gates = [self.get_submodule(f"cat_head{number}.CoordAtt")(x) for number in range(HEADS)]
        self.seen = gates if self.training else []
        if self.training:
            # one value per channel has no variance: a single image is normalised by the running statistics
            self.Linear.train(len(x) > 1)
        out: Tensor = self.Linear(x * torch.stack(gates).amax(dim=0))
        return out.flatten(1)

    def similarity(self) -> Tensor:
        """Return the published loss that pushes the heads apart: 1 over their mean squared difference."""
        differences = [(one - other).square().mean() for one, other in combinations(self.seen, 2)]
        # epsilon: two equal heads would give an infinite slope
        return 1 / (torch.stack(differences).mean() + 1e-6)


class Apart(Recurrent):
    """The LSTM, and the loss that pushes the attention heads apart where these train."""

    def __init__(
        self,
        body: nn.Module,
        attention: DualAttention,
        weight: float,
        features: int,
        hidden: int,
        outputs: int,
        dropout: float,
    ) -> None:
        super().__init__(body, features, hidden, outputs, dropout)
        # in a list: the module itself belongs to ``body`` or to what is frozen
        self._attention = [attention]
        self.weight = weight

    def penalty(self) -> Tensor | None:
        """Return what is added to the loss for the last clips; None where the attention is frozen."""
        attention = self._attention[0]
        return self.weight * attention.similarity() if attention.seen else None


class Beside(nn.Module):
    """Two networks on the same images: what the first gives, then what the second gives."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, images: Tensor) -> Features:
        """Return the features of both for images [U, 3, S, S]."""
        return self.first(images), self.second(images)


class FirstThrough(nn.Module):
    """The first of two features through ``body``, then both side by side [U, D]."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, features: Features) -> Tensor:
        """Return features [U, D] of both networks."""
        first, second = features
        return torch.cat([self.body(first), second], dim=-1)
