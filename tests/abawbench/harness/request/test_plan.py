import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from abawbench.contracts import (
    DatabaseDeclaration,
    MetricDeclaration,
    ModelDeclaration,
    RuntimeDeclaration,
    SuiteDeclaration,
    TaskDeclaration,
    UsageError,
)
from abawbench.contracts.declarations import Declaration
from abawbench.harness.jobs.prepare import prepare
from abawbench.harness.request.databases import Databases, Sources
from abawbench.harness.request.jobs import Job, list_jobs, model_names, task_names
from abawbench.harness.request.journal import Journal
from abawbench.harness.request.protocol import Protocol
from abawbench.hookspecs import hookimpl
from abawbench.plugins import KINDS, Plugins, default_plugins
from abawbench.progress import Progress


def test_all_means_the_six_tasks_of_the_competition_in_their_order() -> None:
    assert task_names(default_plugins(), ["all"]) == ["va", "expr", "au", "ce", "emi", "ah"]


def test_all_is_our_first_suite_by_another_name() -> None:
    plugins = default_plugins()
    assert task_names(plugins, ["abaw8"]) == task_names(plugins, ["all"])
    assert plugins.suites()["all"].declaration == plugins.suites()["abaw8"].declaration


def test_an_unknown_task_is_refused_in_a_suite_too(beside_ours: Callable[..., Plugins]) -> None:
    with pytest.raises(UsageError, match="unknown task 'vaa'; did you mean va"):
        task_names(default_plugins(), ["vaa"])
    with pytest.raises(UsageError, match="unknown task 'vaa'"):
        task_names(beside_ours(SuiteDeclaration(name="odd", summary="", tasks=("va", "vaa"))), ["odd"])


def test_jobs_are_every_model_on_every_task_with_every_seed() -> None:
    jobs = list_jobs(default_plugins(), ["prior", "mnv4-tam"], ["va", "au"], [0, 1], Job(device="cpu"))
    assert [(job.model, job.task, job.seed) for job in jobs] == [
        (model, task, seed) for model in ("prior", "mnv4-tam") for task in ("va", "au") for seed in (0, 1)
    ]
    assert {job.device for job in jobs} == {"cpu"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"device": "gpu"}, "unknown device 'gpu'; use auto, cpu, cuda"),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
        ({"runtime": "eagr"}, "unknown runtime 'eagr'; did you mean eager"),
        ({"control": "noise"}, "unknown control 'noise'; use shuffled-labels"),
        ({"control": "shuffled-labels", "protocol": Protocol(folds=3)}, "needs the official split"),
    ],
)
def test_what_no_job_can_be_like_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        list_jobs(default_plugins(), ["prior"], ["va"], [0], Job(**wrong))


def test_a_name_given_twice_runs_once() -> None:
    assert task_names(default_plugins(), ["au", "all", "au"]) == ["au", "va", "expr", "ce", "emi", "ah"]
    assert model_names(default_plugins(), ["mnv4-tam", "mnv4-tam"]) == ["mnv4-tam"]


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch, beside_ours: Callable[..., Plugins]) -> Plugins:
    """The installed plugins beside a stranger's of the same names, which raise when they are built."""
    module = ModuleType("crowd")

    def raises(*args: object, **options: object) -> None:
        raise AssertionError("the stranger's was built")

    names = {"task": "va", "database": "synthetic", "model": "mnv4-tam", "metric": "ccc", "runtime": "eager"}
    vars(module)["raises"] = raises
    monkeypatch.setitem(sys.modules, "crowd", module)
    return beside_ours(
        *(
            _DECLARATIONS[kind](name=names[kind], summary="", build="crowd:raises", **_EXTRA.get(kind, {}))
            for kind in KINDS
        )
    )


_EXTRA: dict[str, dict[str, Any]] = {"database": {"generated": True}}
_DECLARATIONS: dict[str, Any] = {
    "task": TaskDeclaration,
    "database": DatabaseDeclaration,
    "model": ModelDeclaration,
    "metric": MetricDeclaration,
    "runtime": RuntimeDeclaration,
}


