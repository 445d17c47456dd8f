"""Resemblyzer's encoder: mel energies of 16 kHz sound through three LSTM layers; and the linear head on its states.

Source: Wan et al. (2018), Generalized End-to-End Loss for Speaker Verification, arXiv 1710.10467, in the sizes of the
package Resemblyzer (Apache-2.0), of which only the file of parameters is read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.functional import melscale_fbanks

from abawbench.contracts import UsageError
from abawbench.nn import gather
from abawbench_plugins.models._weights import check_state
from abawbench_plugins.models._weights import read_state as read_file

Size = Literal["full", "tiny"]
RATE = 16_000
WINDOW, HOP = 400, 160
"""Samples of a spectrum, 25 ms, and from one to the next, 10 ms."""
MELS = 40
LOUDNESS = 10 ** (-30 / 20)
"""Root mean square of the sound that the encoder learned from, -30 dB below full scale."""
POOL = 10
"""Hidden states that are averaged to one step, of which there are then ten a second."""
SIZES: Mapping[str, tuple[int, int]] = {"full": (256, 3), "tiny": (48, 1)}
"""Width and layers of the LSTM."""
_EPSILON = 1e-5


class Mel(nn.Module):
    """Samples [U, N] of mean square 1 to mel energies [U, N // 160, 40], on Slaney's scale, without a logarithm."""

    fourier: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        bins = WINDOW // 2 + 1
        angles = 2 * torch.pi / WINDOW * torch.arange(bins)[:, None] * torch.arange(WINDOW)
        waves = torch.cat([angles.cos(), angles.sin()]) * torch.hann_window(WINDOW) * LOUDNESS
        filters = melscale_fbanks(bins, 0.0, RATE / 2, MELS, RATE, norm="slaney", mel_scale="slaney")
        self.register_buffer("fourier", waves[:, None], persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the energies."""
        real, imaginary = functional.conv1d(samples[:, None], self.fourier, stride=HOP, padding=WINDOW // 2).chunk(2, 1)
        energy = (real.square() + imaginary.square()).transpose(1, 2) @ self.filters
        return energy[:, : max(samples.shape[1] // HOP, 1)]


class Encoder(nn.Module):
    """Samples [U, N] to steps [U, S, D], ten a second: means of the last layer's states."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        width, layers = SIZES[size]
        self.mel = Mel()
        self.lstm = nn.LSTM(MELS, width, layers, batch_first=True)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the steps."""
        states, _ = self.lstm(self.mel(samples))
        return functional.avg_pool1d(states.transpose(1, 2), POOL, ceil_mode=True).transpose(1, 2)


class MomentsHead(nn.Module):
    """One output per clip: a linear layer on mean and deviation of the steps of the frames that have sound."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2 * features)
        self.linear = nn.Linear(2 * features, outputs)

    def forward(
        self, features: Mapping[str, Tensor], index: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> Tensor:
        """Return logits [B, K]."""
        steps = gather(features["audio"], index["audio"])
        weights = present["audio"][..., None].to(steps.dtype)
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (steps * weights).sum(dim=1)
        variance = ((steps - mean[:, None]).square() * weights).sum(dim=1)
        logits: Tensor = self.linear(self.norm(torch.cat([mean, (variance + _EPSILON).sqrt()], dim=-1)))
        return logits


def read_encoder(path: Path) -> dict[str, Tensor]:
    """Return the LSTM's parameters in the package's file. Raises UsageError for any other file."""
    content: Any = read_file(path).get("model_state")
    if not isinstance(content, Mapping):
        raise UsageError(f"{path} is not the file of the package Resemblyzer; install the package anew")
    found = {name: value for name, value in content.items() if name.startswith("lstm.")}
    expected = Encoder("full").state_dict()
    return check_state(found, expected, path, "Resemblyzer's encoder", "install the package anew")
