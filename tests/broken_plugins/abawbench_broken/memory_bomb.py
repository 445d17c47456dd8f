"""A model whose frozen part allocates without end."""

from torch import Tensor, nn

from abawbench_broken.world import Small


class GreedyConvolution(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        hoard = []
        while True:
            hoard.append(b"x" * 2**25)


class Broken(Small):
    def embed(self) -> nn.Module:
        return GreedyConvolution(3, 6, 3, stride=2)
