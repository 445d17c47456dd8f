"""A model that ends the process when its network is built, as if all were well."""

import os

from torch import nn

from abawbench.contracts import Task, Weights
from abawbench_broken.world import Small


class Broken(Small):
    def network(self, task: Task, weights: Weights) -> nn.Module:
        os._exit(0)
