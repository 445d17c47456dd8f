"""A model that waits for ever while it is trained."""

import time

from torch import Tensor, nn

from abawbench_broken.world import Head, Small


class HangingHead(Head):
    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        while self.training:
            time.sleep(1)
        return super().forward(features, index)


class Broken(Small):
    def head(self, outputs: int) -> nn.Module:
        return HangingHead(outputs)
