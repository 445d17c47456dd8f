"""Writes ``docs/counts.md``: multiply-accumulates worked out by hand, beside those of five counters.

``python tools/counts.py`` writes it anew; a test fails while it is stale.
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from abawbench.harness.measure.counting import count_macs

FILE = Path(__file__).parents[1] / "docs" / "counts.md"
B, T, D = 2, 16, 64
"""Sequences in a batch, their steps, and the numbers of each step."""

HEAD = f"""\
# MACs by hand and by counter

Networks whose multiply-accumulates follow from their definition, counted by hand, by abawbench (torch's FlopCounterMode
without fused kernels, checked by fvcore with handlers; see [cost.md](cost.md)), and by four counters as they come:
torch's FlopCounterMode halved, fvcore, ptflops and torchinfo. In brackets the share of the true count. Everything is
computed by `tools/counts.py`, which writes this page; a test fails while it is stale. Sequences are
{B} x {T} x {D}.

| network | by hand | abawbench | its fvcore | torch | fvcore | ptflops | torchinfo |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Case:
    """A network, the shape of its input, and its MACs with the sum they come from."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    macs: int


class InvertedResidual(nn.Module):
    """Pointwise to four times the channels, depthwise 3x3, pointwise back, added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 4 * channels
        self.block = nn.Sequential(
            *(nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()),
            *(nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()),
            *(nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return as many numbers as came in."""
        out: Tensor = x + self.block(x)
        return out


class FusedAttention(nn.Module):
    """One pre-norm transformer block with torch's fused attention, four heads."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(D) for _ in range(2))
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))

    def forward(self, x: Tensor) -> Tensor:
        """Return as many numbers as came in."""
        q, k, v = self.qkv(self.norms[0](x)).unflatten(-1, (3, 4, D // 4)).permute(2, 0, 3, 1, 4)
        x = x + self.out(self.attend(q, k, v).transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.norms[1](x))
        return out

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return the values [B, heads, T, E] mixed by the weights of queries and keys."""
        return nn.functional.scaled_dot_product_attention(q, k, v)


class WrittenAttention(FusedAttention):
    """The same block with attention written as two products."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return the values [B, heads, T, E] mixed by the weights of queries and keys."""
        return torch.softmax(q @ k.transpose(-2, -1) / (D // 4) ** 0.5, dim=-1) @ v


class Temporal(nn.Module):
    """A temporal convolutional network: three dilated convolutions of width 3 over time, each added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(D, D, 3, padding=2**i, dilation=2**i) for i in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Return as many numbers as came in."""
        x = x.transpose(1, 2)
        for layer in self.layers:
            x = x + torch.relu(layer(x))
        return x.transpose(1, 2)


def _encoder() -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(D, 4, 4 * D, batch_first=True), 2)


def _inverted() -> nn.Module:
    stem = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 7))
    return nn.Sequential(stem, *(InvertedResidual(16) for _ in range(3)), *head)


def cases() -> list[Case]:
    """Return the networks in the order of the page."""
    steps = B * T
    # 64 x 64 images, 32 x 32 after the stem
    inverted = 32 * 32 * (16 * 3 * 9 + 3 * (16 * 64 + 64 * 9 + 64 * 16)) + 16 * 7
    # queries, keys, values and output; both products of attention; the two layers of the MLP
    block = steps * 4 * D * D + 2 * steps * T * D + steps * 2 * D * 4 * D
    lstm = steps * 4 * D * (D + D)
    return [
        Case("inverted-residual CNN, 64 x 64", _inverted, (1, 3, 64, 64), inverted),
        Case(
            "12 blocks of fused attention",
            lambda: nn.Sequential(*(FusedAttention() for _ in range(12))),
            (B, T, D),
            12 * block,
        ),
        Case(
            "12 blocks of attention written with @",
            lambda: nn.Sequential(*(WrittenAttention() for _ in range(12))),
            (B, T, D),
            12 * block,
        ),
        Case("TransformerEncoder, 2 layers", _encoder, (B, T, D), 2 * block),
        Case("LSTM", lambda: nn.LSTM(D, D, batch_first=True), (B, T, D), lstm),
        Case("BiGRU", lambda: nn.GRU(D, D, batch_first=True, bidirectional=True), (B, T, D), 2 * lstm * 3 // 4),
        Case("TCN, 3 layers", Temporal, (B, T, D), 3 * steps * D * D * 3),
    ]


def by_torch(network: nn.Module, x: Tensor) -> int:
    """Return half of what torch's counter gives as it comes."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(x)
    return counter.get_total_flops() // 2


def by_fvcore(network: nn.Module, x: Tensor) -> int:
    """Return what fvcore gives as it comes."""
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(network, x)
    return int(analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


class Positional(nn.Module):
    """A network by itself, whose input has a name."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return as many numbers as came in."""
        out: Tensor = self.network(x)
        return out


def by_ptflops(network: nn.Module, x: Tensor) -> int:
    """Return what ptflops gives by its default way."""
    from ptflops import get_model_complexity_info

    found = get_model_complexity_info(
        Positional(network),
        tuple(x.shape),
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
        input_constructor=lambda shape: {"x": x},
    )
    return int(found[0])


def by_torchinfo(network: nn.Module, x: Tensor) -> int:
    """Return what torchinfo gives."""
    from torchinfo import summary

    return int(summary(network, input_data=x, verbose=0).total_mult_adds)


COUNTERS = (by_torch, by_fvcore, by_ptflops, by_torchinfo)


def row(case: Case) -> list[int | None]:
    """Return the MACs of a case: by hand, by both of our counters, and by the others; None where one failed."""
    torch.manual_seed(0)
    network, x = case.build().eval(), torch.zeros(case.shape)
    ours = count_macs(network, x)
    found: list[int | None] = [case.macs, ours.total["flop_counter"], ours.total["fvcore"]]
    for count in COUNTERS:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                found.append(count(case.build().eval(), x))
            except Exception:
                found.append(None)
    return found


def text() -> str:
    """Return the page."""
    lines = []
    for case in cases():
        by_hand, *counts = row(case)
        assert by_hand is not None
        cells = ["failed" if n is None else f"{n:,} ({n / by_hand:.3f})" for n in counts]
        lines.append(f"| {case.name} | {by_hand:,} | {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
