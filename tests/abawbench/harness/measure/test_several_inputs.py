"""Models of several inputs are timed on the clips that they scored, and kept by runtimes, as those of frames are."""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import abawbench
from abawbench.contracts import (
    Clip,
    Declaration,
    Example,
    Model,
    ModelDeclaration,
    Recipe,
    Runtime,
    RuntimeDeclaration,
    Task,
    Weights,
)
from abawbench.harness.measure import measure as module
from abawbench.hookspecs import hookimpl
from abawbench.nn import InputsNetwork, freeze, gather
from abawbench.plugins import Plugins
from abawbench.records.record import Record

pytestmark = pytest.mark.slow

INPUTS = ("features:pose", "frames", "text")


class See(nn.Module):
    """Images [U, 3, S, S] to features [U, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.conv(images).mean(dim=(2, 3))
        return found


class Read(nn.Module):
    """Tokens [U, 4] to features [U, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.words(tokens).mean(dim=1)
        return found


class Join(nn.Module):
    """A linear layer over the inputs of each frame side by side."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(12, outputs)

    def forward(self, features: dict[str, Tensor], index: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.linear(torch.cat([gather(features[name], index[name]) for name in INPUTS], dim=-1))
        return logits


class Several(Model):
    """Faces by a frozen network, words by a trained one, and the features that come with the tracks."""

    inputs = frozenset(INPUTS)
    feature_sizes = {"features:pose": 3}  # noqa: RUF012
    clip = Clip(length=5, stride=5, size=16)

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        return Weights(source="toy", sha256="0" * 64)

    def tokens(self, text: str) -> NDArray[np.int64]:
        return np.array([crc32(word.encode()) % 50 for word in (text.split() * 4)[:4]], dtype=np.int64)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        return InputsNetwork(
            {"frames": freeze(See()), "text": Read()}, Join(len(task.outputs)), INPUTS, self.clip.length
        )


def build_several(settings: Recipe) -> Model:
    return Several(settings)


build_several.Settings = Recipe  # type: ignore[attr-defined]


class Tired(Runtime):
    """Eager execution that answers otherwise after some calls."""

    def compile(self, module: nn.Module, example: Example, calibration: Sequence[Example] = ()) -> Any:
        calls = iter(range(10**6))

        def call(*inputs: Tensor) -> Tensor:
            with torch.inference_mode():
                logits: Tensor = module.eval()(*inputs)
                return logits + (next(calls) > 40)

        return call


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        ModelDeclaration(name="several", summary="", build="abawbench_several:build_several", inputs=INPUTS),
        RuntimeDeclaration(name="tired", summary="", build="abawbench_several:Tired"),
    ]


@pytest.fixture
def run(toys: Plugins, toy_database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Record]:
    """Run the model of several inputs on the toy world, whose tracks now have words and features, but not all."""
    made = ModuleType("abawbench_several")
    for value in (abawbench_plugins, build_several, Tired):
        setattr(made, value.__name__, value)
    monkeypatch.setitem(sys.modules, "abawbench_several", made)
    monkeypatch.setattr(module, "peak_memory", lambda network, *example, seconds=None: None)
    monkeypatch.setattr(module, "perf_counter", lambda: 1e12)  # so that no bound cuts a slow machine short
    track = type(toy_database.tracks("colour", "val")[0].track)
    random = np.random.default_rng(0)
    rows = {one.track.id: random.random((8, 3), dtype=np.float32) for one in toy_database.tracks("colour", "val")}
    monkeypatch.setattr(track, "text", lambda self: None if self.id == "val1" else f"track {self.id}")
    monkeypatch.setattr(track, "features", lambda self, name: None if self.id == "val2" else rows.get(self.id))
    plugins = Plugins([*(toys._found or ()), EntryPoint("several", "abawbench_several", "abawbench")], strict=True)

    def call(runtime: str = "eager", latency_seconds: float = 0.05, **protocol: Any) -> Record:
        settings = {"epochs": 5, "lr": 0.05, "schedule": "constant"}
        machine = abawbench.Machine(device="cpu", runtime=runtime, latency_seconds=latency_seconds)
        (record,) = abawbench.run(
            "several", "colour", {"toy": ()}, settings=settings, protocol=protocol, machine=machine,
            out=tmp_path / "runs", plugins=plugins,
        )  # fmt: skip
        assert record.status == "ok", record.reason
        return record

    return call


@pytest.mark.parametrize("runtime", ["eager", "onnxruntime", "openvino"])
def test_the_answers_under_the_clock_are_the_scored_ones(runtime: str, run: Callable[..., Record]) -> None:
    pytest.importorskip("openvino")
    record = run(runtime)
    assert record.cost is not None
    latency = record.cost.latency
    assert latency is not None
    assert (latency.runtime, latency.batch) == (runtime, 1)
    assert latency.answers_sha256
    assert latency.answers_difference is not None
    # features are kept in half precision for scoring
    assert 0 < latency.answers_difference < 0.01
    assert "answer" not in "".join(latency.advice)


def test_inputs_that_some_tracks_lack_take_part(run: Callable[..., Record]) -> None:
    found = run(latency_seconds=0)
    assert found.counts is not None
    missing = {name: one.tracks for name, one in found.counts.missing_inputs.items()}
    assert missing == {"features:pose": 1, "frames": 0, "text": 1}


@pytest.mark.parametrize("runtime", ["channels-last", "onnxruntime", "openvino"])
def test_a_runtime_keeps_scores_and_metric(runtime: str, run: Callable[..., Record]) -> None:
    pytest.importorskip("openvino")
    record = run(runtime, latency_seconds=0)
    assert record.parity is not None
    assert record.score is not None
    assert record.parity.largest_difference < 1e-5
    assert record.parity.change == 0
    assert record.parity.kept
    assert record.parity.eager_value == pytest.approx(record.score.value, abs=0.01)


@pytest.mark.parametrize("no_face", ["nearest", "black", "interpolate"])
def test_whole_clips_see_frames_without_a_face_as_a_run(no_face: str, run: Callable[..., Record]) -> None:
    record = run(no_face=no_face)
    assert record.cost is not None
    assert record.cost.latency is not None
    assert record.cost.latency.answers_difference is not None
    assert record.cost.latency.answers_difference < 0.01


def test_answers_that_change_under_the_clock_are_not_valid(run: Callable[..., Record]) -> None:
    cost = run("tired", latency_seconds=0.5).cost
    assert cost is not None
    assert cost.latency is not None
    assert not cost.latency.valid
    assert "timed answers differ from the untimed ones" in " ".join(cost.latency.advice)


def test_counts_are_complete_and_live_is_left_out(run: Callable[..., Record]) -> None:
    record = run()
    assert record.cost is not None
    assert set(record.cost.macs_per_clip) == {"flop_counter", "fvcore"}
    assert record.cost.macs_explained
    assert record.cost.macs_per_second_kept is None
    assert record.cost.live is None
