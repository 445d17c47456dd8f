"""The eager runtime gives what the network gives, in evaluation mode and without gradients."""

import torch
from torch import nn

from abawbench_plugins.runtimes import eager


def test_it_gives_the_output_of_the_network_in_evaluation_mode() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Dropout(0.9))
    clips = torch.ones(2, 1, 3, 2, 2)
    logits = eager.Eager().compile(network, (clips,))(clips)
    assert not network.training
    assert torch.equal(logits, network(clips))
    assert logits.is_inference()
