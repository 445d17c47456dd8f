"""A model that trains well and then gives NaN."""

from torch import Tensor, nn

from abawbench_broken.world import Head, Small


class NanHead(Head):
    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        logits = super().forward(features, index)
        return logits if self.training else logits * float("nan")


class Broken(Small):
    def head(self, outputs: int) -> nn.Module:
        return NanHead(outputs)
