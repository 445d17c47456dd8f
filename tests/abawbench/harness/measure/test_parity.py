"""A runtime is timed, compared with eager execution on the scored clips, and never makes the scores."""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

import abawbench
from abawbench.contracts import Example, Runtime, RuntimeDeclaration, UsageError
from abawbench.harness.measure import measure
from abawbench.hookspecs import hookimpl
from abawbench.plugins import Plugins
from abawbench.records import store
from abawbench.records.parity import TOLERANCE, Parity
from abawbench.records.record import Record
from abawbench.report.leaderboard import render
from abawbench.report.table import table

pytestmark = pytest.mark.slow

BATCHES: list[int] = []
RANGES: list[Example] = []


class Shifted(Runtime):
    """The network with every logit a little higher, which changes no decision."""

    precision, calibrates = "int8", True

    def compile(
        self, module: nn.Module, example: Example, calibration: Sequence[Example] = ()
    ) -> Callable[..., Tensor]:
        wanted = example[0].shape
        BATCHES.append(wanted[0])
        RANGES[:] = calibration

        def call(clips: Tensor) -> Tensor:
            assert clips.shape == wanted
            with torch.inference_mode():
                return self.changed(module.eval()(clips))

        return call

    def changed(self, logits: Tensor) -> Tensor:
        return logits * 1.01


class Wrong(Shifted):
    """The network with its answers turned round."""

    calibrates = False

    def changed(self, logits: Tensor) -> Tensor:
        return -logits


@hookimpl
def abawbench_plugins() -> list[RuntimeDeclaration]:
    found = [RuntimeDeclaration(name=n, summary="", build=f"abawbench_odd:{n}") for n in ("shifted", "wrong")]
    absent = RuntimeDeclaration(
        name="absent", summary="", build="abawbench_odd:gone", extra="odd[all]", needs=("no_such_module",)
    )
    return [*found, absent]


@pytest.fixture
def run(toys: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Record]:
    monkeypatch.setattr(measure, "perf_counter", lambda: 1e12)  # so that no bound cuts a slow machine short
    module = ModuleType("abawbench_odd")
    for name, value in {"abawbench_plugins": abawbench_plugins, "shifted": Shifted, "wrong": Wrong}.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "abawbench_odd", module)
    plugins = Plugins([*(toys._found or ()), EntryPoint("odd", "abawbench_odd", "abawbench")], strict=True)

    def call(runtime: str, latency_seconds: float = 0) -> Record:
        settings = {"epochs": 30, "lr": 0.05, "schedule": "constant"}
        machine = abawbench.Machine(device="cpu", runtime=runtime, latency_seconds=latency_seconds)
        (record,) = abawbench.run(
            "toy", "colour", {"toy": ()}, settings=settings, out=tmp_path / "runs", machine=machine, plugins=plugins
        )
        return record

    return call


def test_eager_execution_has_nothing_to_be_compared_with(run: Callable[..., Record]) -> None:
    assert run("eager").parity is None


def test_a_runtime_that_keeps_the_decisions_is_kept(run: Callable[..., Record]) -> None:
    found = run("shifted").parity
    assert found is not None
    assert (found.runtime, found.precision) == ("shifted", "int8")
    assert 0 < found.mean_difference < found.largest_difference < 0.1
    assert found.scores % 3 == 0
    assert found.change == 0
    assert found.kept


def test_another_runtime_of_pytorch_changes_nothing(run: Callable[..., Record]) -> None:
    found = run("channels-last").parity
    assert found is not None
    assert found.largest_difference < 1e-5


def test_a_runtime_that_changes_the_metric_is_not_ranked(run: Callable[..., Record]) -> None:
    kept, wrong = run("shifted"), run("wrong")
    assert wrong.parity is not None
    assert wrong.parity.change < -0.3
    assert not wrong.parity.kept
    assert kept.marks == ()
    assert wrong.marks == (f"wrong changes the metric by {wrong.parity.change:+.3f}",)
    assert "timed by wrong (int8); beside eager execution" in table([wrong])
    assert "so it is not ranked" in " ".join(table([wrong]).split())
    assert "which is kept" in " ".join(table([kept]).split())
    lines = [line.split("|") for line in render([], [wrong, kept]).splitlines() if "| toy" in line]
    assert [(line[1].strip(), "wrong changes" in line[2]) for line in lines] == [("1", False), ("–", True)]


def test_scores_are_those_of_eager_execution(run: Callable[..., Record], tmp_path: Path) -> None:
    eager, wrong = run("eager"), run("wrong")
    assert eager.job != wrong.job
    assert eager.score == wrong.score
    assert wrong.parity is not None
    # whole clips of images against features kept in 16 bits
    assert wrong.parity.eager_value == pytest.approx(eager.score.value, abs=0.01)
    one, other = (store.read_run_predictions(path).scores for path, _ in store.find(tmp_path / "runs"))
    for track in one:
        assert (one[track] == other[track]).all()


def test_ranges_come_from_training_clips_in_the_compiled_batch(run: Callable[..., Record]) -> None:
    BATCHES.clear()
    run("shifted", latency_seconds=0.05)
    assert len(set(BATCHES)) == len(BATCHES)  # each batch once, for latency, throughput and parity together
    assert {1, 4} <= set(BATCHES)
    assert len(RANGES) == 32 // BATCHES[-1]
    assert all(inputs[0].shape == RANGES[0][0].shape for inputs in RANGES)
    assert any(not torch.equal(inputs[0], RANGES[0][0]) for inputs in RANGES)


def test_times_are_of_the_runtime_asked_for(run: Callable[..., Record]) -> None:
    cost = run("wrong", latency_seconds=0.05).cost
    assert cost is not None
    assert cost.latency is not None
    assert cost.throughput is not None
    assert cost.latency.runtime == cost.throughput.runtime == "wrong"
    assert {found.runtime for found in cost.relative.values()} == {"wrong"}


def test_an_absent_extra_is_told_before_anything_is_computed(run: Callable[..., Record]) -> None:
    record = run("absent")
    assert record.status == "unsupported"
    assert record.reason == "runtime 'absent' needs no_such_module; run: pip install 'odd[all]'"


def test_an_unknown_runtime_is_told_with_near_misses(run: Callable[..., Record]) -> None:
    with pytest.raises(UsageError, match="did you mean shifted"):
        run("shifte")


@pytest.mark.parametrize(("value", "kept"), [(0.5, True), (0.5 + TOLERANCE * 0.99, True), (0.4, False), (None, False)])
def test_the_metric_may_move_by_the_tolerance(value: float | None, kept: bool) -> None:
    given = {"runtime": "r", "precision": "fp32", "threads": 1, "largest_difference": 0, "mean_difference": 0}
    assert Parity(**given, scores=1, eager_value=0.5, value=value).kept is kept
