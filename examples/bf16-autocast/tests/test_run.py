"""A network that the runtime executes."""

import torch
from torch import nn

from abawbench_bf16_autocast.runtime import Bf16AutocastRuntime


def test_it_answers_in_float32() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    clips = torch.zeros(2, 1, 3, 2, 2)
    assert Bf16AutocastRuntime().compile(network, (clips,))(clips).dtype == torch.float32
