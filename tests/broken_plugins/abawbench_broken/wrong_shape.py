"""A model whose head gives one output more than the task has."""

from torch import nn

from abawbench_broken.world import Head, Small


class Broken(Small):
    def head(self, outputs: int) -> nn.Module:
        return Head(outputs + 1)