@pytest.fixture
def beside_ours(monkeypatch: pytest.MonkeyPatch, entry_point: Callable[..., EntryPoint]) -> Callable[..., Plugins]:
    """Return a function that gives the installed plugins beside what a stranger declares."""

    def make(*declared: Declaration) -> Plugins:
        module = ModuleType("stranger")
        vars(module)["abawbench_plugins"] = hookimpl(specname="abawbench_plugins")(lambda: list(declared))
        monkeypatch.setitem(sys.modules, "stranger", module)
        return Plugins([*entry_points(group="abawbench"), entry_point("stranger", "stranger", "1")], strict=True)

    return make


def test_a_seed_and_a_setting_given_twice_are_one_job() -> None:
    like = Job(model="", task="")
    jobs = list_jobs(default_plugins(), ["constant"], ["va"], [3, 0, 3], like, {"lr": [0.1, 1e-1, 0.2]})
    assert [(job.overrides["lr"], job.seed) for job in jobs] == [(0.1, 3), (0.1, 0), (0.2, 3), (0.2, 0)]


@pytest.mark.parametrize(("own", "name"), [({"lr": 1}, "lr"), ({"loss": {"va": "x"}}, "loss.va")])
def test_a_setting_beside_a_grid_of_it_is_refused(own: dict[str, Any], name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' is given by --set and by --grid"):
        list_jobs(default_plugins(), ["constant"], ["va"], [0], Job(model="", task="", overrides=own), {name: [1, 2]})


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_numpy_does_not_take_is_wrong_usage(seed: int) -> None:
    with pytest.raises(UsageError, match="from 0 to 4294967295"):
        list_jobs(default_plugins(), ["constant"], ["va"], [0, seed], Job(model="", task=""))


def test_all_names_in_full_what_a_stranger_claims_too(crowded: Plugins) -> None:
    assert task_names(crowded, ["all"]) == ["abawbench:va", "expr", "au", "ce", "emi", "ah"]
    models = model_names(crowded, ["all"])
    assert {"abawbench:mnv4-tam", "stranger:mnv4-tam", "prior"} <= set(models)
    assert "mnv4-tam" not in models


def test_what_a_job_refers_to_stays_ours_beside_a_stranger_of_the_same_name(crowded: Plugins, tmp_path: Path) -> None:
    databases = Databases(crowded, Sources(preset="tiny"), Progress())
    for found in (databases, databases.under({"absent-class": "left-out"})):
        assert found.plugin("synthetic").distribution == "abawbench"
    job = Job(model="prior", task="abawbench:va")
    ready = prepare(job, crowded, databases, Journal())
    assert {(p.kind, p.distribution) for p in ready.took_part.values()} == {(kind, "abawbench") for kind in KINDS}


def test_a_name_that_a_user_types_stays_ambiguous(crowded: Plugins) -> None:
    with pytest.raises(UsageError, match="write abawbench:mnv4-tam or stranger:mnv4-tam"):
        model_names(crowded, ["mnv4-tam"])
    with pytest.raises(UsageError, match="write abawbench:synthetic or stranger:synthetic"):
        Databases(crowded, Sources({"synthetic": ()}, "tiny"), Progress())


def test_a_task_goes_to_the_database_that_has_its_labels(toys: Plugins) -> None:
    databases = Databases(toys, Sources({"toy": ()}), Progress())
    name, database = databases.for_task(toys.get("task", "colour").build())
    assert (name, database.name) == ("toy", "toy")
    assert databases.for_task(toys.get("task", "colour").build())[1] is database


def test_a_database_that_reads_files_needs_a_root(toys: Plugins) -> None:
    with pytest.raises(UsageError, match="--data bah=ROOT"):
        Databases(toys, Sources({"bah": ()}), Progress())
