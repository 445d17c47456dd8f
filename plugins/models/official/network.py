"""ResNet-50 with a linear layer, and VGG16 with three fully connected ones, both frame by frame.

Source: abaw-protocols, section 2.5.
"""

from collections.abc import Mapping
from typing import Any

import torch
from timm.models.resnet import Bottleneck, ResNet
from torch import Tensor, nn
from torchvision.models.vgg import make_layers, vgg16

from abawbench.contracts import Weights
from abawbench.nn import ClipNetwork, freeze
from abawbench_plugins.models._faces import PerImage
from abawbench_plugins.models._weights import check_state, read_state

RESNETS: dict[str, dict[str, Any]] = {
    "full": {"block": Bottleneck, "layers": (3, 4, 6, 3)},
    "tiny": {"block": Bottleneck, "layers": (1, 1, 1, 1), "channels": (8, 16, 16, 32), "stem_width": 8},
}
VGGS: dict[str, tuple[list[str | int], int]] = {
    "full": ([64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"], 4096),
    "tiny": ([8, "M", 16, "M", 16, "M", 32, "M"], 64),
}
"""Convolutions and poolings by torchvision's table D, and the width of the hidden layers."""
CELLS = 7
"""The last map is pooled to so many cells a side, so that layers trained on images of 224 fit any other."""
_VGGFACE = {f"{b}_{i}": n for n, (b, i) in zip(
    (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    [(b, i) for b, count in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, count + 1)],
    strict=True,
)}  # fmt: skip
"""Convolution of the descriptor, block_number -> its place among torchvision's ``features``."""


def build_resnet(outputs: int, *, size: str = "full", state: Mapping[str, Tensor] | None = None) -> ClipNetwork:
    """Return the network: clips [B, T, 3, S, S] to logits [B, T, outputs], all of it trained.

    ``state`` holds timm's names without the classifier and is loaded strictly.
    """
    backbone = ResNet(num_classes=0, **RESNETS[size])
    if state is not None:
        backbone.load_state_dict(state, strict=True)
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ClipNetwork(backbone, PerImage(nn.Linear(int(backbone.num_features), outputs)))


def read_resnet(weights: Weights) -> dict[str, Tensor] | None:
    """Return the backbone's parameters; None for ``none``. Raises UsageError for a foreign file."""
    if weights.path is None:
        return None
    with torch.device("meta"):
        expected = ResNet(num_classes=0, **RESNETS["full"]).state_dict()
    state = {name: value for name, value in read_state(weights.path).items() if not name.startswith("fc.")}
    return check_state(state, expected, weights.path, "timm's resnet50", "give --weights imagenet=FILE or none")


def build_vgg(
    outputs: int,
    *,
    size: str = "full",
    dropout: float = 0.5,
    frozen: bool = True,
    state: Mapping[str, Tensor] | None = None,
) -> ClipNetwork:
    """Return the network: clips [B, T, 3, S, S] to logits [B, T, outputs], its convolutions ``frozen`` or not.

    ``state`` holds torchvision's names without the last layer and is loaded strictly.
    """
    table, hidden = VGGS[size]
    convolutions = make_layers(table)
    for layer in convolutions:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    channels = [entry for entry in table if isinstance(entry, int)][-1]
    layers = nn.Sequential(
        nn.AdaptiveAvgPool2d(CELLS),
        nn.Flatten(),
        nn.Linear(channels * CELLS * CELLS, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, outputs),
    )
    if state is not None:
        convolutions.load_state_dict(_inside("features.", state))
        for ours, theirs in ((2, 0), (5, 3)):
            layers[ours].load_state_dict(_inside(f"classifier.{theirs}.", state))
    if frozen:
        freeze(convolutions)
    convolutions.to(memory_format=torch.channels_last)
    return ClipNetwork(convolutions, PerImage(layers))


def read_vgg(weights: Weights) -> dict[str, Tensor] | None:
    """Return VGG16's parameters under torchvision's names without the last layer; None for ``none``.

    A file may hold torchvision's names or the descriptor's (``conv1_1`` to ``fc7``; its last layer, of people, goes).
    Raises UsageError for a foreign file.
    """
    if weights.path is None:
        return None
    state = {_torchvision_name(name): value for name, value in read_state(weights.path).items()}
    state = {name: value for name, value in state.items() if not name.startswith(("classifier.6.", "fc8."))}
    with torch.device("meta"):
        whole = vgg16(weights=None).state_dict()
    expected = {name: value for name, value in whole.items() if not name.startswith("classifier.6.")}
    return check_state(state, expected, weights.path, "VGG16", "give --weights vggface=FILE, imagenet=FILE or none")


def _torchvision_name(name: str) -> str:
    layer, _, kind = name.rpartition(".")
    if layer.startswith("conv") and layer[4:] in _VGGFACE:
        return f"features.{_VGGFACE[layer[4:]]}.{kind}"
    return {"fc6": f"classifier.0.{kind}", "fc7": f"classifier.3.{kind}"}.get(layer, name)


def _inside(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
