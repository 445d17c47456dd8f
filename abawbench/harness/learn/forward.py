"""One pass of a network over a batch: the trained part on cached features, or the whole of it on raw inputs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from abawbench.contracts import Clip
from abawbench.harness.data.frames import normalise
from abawbench.harness.data.inputs import Index, Units
from abawbench.nn import as_tuple, single


class BatchNetwork(nn.Module):
    """A network called with the units and the index of a batch, as ``Inputs.batch`` gives them."""

    def __init__(self, network: nn.Module, clip: Clip) -> None:
        super().__init__()
        self.network = network
        self._clip = clip

    def forward(self, units: Units, index: Index) -> Tensor:
        """Return logits [B, K] or [B, T, K]."""
        embed, head = self.network.get_submodule("embed"), self.network.get_submodule("head")
        if not isinstance(embed, nn.ModuleDict):
            logits: Tensor = head(single(self._see(embed, units["frames"])), index["frames"])
            return logits
        features, places, present = {}, {}, {}
        for name, given in units.items():
            part = embed.get_submodule(name) if name in dict(embed.named_children()) else None
            steps = self._see(part, given) if name == "frames" else _hear(part, given)
            present[name] = index[name] >= 0
            places[name] = torch.where(present[name], index[name], len(steps[0]))
            features[name] = single(tuple(torch.cat([x, torch.zeros_like(x[:1])]) for x in steps))
        several: Tensor = head(features, places, present)
        return several

    def _see(self, embed: nn.Module | None, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the features of frames; uint8 units are images and perhaps a mask, others features."""
        if given[0].dtype != torch.uint8 or embed is None:
            return tuple(x.to(torch.float32) for x in given)
        features = as_tuple(embed(normalise(given[0], self._clip)))
        for mask in given[1:]:
            features = tuple(x * mask.view(-1, *(1,) * (x.ndim - 1)) for x in features)
        return features


def _hear(embed: nn.Module | None, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the steps [S, ...] of another input; float16 ones are known, others go through the network."""
    if embed is None or given[0].dtype == torch.float16:
        return tuple(x.to(torch.float32) for x in given)
    return tuple(x.flatten(0, 1) if x.ndim > 2 else x for x in as_tuple(embed(given[0])))
