"""The cost of a network: sizes, memory, and what is measured once for networks of one kind."""

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from abawbench.contracts import Clip
from abawbench.harness.measure import cost
from abawbench.harness.measure.cost import CostMeter, Scored
from abawbench.harness.measure.counting import count_bytes, count_parameters
from abawbench.harness.measure.memory import peak_memory
from abawbench.progress import Progress
from abawbench.records.record import Cost


class Small(nn.Module):
    """A network over clips [B, T, 3, S, S]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)
        self.conv.requires_grad_(False)

    def forward(self, clips: Tensor) -> Tensor:
        x = self.norm(self.conv(clips.flatten(0, 1))).mean((2, 3)).unflatten(0, clips.shape[:2])
        out: Tensor = self.head(x.mean(1))
        return out


def test_parameters_are_counted_in_total_trained_and_by_module() -> None:
    found = count_parameters(Small())
    assert (found.total, found.trained) == (112 + 8 + 10, 8 + 10)
    assert found.by_module == {"conv": 112, "norm": 8, "head": 10}


def test_bytes_are_those_of_the_saved_file_without_its_header() -> None:
    network = Small().half()
    file = save({name: t.float() if t.is_floating_point() else t for name, t in network.state_dict().items()})
    header = int.from_bytes(file[:8], "little")
    assert count_bytes(network) == len(file) - 8 - header


def test_tied_weights_are_saved_once() -> None:
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    assert count_bytes(nn.Sequential(first, second)) == 64


def measured(meter: CostMeter, network: nn.Module, task: str = "va") -> Cost:
    clip, device = Clip(length=8, stride=8, size=6), torch.device("cpu")
    return meter.cost_of(network, clip, device, kind="small", task=task, progress=Progress())


def test_the_cost_of_a_network_is_complete_and_leaves_it_as_it_was() -> None:
    network = Small().train()
    found = measured(CostMeter(seconds=0.01), network)
    assert (found.parameters_total, found.parameters_trained) == (130, 18)
    assert found.macs_per_clip["flop_counter"] == 8 * 36 * 4 * 27 + 8
    assert found.macs_per_frame["flop_counter"] == found.macs_per_clip["flop_counter"] / 8
    assert found.macs_difference_by_operator == {}
    assert found.latency is not None
    assert found.throughput is not None
    assert found.throughput.batch in found.throughput.by_batch
    assert network.training


def test_timed_answers_are_those_that_were_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "peak_memory", lambda *given: None)
    network, clips = Small().eval(), [(torch.rand(1, 8, 3, 6, 6),) for _ in range(3)]
    answers = [network(*inputs).detach() for inputs in clips]
    assert _difference(network, Scored(clips, answers)) == 0
    assert _difference(network, Scored(clips, [answer + 0.5 for answer in answers])) == pytest.approx(0.5)


def _difference(network: nn.Module, scored: Scored) -> float | None:
    clip, cpu = Clip(length=8, stride=8, size=6), torch.device("cpu")
    meter = CostMeter(seconds=0.01)
    found = meter.cost_of(network, clip, cpu, kind="s", task="va", progress=Progress(), scored=scored)
    assert found.latency is not None
    return found.latency.answers_difference


def test_latency_can_be_left_out() -> None:
    found = measured(CostMeter(seconds=0), Small())
    assert (found.latency, found.throughput, found.peak_memory_bytes) == (None, None, None)


def test_networks_of_one_kind_are_timed_once_and_the_record_says_on_which_task() -> None:
    meter = CostMeter(seconds=0.01)
    first, second = measured(meter, Small(), "va"), measured(meter, Small(), "au")
    assert first.latency == second.latency
    assert second.latency is not None
    assert second.latency.timed_on == "va"


def test_what_is_compared_between_machines_is_compiled_for_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "peak_memory", lambda *given: None)
    network, threads = Small(), []

    def compiled(inputs: tuple[Tensor, ...]) -> nn.Module:
        threads.append(torch.get_num_threads())
        return network

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        CostMeter(seconds=0.01).cost_of(network, Clip(length=8, stride=8, size=6), torch.device("cpu"), kind="s",
                                        task="va", progress=Progress(), runtime="other", compiled=compiled)  # fmt: skip
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads[-2:] == [1, 1]
    assert set(threads[:-2]) == {2}


def test_a_network_of_other_size_is_timed_itself() -> None:
    meter = CostMeter(seconds=0.01)
    measured(meter, Small(), "va")
    meter.speeds["small"].macs *= 1.01
    latency = measured(meter, Small(), "au").latency
    assert latency is not None
    assert latency.timed_on == "au"


def test_peak_memory_holds_at_least_the_parameters() -> None:
    network = nn.Linear(2000, 2000)
    found = peak_memory(network, torch.zeros(1, 2000))
    assert found is not None
    assert 16e6 < found < 200e6


def test_a_network_with_normalised_weights_has_a_peak_memory_and_stays_as_it_is() -> None:
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
