"""A profile: everything a network costs without training it, as a typed record and as text."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from abawbench import api
from abawbench.contracts import Clip, Example, Model, Recipe, Runtime, Sound, Task, UsageError, Weights
from abawbench.harness.measure import interleaved, live
from abawbench.harness.measure import measure as module
from abawbench.harness.measure.counting import count_macs
from abawbench.harness.measure.examples import example_of
from abawbench.harness.measure.interleaved import Rounds, interleave
from abawbench.nn import ClipNetwork, InputsNetwork
from abawbench.plugins import Plugins
from abawbench.records.cost import Live
from abawbench.records.profile import Profile
from abawbench.report.profile_table import profile_text


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, toys: Plugins) -> Plugins:
    """The toy plugins, a camera that does not make anyone wait, and no process started to see the memory."""
    monkeypatch.setattr(module, "peak_memory", lambda network, *example, seconds=None: 1_000_000)

    def brief(network: ClipNetwork, clip: Clip, device: torch.device, stage: live.Stage, advance: Any) -> Live:
        return live.measure_live(network, clip, device, replace(stage, predictions=8), advance)

    monkeypatch.setattr(module, "measure_live", brief)
    return toys


def profiled(plugins: Plugins, **options: object) -> Profile:
    return api.profile("toy", "colour", plugins=plugins, seconds=0.02, frame_rate=1000.0, **options)


def test_a_profile_holds_counts_by_module_and_all_scenarios(quick: Plugins) -> None:
    found = profiled(quick)
    assert (found.cost.parameters_total, found.cost.parameters_trained) == (6 * 27 + 6 + 21, 21)
    assert [(one.name, one.stage, one.macs) for one in found.modules] == [
        ("embed", "backbone", 5 * 49 * 6 * 27),
        ("head", "temporal head", 18),
        ("head.linear", "temporal head", 18),
    ]
    assert found.cost.macs_by_stage == {"backbone": 5 * 49 * 6 * 27, "temporal head": 18}
    assert found.cost.latency is not None
    assert found.cost.throughput is not None
    assert found.cost.live is not None
    assert found.cost.live.embedded == found.cost.live.frames == 8
    assert found.interleaved == ()
    assert found.weights.source == "toy"


def test_macs_per_second_follow_stride_and_frame_rate(quick: Plugins) -> None:
    cost = profiled(quick, scenario="offline").cost
    assert cost.frame_rate == 30
    assert cost.macs_per_second == 30 / 5 * (5 * 49 * 6 * 27 + 18)
    assert cost.macs_per_second_kept == 30 * 49 * 6 * 27 + 30 / 5 * 18


def test_only_the_scenarios_asked_for_are_measured(quick: Plugins) -> None:
    found = profiled(quick, scenario=["offline"])
    assert (found.cost.latency, found.cost.live) == (None, None)
    assert found.cost.throughput is not None


def test_several_runtimes_are_interleaved_with_plain_eager(quick: Plugins) -> None:
    found = profiled(quick, runtime=["channels-last", "eager"], scenario="single-stream")
    assert found.cost.latency is not None
    assert found.cost.latency.runtime == "channels-last"
    assert [one.runtime for one in found.interleaved] == ["channels-last", "eager"]
    one = found.interleaved[0]
    assert (one.batch, one.frames) == (4, 5)
    assert len(one.plain_ms) == len(one.runtime_ms) >= interleaved.MINIMUM
    assert list(one.ratios) == sorted(p / r for p, r in zip(one.plain_ms, one.runtime_ms, strict=True))


def test_the_threads_asked_for_are_used_and_given_back(quick: Plugins) -> None:
    torch.set_num_threads(2)
    found = profiled(quick, scenario="single-stream", threads=1)
    assert found.cost.latency is not None
    assert found.cost.latency.threads == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_unknown_names_are_told(quick: Plugins) -> None:
    for options in ({"scenario": "server"}, {"runtime": "warp"}, {"device": "tpu"}):
        with pytest.raises(UsageError, match="unknown"):
            profiled(quick, **options)


def test_the_text_says_what_is_valid_and_what_would_make_it_so(quick: Plugins) -> None:
    text = profile_text(profiled(quick, runtime="eager"))
    assert "trained 0.000021M" in text
    assert "backbone" in text
    assert "invalid" in text
    assert "samples that a 99th percentile takes: give it more seconds" in text
    assert "interleaved with plain eager" in text


def test_no_total_is_printed_where_counts_disagree_unexplained(quick: Plugins) -> None:
    found = profiled(quick, scenario="offline")
    counts = {"flop_counter": 1000, "fvcore": 2000}
    cost = found.cost.model_copy(update={"macs_per_clip": counts, "macs_difference_by_operator": {"matmul": 1000}})
    text = profile_text(found.model_copy(update={"cost": cost}))
    assert "MACs         – a clip" in text
    assert "no total: the two counters differ" in text
    assert "– a second of video" in text
    assert not [line for line in text.splitlines() if line.startswith("embed") and not line.endswith("–")]


def test_a_profile_survives_json(quick: Plugins) -> None:
    found = profiled(quick, scenario="offline")
    assert Profile.model_validate_json(found.model_dump_json()) == found
    assert json.loads(found.model_dump_json())["cost"]["throughput"]["valid"] in (True, False)


class Slow(Runtime):
    """Eager execution, twice."""

    calibrates = True

    def compile(self, module: nn.Module, example: Example, calibration: object = ()) -> object:
        assert calibration
        return lambda *inputs: (module(*inputs), module(*inputs))[1]


class Absent(Slow):
    """A runtime that this machine lacks."""

    def compile(self, module: nn.Module, example: Example, calibration: object = ()) -> object:
        raise UsageError("install it")


def test_twice_the_work_is_slower_and_an_absent_runtime_is_named() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3000, 3000), nn.Linear(3000, 10)).eval()
    slow, absent = Slow(), Absent()
    slow.name, absent.name = "slow", "absent"
    (found,), refused = interleave(network, [slow, absent], (torch.zeros(1, 30, 100),), 30, Rounds())
    assert found.ratios[len(found.ratios) // 2] < 0.9
    assert {name: str(error) for name, error in refused.items()} == {"absent": "install it"}


class Heard(Model):
    """A model of four inputs."""

    name = "heard"
    inputs = frozenset({"frames", "audio", "text", "features:pose"})
    clip = Clip(length=6, stride=6, size=8)
    sound = Sound(rate=1000)
    feature_sizes = {"features:pose": 3}  # noqa: RUF012

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        return Weights(source="none")

    def tokens(self, text: str) -> object:
        import numpy as np

        return np.arange(7)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        return InputsNetwork(
            {"frames": Mean(3), "audio": nn.Unflatten(1, (50, 4)), "text": nn.Embedding(9, 5)},
            Sum(),
            self.inputs,
            self.clip.length,
        )


class Mean(nn.Module):
    """The mean colour."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, channels)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.linear(images.mean((2, 3)))
        return out


class Sum(nn.Module):
    """A linear layer over the audio, and the frames."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, features: dict[str, Tensor], index: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        out: Tensor = self.linear(features["audio"][index["audio"]])
        return out + features["frames"][index["frames"]].mean()


def test_several_inputs_are_all_given_and_counted_by_stage() -> None:
    model = Heard(Recipe())
    example = example_of(model, torch.device("cpu"), batch=2)
    shapes = [tuple(x.shape) for x in example]
    assert shapes == [(2, 200), (2, 6, 3), (2, 6, 3, 8, 8), (2, 7)]
    network = model.network(None, Weights(source="none"))  # type: ignore[arg-type]
    macs = count_macs(network, *example)
    assert macs.by_stage(network) == {"backbone": 12 * 9, "fusion": 12 * 8}
    assert macs.total == {"flop_counter": 204, "fvcore": 204}
