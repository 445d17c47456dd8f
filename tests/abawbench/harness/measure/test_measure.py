"""The cost of a network: sizes, times on scored clips, and what is timed once for networks of one kind."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from abawbench.contracts import Clip, Example
from abawbench.harness.measure import measure as module
from abawbench.harness.measure.bench import Bench, ScoredClips
from abawbench.harness.measure.counting import count_bytes, count_macs, count_parameters
from abawbench.harness.measure.measure import (
    Measuring,
    Scenarios,
    Subject,
    count_fields,
    job_scenarios,
    measure,
    measure_job,
)
from abawbench.harness.measure.timing import Call
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench.records.cost import Cost
from abawbench_plugins.runtimes.eager import Eager

CLIP = Clip(length=8, stride=8, size=6)
BRIEF = job_scenarios(0.01)


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


def subject(
    network: nn.Module, scored: ScoredClips | None = None, compile: Callable[[Example], Call] | None = None
) -> Subject:
    """A small network by eager execution, or as ``compile`` returns it."""
    runtime = Eager()
    runtime.name = "eager"
    example = (torch.rand(1, 8, 3, 6, 6),)
    return Subject(
        network, runtime, CLIP, example, compile or (lambda inputs: runtime.compile(network, inputs)), scored
    )


@pytest.mark.slow
def test_the_cost_of_a_network_is_complete_and_leaves_it_as_is(
    monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    # the process that sees the memory imports the network's class from here
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath))
    network = Small().train()
    measured = subject(network)
    macs = count_macs(network, *measured.example)
    timed, left_out = measure(measured, BRIEF, Progress())
    found = Cost(**count_fields(network, macs, CLIP, measured.example), **timed)
    assert (found.parameters_total, found.parameters_trained) == (130, 18)
    assert found.macs_per_clip["flop_counter"] == 8 * 36 * 4 * 27 + 8
    assert found.macs_per_frame["flop_counter"] == found.macs_per_clip["flop_counter"] / 8
    assert found.macs_difference_by_operator == {}
    assert found.latency is not None
    assert found.throughput is not None
    assert found.throughput.batch in found.throughput.by_batch
    assert set(found.relative) == {"latency", "throughput"}
    assert found.peak_memory_bytes is not None
    assert left_out == {}
    assert network.training


def test_timed_answers_are_those_that_were_scored() -> None:
    network, clips = Small().eval(), [(torch.rand(1, 8, 3, 6, 6),) for _ in range(3)]
    answers = [network(*inputs).detach() for inputs in clips]
    assert _difference(network, ScoredClips(clips, answers)) == 0
    assert _difference(network, ScoredClips(clips, [answer + 0.5 for answer in answers])) == pytest.approx(0.5)
    assert _difference(network, ScoredClips(clips, None)) is None


def _difference(network: nn.Module, scored: ScoredClips) -> float | None:
    wanted = Scenarios(seconds={"single-stream": 0.01})
    timed, _ = measure(subject(network, scored), wanted, Progress())
    return timed["latency"].answers_difference  # type: ignore[no-any-return]


def test_ratios_between_machines_are_compiled_for_one_thread() -> None:
    network, threads = Small(), []

    def compiled(inputs: Example) -> nn.Module:
        threads.append(torch.get_num_threads())
        return network

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        wanted = Scenarios(seconds={name: 0.01 for name in BRIEF.seconds if name != "memory"})
        measure(subject(network, compile=compiled), wanted, Progress())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads[-2:] == [1, 1]
    assert set(threads[:-2]) == {2}


@pytest.fixture
def cost(
    toys: Plugins, make_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Cost]:
    """Measure a job of a run, whose jobs leave times for each other."""
    monkeypatch.setattr(module, "peak_memory", lambda network, *example, seconds=None: None)
    monkeypatch.setattr(module, "perf_counter", lambda: 1e12)  # so that no bound cuts a slow machine short

    def call(name: str, seconds: float = 0.01, **given: Any) -> Cost:
        measuring = Measuring(seconds=seconds, times=tmp_path)
        return measure_job(make_bench(name, **given), toys.get("runtime", "eager").build(), measuring, Progress())[0]

    return call


def test_latency_can_be_left_out(cost: Callable[..., Cost]) -> None:
    found = cost("a", seconds=0)
    assert found.macs_per_clip["flop_counter"]
    assert (found.latency, found.throughput, found.relative, found.peak_memory_bytes) == (None, None, {}, None)


def test_networks_of_one_kind_are_timed_once_as_the_record_says(cost: Callable[..., Cost]) -> None:
    first, second = cost("a"), cost("b")
    assert first.latency is not None
    assert first.latency.timed_on == "a"
    assert (first.latency, first.throughput, first.relative) == (second.latency, second.throughput, second.relative)


@pytest.mark.slow
def test_a_network_of_other_size_is_timed_itself(cost: Callable[..., Cost]) -> None:
    cost("a")
    latency = cost("b", outputs=40).latency
    assert latency is not None
    assert latency.timed_on == "b"


@pytest.mark.slow
def test_a_model_of_the_same_name_is_timed_itself(cost: Callable[..., Cost], toy_model) -> None:
    namesake = type("Namesake", (type(toy_model),), {})(toy_model.settings)
    cost("a")
    latency = cost("b", model=namesake).latency
    assert latency is not None
    assert latency.timed_on == "b"


@pytest.mark.slow
def test_times_that_cannot_be_read_are_taken_anew(cost: Callable[..., Cost], tmp_path: Path) -> None:
    cost("a")
    (file,) = tmp_path.glob("*.json")
    file.write_text("{}")
    latency = cost("b").latency
    assert latency is not None
    assert latency.timed_on == "b"


@pytest.mark.slow
def test_the_seconds_of_a_job_bound_all_that_is_timed(
    toys: Plugins, make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call takes 0.1 s, as on a machine with much other work; the minima alone would take longer."""
    eager = toys.get("runtime", "eager").build()
    compiled = eager.compile

    def slow(*given: Any) -> Any:
        call = compiled(*given)

        def late(*inputs: Any) -> Any:
            time.sleep(0.1)
            return call(*inputs)

        return late

    monkeypatch.setattr(eager, "compile", slow)
    bench = make_bench("a")
    start = time.perf_counter()
    cost, _ = measure_job(bench, eager, Measuring(seconds=2), Progress())
    assert time.perf_counter() - start < 4.5
    assert cost.latency is not None
    assert cost.left_out["memory"] == "no time was left for it: give more seconds"
