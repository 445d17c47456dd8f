"""The peak memory of a network: at least its parameters, and none where a process of its own cannot have it."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from abawbench.harness.measure.memory import peak_memory


def test_peak_memory_holds_at_least_the_parameters() -> None:
    network = nn.Linear(2000, 2000)
    found = peak_memory(network, torch.zeros(1, 2000))
    assert found is not None
    assert 16e6 < found < 200e6


def test_a_network_with_normalised_weights_has_a_peak_and_stays() -> None:
    network = weight_norm(nn.Linear(2000, 1000))
    before = network(torch.ones(1, 2000))
    found = peak_memory(network, torch.zeros(1, 2000))
    assert found is not None
    assert 8_000_000 <= found < 100_000_000
    assert torch.equal(network(torch.ones(1, 2000)), before)
    assert set(network.state_dict()) == {f"parametrizations.weight.original{i}" for i in (0, 1)} | {"bias"}


def test_a_network_that_cannot_be_pickled_has_no_peak_memory() -> None:
    network = nn.Linear(1, 1)
    network.extra = lambda: None  # type: ignore[assignment]
    assert peak_memory(network, torch.zeros(1, 1)) is None
