"""The model: one linear layer over the mean of an image."""

import faults
import torch
from faults import reach
from torch import Tensor, nn

from abawbench.contracts import Clip, Model, Recipe, Task, Weights
from abawbench.nn import ClipNetwork, freeze, gather


class Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 3))

    def forward(self, images: Tensor) -> Tensor:
        reach("model")
        return images.mean(dim=(2, 3)) * self.weight


class Head(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3, outputs)

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        logits: Tensor = self.linear(gather(features, index))
        return logits


class Grey(Model):
    def __init__(self, settings: Recipe) -> None:
        reach("model")
        super().__init__(settings)
        self.clip = Clip(length=4, stride=4, size=8)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        # a frozen part reads its images in the phase "embed", in threads; a trained one later, in batches
        embed = freeze(Mean()) if faults.planned[1] == "embed" else Mean()
        return ClipNetwork(embed, Head(len(task.outputs)))
