"""The trained halves: a GRU, a linear layer, and two ways to fuse them. All give one output per frame."""

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn

from abawbench.contracts import Task
from abawbench.losses import scores_of
from abawbench.nn import gather

Named: TypeAlias = Mapping[str, Tensor]


class Recurrent(nn.Module):
    """The visual EMI baseline: a GRU of three layers over the frames of a clip, and a linear layer."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.gru = nn.GRU(features, hidden, num_layers=3, batch_first=True)
        self.linear = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, T, K] from features [B, T, D]."""
        logits: Tensor = self.linear(self.gru(x)[0])
        return logits


class Linear(nn.Module):
    """The audio EMI baseline: a linear layer."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, T, K] from features [B, T, D]."""
        logits: Tensor = self.linear(x)
        return logits


class MLP(nn.Module):
    """A hidden layer and a linear one."""

    def __init__(self, features: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, T, K] from features [B, T, D]."""
        logits: Tensor = self.layers(x)
        return logits


class FramesHead(nn.Module):
    """One body over the frames alone, in the form of a network that sees nothing else."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        """Return logits [B, T, K]."""
        logits: Tensor = self.body(gather(features, index))
        return logits


class OneHead(nn.Module):
    """One body over one input."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, features: Named, index: Named, present: Named) -> Tensor:
        """Return logits [B, T, K]."""
        ((name, x),) = features.items()
        logits: Tensor = self.body(gather(x, index[name]))
        return logits


class LateFusion(nn.Module):
    """The official audio-visual EMI baseline: each input has a body of its own, and their predictions are averaged.

    In training every clip teaches one of the bodies whose input it has, drawn at random, so that each learns by itself,
    as in the baseline; otherwise the scores of those that have an input are averaged. A frame without any gets the mean
    of all.
    """

    def __init__(self, bodies: Mapping[str, nn.Module], task: Task) -> None:
        super().__init__()
        self.names = sorted(bodies)
        self.bodies = nn.ModuleDict({_key(name): bodies[name] for name in self.names})
        self.task = task

    def forward(self, features: Named, index: Named, present: Named) -> Tensor:
        """Return logits [B, T, K] whose scores are the mean of those of the bodies."""
        logits = [self.bodies[_key(name)](gather(features[name], index[name])) for name in self.names]
        there = torch.stack([present[name] for name in self.names], dim=-1).to(logits[0].dtype)
        weights = torch.where(there.sum(dim=-1, keepdim=True) > 0, there, torch.ones_like(there))
        if self.training:
            drawn = torch.multinomial(weights.mean(dim=1) + 1e-9, 1)
            chosen = nn.functional.one_hot(drawn[:, 0], len(self.names)).to(logits[0].dtype)
            return torch.einsum("btkm,bm->btk", torch.stack(logits, dim=-1), chosen)
        scores = torch.stack([scores_of(one, self.task) for one in logits], dim=-1)
        return logits_of((scores * (weights / weights.sum(dim=-1, keepdim=True))[:, :, None]).sum(dim=-1), self.task)


class AttentionFusion(nn.Module):
    """Attention over the inputs of each frame, then a GRU in both directions over the frames and a linear layer.

    Each input is projected to one width; one learned query looks at those present and at a learned token that always
    is, so that a frame without any input has an output too. Widths and layers are a choice: no source gives them.
    """

    def __init__(self, dims: Mapping[str, int], width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.names = sorted(dims)
        self.project = nn.ModuleDict(
            {_key(name): nn.Sequential(nn.LayerNorm(dims[name]), nn.Linear(dims[name], width)) for name in self.names}
        )
        self.query = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.nothing = nn.Parameter(torch.zeros(1, 1, width))
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.gru = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, outputs)

    def forward(self, features: Named, index: Named, present: Named) -> Tensor:
        """Return logits [B, T, K]."""
        tokens = [self.project[_key(name)](gather(features[name], index[name])) for name in self.names]
        batch, length, width = tokens[0].shape
        absent = torch.stack([torch.zeros_like(present[self.names[0]]), *(~present[n] for n in self.names)], dim=-1)
        seen = torch.stack([self.nothing.expand(batch, length, width), *tokens], dim=2).flatten(0, 1)
        # a copy: torch's counter of MACs cannot follow a parameter that goes into a module as it is
        query = self.query.repeat(len(seen), 1, 1)
        found, _ = self.attention(query, seen, seen, key_padding_mask=absent.flatten(0, 1), need_weights=False)
        there = (~absent).flatten(0, 1)[..., None].to(seen.dtype)
        mean = (seen * there).sum(dim=1) / there.sum(dim=1)
        mixed = self.norm(found[:, 0] + mean).view(batch, length, width)
        logits: Tensor = self.linear(self.dropout(mixed + self.gru(mixed)[0]))
        return logits


def logits_of(scores: Tensor, task: Task) -> Tensor:
    """Return logits [..., K] that stand for scores [..., K]: the inverse of ``losses.scores_of``."""
    if task.parts:
        parts = zip(task.parts, task.part_outputs, strict=True)
        return torch.cat([logits_of(scores[..., outputs], part) for part, outputs in parts], dim=-1)
    if task.activation == "tanh":
        return torch.atanh(scores.clamp(-1 + 1e-6, 1 - 1e-6))
    if task.activation == "sigmoid":
        return torch.logit(scores, eps=1e-6)
    return scores.clamp(min=1e-12).log() if task.activation == "softmax" else scores


def _key(name: str) -> str:
    """Return an input's name as a module may have it."""
    return name.replace("features:", "features_")
