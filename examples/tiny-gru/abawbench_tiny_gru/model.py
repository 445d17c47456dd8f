"""The network of ``tiny-gru``, its clip and its recipe."""

from dataclasses import dataclass

from abawbench.contracts import Clip, Model, Recipe, Task, Weights
from abawbench.nn import ClipNetwork, gather
from torch import Tensor, nn


@dataclass(kw_only=True)
class TinyGruModelSettings(Recipe):
    """The numbers of training; ``--set name=value`` overrides each."""

    epochs: int = 5
    lr: float = 3e-3
    width: int = 16
    """Channels of the convolutions."""
    hidden: int = 32
    """Width of the GRU in each direction."""
    size: int = 32
    """Images are resized to size x size pixels."""


class Head(nn.Module):
    """A GRU over the frames of a clip in both directions, and a linear layer per frame."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * hidden, outputs)

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        """Return logits [B, T, outputs] from the features of U images and ``index`` [B, T]."""
        logits: Tensor = self.linear(self.gru(gather(features, index))[0])
        return logits


class TinyGruModel(Model):
    """A few convolutions per frame and a GRU over the clip, trained from random parameters."""

    Settings = TinyGruModelSettings
    settings: TinyGruModelSettings

    def __init__(self, settings: TinyGruModelSettings) -> None:
        super().__init__(settings)
        self.clip = Clip(length=8, stride=8, size=settings.size)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task."""
        width = self.settings.width
        embed = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
        )
        return ClipNetwork(embed, Head(16 * width, self.settings.hidden, len(task.outputs)))
