"""A model that prints 200 MB."""

from torch import nn

from abawbench.contracts import Task, Weights
from abawbench_broken.world import Small


class Broken(Small):
    def network(self, task: Task, weights: Weights) -> nn.Module:
        for _ in range(2000):
            print("x" * 99_999)
        return super().network(task, weights)
