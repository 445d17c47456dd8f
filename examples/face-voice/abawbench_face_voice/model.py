"""The network of ``face-voice``: what it sees, hears, and makes of both."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from abawbench.contracts import Clip, Model, Recipe, Sound, Task, Weights
from abawbench.nn import InputsNetwork, gather
from torch import Tensor, nn


@dataclass(kw_only=True)
class FaceVoiceModelSettings(Recipe):
    """The numbers of training; ``--set name=value`` overrides each."""

    epochs: int = 5
    lr: float = 3e-3
    width: int = 16
    """Channels of the convolutions."""
    size: int = 32
    """Images are resized to size x size pixels."""


class Ear(nn.Module):
    """One convolution over windows of sound [U, N]; gives about 50 steps a second, [U, S, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, width, kernel_size=400, stride=320)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the steps of each window."""
        return torch.relu(self.convolution(samples[:, None])).transpose(1, 2)


class Head(nn.Module):
    """A linear layer over what each frame shows and what is heard at its time."""

    def __init__(self, sizes: Mapping[str, int], outputs: int) -> None:
        super().__init__()
        self.names = tuple(sizes)
        self.linear = nn.Linear(sum(sizes.values()), outputs)

    def forward(
        self, features: Mapping[str, Tensor], index: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> Tensor:
        """Return logits [B, T, outputs]; ``present`` [B, T] says where a track has an input, which is 0 elsewhere."""
        both = [gather(features[name], index[name]) * present[name][..., None] for name in self.names]
        logits: Tensor = self.linear(torch.cat(both, dim=-1))
        return logits


class FaceVoiceModel(Model):
    """Small convolutions over faces and sound, trained from random parameters."""

    inputs = frozenset({"frames", "audio"})
    sound = Sound(seconds=2.0, context=0.25)
    Settings = FaceVoiceModelSettings
    settings: FaceVoiceModelSettings

    def __init__(self, settings: FaceVoiceModelSettings) -> None:
        super().__init__(settings)
        self.clip = Clip(length=8, stride=8, size=settings.size)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task."""
        width = self.settings.width
        eye = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
        )
        head = Head({"frames": 16 * width, "audio": width}, len(task.outputs))
        return InputsNetwork({"frames": eye, "audio": Ear(width)}, head, self.inputs, self.clip.length)
