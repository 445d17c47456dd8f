"""A model that reads address 0 when it predicts."""

import ctypes

from torch import Tensor, nn

from abawbench_broken.world import Head, Small


class CrashingHead(Head):
    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        if not self.training:
            ctypes.string_at(0)
        return super().forward(features, index)


class Broken(Small):
    def head(self, outputs: int) -> nn.Module:
        return CrashingHead(outputs)
