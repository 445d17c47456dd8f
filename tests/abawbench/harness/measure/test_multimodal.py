"""Models of faces, voices and words, in their tiny size: runtimes keep their answers, and scored clips are timed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import abawbench
from abawbench.harness.measure import measure as module
from abawbench.records.profile import Profile
from abawbench.records.record import Record

pytestmark = pytest.mark.slow

pytest.importorskip("transformers")
MODELS = ("wav2vec2", "av-fusion", "avt-fusion")
INPUTS = {"wav2vec2": 1, "av-fusion": 2, "avt-fusion": 3}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for the module: the tiny synthetic database takes seconds to draw."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ABAWBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def run(cache: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Record]:
    monkeypatch.setattr(module, "peak_memory", lambda network, *example, seconds=None: None)
    monkeypatch.setattr(module, "perf_counter", lambda: 1e12)  # so that no bound cuts a slow machine short
    torch.set_num_threads(1)

    def call(model: str, runtime: str = "eager", latency_seconds: float = 0) -> Record:
        machine = abawbench.Machine(device="cpu", runtime=runtime, latency_seconds=latency_seconds)
        data = abawbench.Sources({"synthetic": ()}, preset="tiny")
        (record,) = abawbench.run(model, "ah", data, settings={"epochs": 1}, out=tmp_path, machine=machine)
        assert record.status == "ok", record.reason
        return record

    return call


@pytest.mark.parametrize("runtime", ["channels-last", "onnxruntime", "openvino"])
@pytest.mark.parametrize("model", MODELS)
def test_a_runtime_keeps_scores_and_metric(model: str, runtime: str, run: Callable[..., Record]) -> None:
    pytest.importorskip("openvino")
    record = run(model, runtime)
    assert record.settings["size"] == "tiny"
    assert record.parity is not None
    assert record.counts is not None
    assert record.parity.scores == 2 * record.counts.frames
    assert record.parity.largest_difference < 1e-5
    assert record.parity.change == 0
    assert record.parity.kept


@pytest.mark.parametrize("model", MODELS)
def test_scored_clips_are_timed(model: str, run: Callable[..., Record], monkeypatch: pytest.MonkeyPatch) -> None:
    timed = []
    measure = module.measure_latency
    monkeypatch.setattr(module, "measure_latency", lambda *given: timed.append(given[1]) or measure(*given))
    cost = run(model, latency_seconds=0.05).cost
    (examples,) = timed
    assert 1 < len(examples) <= 16
    # a tensor for each input, and which frames have it
    assert {len(example) for example in examples} == {INPUTS[model] + 1}
    assert all(example[-1].shape == (1, INPUTS[model], 16) for example in examples)
    assert not torch.equal(examples[0][0], examples[1][0])
    assert cost is not None
    assert cost.latency is not None
    assert cost.latency.answers_sha256
    assert "answers" not in "".join(cost.latency.advice)
    # a run hears more than the clip, so what it scored is not what the clip alone gives
    assert cost.latency.answers_difference is None


def profiled(model: str, **options: object) -> Profile:
    return abawbench.profile(model, "ah", seconds=0.02, device="cpu", **options)


def test_a_profile_times_a_runtime_and_leaves_out_live(cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(module, "peak_memory", lambda network, *example, seconds=None: None)
    monkeypatch.setattr(module, "perf_counter", lambda: 1e12)  # so that no bound cuts a slow machine short
    found = profiled("av-fusion", runtime="onnxruntime", scenario=["single-stream", "live"])
    assert found.inputs == ("audio", "frames")
    assert found.cost.latency is not None
    assert found.cost.latency.runtime == "onnxruntime"
    assert [one.runtime for one in found.interleaved] == ["onnxruntime"]
    assert found.left_out == {"live": "a live stream is measured for models that see frames alone"}
    assert set(found.cost.macs_by_stage) == {"audio front end", "backbone", "fusion"}
