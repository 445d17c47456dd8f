"""A metric of which less is better is maximised, ranked, compared and gated the other way round."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import abawbench
from abawbench import Machine, Protocol
from abawbench.compare.comparison import Comparison, compare
from abawbench.compare.every_pair import Pairs
from abawbench.compare.gate import Gate, checks, exit_status
from abawbench.compare.sides import Run, load_side
from abawbench.compare.ties import compare_neighbours
from abawbench.contracts import Declaration, Labels, Metric, MetricDeclaration, Task, TaskDeclaration
from abawbench.harness.learn.postprocessing import tune_thresholds
from abawbench.hookspecs import hookimpl
from abawbench.plugins import Plugins
from abawbench.records import store
from abawbench.records.record import Record, Score
from abawbench.records.track_statistics import TrackStatistics
from abawbench.report.comparison_table import comparison_json, comparison_text
from abawbench.report.leaderboard import render
from abawbench.report.pareto import frontier, panels
from abawbench.report.plot import draw
from abawbench.report.table import table
from abawbench.testing import checks as checks_of
from abawbench_plugins.metrics.f1 import MacroF1
from abawbench_plugins.tasks import au


class Missed(MacroF1):
    """One minus macro F1."""

    higher_is_better = False

    def value(self, statistics: Any) -> Any:
        return 1 - super().value(statistics)

    def parts(self, statistics: Any) -> Any:
        return {name: 1 - part for name, part in super().parts(statistics).items()}


class AbsoluteError(Metric):
    """The mean absolute error over frames and outputs."""

    size = 2
    higher_is_better = False

    def __init__(self, task: Task) -> None:
        self.task = task

    def statistics(self, prediction: Any, target: Any, mask: Any) -> Any:
        return np.array([mask.sum(), np.abs(prediction - target)[mask].mean(axis=-1).sum()])

    def value(self, statistics: Any) -> Any:
        return statistics[..., 1] / statistics[..., 0]

    def parts(self, statistics: Any) -> Mapping[str, Any]:
        return {}


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        MetricDeclaration(name="missed", summary="an error", build="abawbench_errors:Missed"),
        MetricDeclaration(name="absolute-error", summary="an error", build="abawbench_errors:AbsoluteError"),
        TaskDeclaration(name="colour-missed", summary="a toy", build="abawbench_errors:build_task"),
    ]


@pytest.fixture
def plugins(toys: Plugins, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """The toys, two errors as metrics, and the toy task scored by one of them."""
    module: Any = ModuleType("abawbench_errors")
    module.abawbench_plugins, module.Missed, module.AbsoluteError = abawbench_plugins, Missed, AbsoluteError
    module.build_task = lambda: replace(toys.get("task", "colour").build(), metric="missed")
    monkeypatch.setitem(sys.modules, "abawbench_errors", module)
    ours = [EntryPoint(name, f"abawbench_{name}", "abawbench") for name in ("toy", "errors")]
    return Plugins([*entry_points(group="abawbench"), *ours], strict=True)


Make = Callable[..., Run]


@pytest.fixture
def make(tmp_path: Path, plugins: Plugins, make_record: Callable[..., Record]) -> Make:
    """Write a run of va on made-up tracks, scored by the absolute error; more noise is worse."""
    metric = plugins.get("metric", "absolute-error").build(plugins.get("task", "va").build())

    def make(model: str, noise: float, seed: int = 0, **fields: Any) -> Run:
        shared, own = np.random.default_rng(7), np.random.default_rng(int(1000 * noise) + seed)
        rows = []
        for n in range(24):
            target = np.clip(shared.normal(0, 0.3, (20 + n, 2)), -1, 1)
            predicted = target + shared.normal(0, 0.1, 2) + noise * own.normal(0, 1, target.shape)
            rows.append(metric.statistics(predicted, target, np.ones(len(target), bool)))
        names = tuple(f"t{n:02d}" for n in range(24))
        statistics = TrackStatistics(names, names, np.array(rows))
        value = float(metric.value(statistics.values.sum(axis=0)))
        score = Score(metric="absolute-error", higher_is_better=False, value=value)
        record = make_record(score=score, model=model, seed=seed, **fields)
        folder = tmp_path / "runs" / f"{model}-{seed}"
        store.write(folder, record, statistics=statistics)
        (run,) = load_side(str(folder))
        return run

    return make


def gated(comparison: Comparison, drop: float) -> tuple[int, str]:
    gate = Gate(max_drop=drop)
    (check,) = found = checks(gate, comparison)
    return exit_status(gate, found), check.words


def test_a_comparison_says_that_lower_is_better(make: Make, plugins: Plugins) -> None:
    found = compare([make("a", 0.3)], [make("b", 0.5)], plugins, replicates=500)
    (task,) = found.tasks
    assert task.difference == pytest.approx(task.value_b - task.value_a)
    assert task.difference > 0.1
    assert "va: absolute-error is better when lower" in comparison_text(found)
    assert json.loads(comparison_json(found))["tasks"][0]["higher_is_better"] is False


def test_a_gate_refuses_a_rise_and_lets_a_fall_pass(make: Make, plugins: Plugins) -> None:
    good, bad = make("a", 0.3), make("b", 0.5)
    worse, better = (compare([one], [other], plugins, replicates=500) for one, other in ((good, bad), (bad, good)))
    rise = worse.tasks[0].difference
    assert gated(worse, 0.01)[0] == 1
    assert gated(worse, 2 * rise)[0] == 0
    assert gated(better, 0)[0] == 0
    assert f"a rise of {2 * rise:g} is allowed" in gated(worse, 2 * rise)[1]


def test_a_limit_inside_the_interval_says_how_many_tracks_it_takes(make: Make, plugins: Plugins) -> None:
    found = compare([make("a", 0.3)], [make("b", 0.5)], plugins, replicates=500)
    (task,) = found.tasks
    status, words = gated(found, (task.difference + task.simultaneous.low) / 2)
    assert status == 2
    assert "about 7" in words
    assert "more tracks like these 24" in words


def test_the_leaderboard_ranks_the_least_first_and_ties_share(make: Make, plugins: Plugins) -> None:
    runs = [make("worst", 0.9), make("best", 0.2), make("good", 0.3), make("alike", 0.3, seed=1)]
    page = render([], [run.record for run in runs], compare_neighbours(runs, Pairs(runs, plugins)))
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if line.startswith("| ")]
    assert [row[1] for row in rows[1:]] == ["1", "2=", "2=", "4"]
    assert [row[2] for row in rows[1:]][::3] == ["best", "worst"]
    assert "absolute-error (lower is better)" in page


def test_the_table_of_a_run_says_that_lower_is_better(make: Make) -> None:
    assert "va: absolute-error is better when lower" in table([make("a", 0.3).record])
    assert "lower" not in table([make("a", 0.3).record.model_copy(update={"score": Score(metric="ccc", value=0.5)})])


def test_without_a_declared_direction_nothing_is_ranked_or_gated(
    make: Make, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make("good", 0.3), make("bad", 0.9)]  # of when it still said so
    monkeypatch.setattr(AbsoluteError, "higher_is_better", None)
    found = compare(runs[:1], runs[1:], plugins, replicates=500)
    status, words = gated(found, 0.02)
    assert status == 2
    assert words.startswith("direction not declared")
    assert exit_status(Gate(max_drop=0.02, when_unsure="pass"), checks(Gate(max_drop=0.02), found)) == 2
    assert "absolute-error does not declare whether more or less is better" in comparison_text(found)


def test_a_record_of_an_undeclared_direction_is_marked(make: Make) -> None:
    (record,) = [make("a", 0.3).record]
    assert record.score is not None
    told = record.model_copy(update={"score": record.score.model_copy(update={"direction_declared": False})})
    assert told.marks == ("direction=not declared",)
    assert "| – " in render([], [told])
    assert "absolute-error (direction not declared)" in render([], [told])
    assert table([told, told.model_copy(update={"seed": 1})]).count("does not declare whether more or less") == 1


@pytest.mark.slow
def test_the_frontier_and_the_picture_go_down(make: Make, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    cost = make("a", 0.3).record.cost
    assert cost is not None
    dear = cost.model_copy(update={"macs_per_frame": {"flop_counter": 9e9}})
    records = [make("cheap", 0.5).record, make("better", 0.3, cost=dear).record, make("beaten", 0.6, cost=dear).record]
    (points,) = panels(records, [], "macs").values()
    assert [point.label for point in frontier(points)] == ["cheap", "better"]
    (picture,) = draw(records, [], "macs", tmp_path / "plot.svg")
    assert "official metric, lower is better" in picture.read_text(encoding="utf-8")


def test_the_check_of_a_metric_knows_an_error_and_a_wrong_direction(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    (truth,) = (check for check in checks_of("metric") if check.name == "truth")
    truth("missed", plugins=plugins)
    monkeypatch.setattr(Missed, "higher_is_better", True)
    (direction,) = (check for check in checks_of("metric") if check.name == "direction")
    direction("missed", plugins=plugins)
    with pytest.raises(AssertionError, match=r"no worse than chance.*where higher is better"):
        truth("missed", plugins=plugins)
    monkeypatch.setattr(Missed, "higher_is_better", None)
    with pytest.raises(AssertionError, match="higher_is_better to be True or False"):
        direction("missed", plugins=plugins)


def test_thresholds_are_tuned_to_the_least_error() -> None:
    task = au.task()
    random = np.random.default_rng(0)
    scores = [random.random((200, 12)) for _ in range(3)]
    labels = [Labels((one > 0.7).astype(int), np.ones(200, dtype=bool)) for one in scores]
    assert tune_thresholds(Missed(task), task, scores, labels) == dict.fromkeys(task.outputs, 0.7)


@pytest.mark.slow
def test_an_error_is_minimised_as_its_complement_is_maximised(plugins: Plugins, tmp_path: Path) -> None:
    right, missed = abawbench.run(
        "toy",
        ["colour", "colour-missed"],
        {"toy": ()},
        settings={"epochs": 6, "patience": 1, "holdout": 0.5, "lr": 0.02},
        protocol=Protocol(),
        machine=Machine(device="cpu", latency_seconds=0),
        out=tmp_path / "out",
        plugins=plugins,
    )
    assert (right.status, missed.status) == ("ok", "ok"), missed.reason
    assert [one.held_out for one in missed.training] == pytest.approx([1 - one.held_out for one in right.training])
    assert len(missed.training) == len(right.training) > 2
    assert missed.score.value == pytest.approx(1 - right.score.value)
    assert missed.floor.value == pytest.approx(1 - right.floor.value)
    assert (right.score.higher_is_better, missed.score.higher_is_better) == (True, False)
