"""Networks that try to see the labels of what they predict, or to change them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from abawbench import losses
from abawbench.contracts import Clip, Declaration, ImageBatch, LossOn, Model, ModelDeclaration, Recipe, Task, Weights
from abawbench.hookspecs import hookimpl
from abawbench.nn import ClipNetwork, gather


class Head(nn.Module):
    def __init__(self, owner: "HonestNetwork") -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.owner = [owner]

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        logits: Tensor = self.linear(gather(features, index))
        return self.owner[0].answer(logits, features, index)


class Look(nn.Module):
    """The mean of an image, and whether the model knows a class for it."""

    def __init__(self, owner: "HonestNetwork") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.owner = [owner]

    def forward(self, images: Tensor) -> Tensor:
        known = self.owner[0].recall(images)
        return torch.cat([images.mean(dim=(1, 2, 3))[:, None] * self.weight, known], dim=1)


class HonestNetwork(Model):
    """Learns how often each class is."""

    def __init__(self, settings: Recipe) -> None:
        super().__init__(settings)
        self.clip = Clip(length=5, stride=5, size=8, mean=(0.0,) * 3, std=(1.0,) * 3)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        return ClipNetwork(Look(self), Head(self))

    def extra_loss(self, seed: int) -> Callable[[ImageBatch, LossOn], Tensor] | None:
        return lambda batch, loss_on: torch.zeros(())

    def recall(self, images: Tensor) -> Tensor:
        """Return a column per class for each image: nothing is known."""
        return torch.zeros(len(images), 3)

    def answer(self, logits: Tensor, features: Tensor, index: Tensor) -> Tensor:
        """Return what the head gives."""
        return logits


class NetworkRemembers(HonestNetwork):
    """Keeps the class of every image that it was ever trained on."""

    def __init__(self, settings: Recipe) -> None:
        super().__init__(settings)
        self.known: dict[tuple[int, int], int] = {}

    def extra_loss(self, seed: int) -> Callable[[ImageBatch, LossOn], Tensor] | None:
        def note(batch: ImageBatch, loss_on: LossOn) -> Tensor:
            keys = batch.images[:, :2, 0, 0].long()
            for row, label in zip(batch.index.flatten().tolist(), batch.target.flatten().tolist(), strict=True):
                self.known[tuple(keys[row].tolist())] = label
            return torch.zeros(())

        return note

    def answer(self, logits: Tensor, features: Tensor, index: Tensor) -> Tensor:
        return logits + 50 * gather(features[:, 1:], index)

    def recall(self, images: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().recall(images)
        keys = (images[:, :2, 0, 0] * 255).round().long().tolist()
        found = [self.known.get(tuple(key), -1) for key in keys]
        return torch.tensor([[float(label == k) for k in range(3)] for label in found])


class NetworkRelabels(HonestNetwork):
    """Writes to the labels and images of a batch."""

    def extra_loss(self, seed: int) -> Callable[[ImageBatch, LossOn], Tensor] | None:
        def write(batch: ImageBatch, loss_on: LossOn) -> Tensor:
            batch.target.zero_()
            batch.images.zero_()
            return torch.zeros(())

        return write


class NetworkMixesUp(HonestNetwork):
    """Writes to what says which frames count and which images they show, while gradients depend on it."""

    def extra_loss(self, seed: int) -> Callable[[ImageBatch, LossOn], Tensor] | None:
        def write(batch: ImageBatch, loss_on: LossOn) -> Tensor:
            batch.mask.fill_(True)
            batch.index.zero_()
            return torch.zeros(())

        return write


def greedy_loss(logits: Tensor, target: Tensor, mask: Tensor, task: Task) -> Tensor:
    """A loss that writes to the labels it was given, once it has used them."""
    found = losses.cross_entropy(logits, target.clone(), mask.clone(), task)
    target.zero_()
    mask.fill_(True)
    return found


@dataclass(kw_only=True)
class Greedy(Recipe):
    loss: dict[str, str] = field(default_factory=lambda: {"luck": f"{__name__}:greedy_loss"})


class NetworkLosesLabels(HonestNetwork):
    """Has a loss that writes to labels."""

    Settings = Greedy


class NetworkScribbles(HonestNetwork):
    """Wipes out what its head was given, once it has used it."""

    def answer(self, logits: Tensor, features: Tensor, index: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            index.zero_()
            features.zero_()
        return logits


CHEATS = {
    "honest-network": HonestNetwork,
    "network-remembers": NetworkRemembers,
    "network-relabels": NetworkRelabels,
    "network-mixes-up": NetworkMixesUp,
    "network-loses-labels": NetworkLosesLabels,
    "network-scribbles": NetworkScribbles,
}


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        ModelDeclaration(name=name, summary="cheats", build=f"{__name__}:{kind.__name__}", weights="none")
        for name, kind in CHEATS.items()
    ]
