"""A model that gives the frames of a clip back to front."""

from torch import Tensor, nn

from abawbench_broken.world import Head, Small


class BackwardsHead(Head):
    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        return super().forward(features, index).flip(1)


class Broken(Small):
    def head(self, outputs: int) -> nn.Module:
        return BackwardsHead(outputs)
