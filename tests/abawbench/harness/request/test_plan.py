import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from abawbench.contracts import (
    DatabaseDeclaration,
    MetricDeclaration,
    ModelDeclaration,
    RuntimeDeclaration,
    TaskDeclaration,
    UsageError,
)
from abawbench.contracts.declarations import Declaration
from abawbench.harness.jobs.job import prepare
from abawbench.harness.request.databases import Databases, Generated
from abawbench.harness.request.jobs import Job, model_names, task_names
from abawbench.harness.request.journal import Journal
from abawbench.hookspecs import hookimpl
from abawbench.plugins import KINDS, Plugins, default_plugins
from abawbench.progress import Progress


def test_all_means_the_six_tasks_of_the_competition_in_their_order() -> None:
    assert task_names(default_plugins(), ["all"]) == ["va", "expr", "au", "ce", "emi", "ah"]


def test_a_name_given_twice_runs_once() -> None:
    assert task_names(default_plugins(), ["au", "all", "au"]) == ["au", "va", "expr", "ce", "emi", "ah"]
    assert model_names(default_plugins(), ["mnv4-tam", "mnv4-tam"]) == ["mnv4-tam"]


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """The installed plugins beside a stranger's of the same names, which raise when they are built."""
    module = ModuleType("crowd")

    def raises(*args: object, **options: object) -> None:
        raise AssertionError("the stranger's was built")

    names = {"task": "va", "database": "synthetic", "model": "mnv4-tam", "metric": "ccc", "runtime": "eager"}
    for kind, hook in KINDS.items():
        declared = _DECLARATIONS[kind](name=names[kind], summary="", build="crowd:raises", **_EXTRA.get(kind, {}))
        function = _returning(declared)
        function.__name__ = hook
        setattr(module, hook, hookimpl(function))
    vars(module)["raises"] = raises
    monkeypatch.setitem(sys.modules, "crowd", module)
    point = EntryPoint("crowd", "crowd", "abawbench")
    vars(point)["dist"] = SimpleNamespace(name="stranger", version="1")
    return Plugins([*entry_points(group="abawbench"), point], strict=True)


_EXTRA: dict[str, dict[str, Any]] = {"database": {"generated": True}}
_DECLARATIONS: dict[str, Any] = {
    "task": TaskDeclaration,
    "database": DatabaseDeclaration,
    "model": ModelDeclaration,
    "metric": MetricDeclaration,
    "runtime": RuntimeDeclaration,
}


def _returning(declared: Declaration) -> Any:
    def hook() -> list[Declaration]:
        return [declared]

    return hook


def test_all_names_in_full_what_a_stranger_claims_too(crowded: Plugins) -> None:
    assert task_names(crowded, ["all"]) == ["abawbench:va", "expr", "au", "ce", "emi", "ah"]
    models = model_names(crowded, ["all"])
    assert {"abawbench:mnv4-tam", "stranger:mnv4-tam", "prior"} <= set(models)
    assert "mnv4-tam" not in models


def test_what_a_job_refers_to_stays_ours_beside_a_stranger_of_the_same_name(crowded: Plugins, tmp_path: Path) -> None:
    databases = Databases(crowded, {}, Generated("tiny"), Progress())
    for found in (databases, databases.under({"absent-class": "left-out"})):
        assert found.plugin("synthetic").distribution == "abawbench"
    job = Job(model="prior", task="abawbench:va")
    ready = prepare(job, crowded, databases, Journal())
    assert {(p.kind, p.distribution) for p in ready.plugins} == {(kind, "abawbench") for kind in KINDS}


def test_a_name_that_a_user_types_stays_ambiguous(crowded: Plugins) -> None:
    with pytest.raises(UsageError, match="write abawbench:mnv4-tam or stranger:mnv4-tam"):
        model_names(crowded, ["mnv4-tam"])
    with pytest.raises(UsageError, match="write abawbench:synthetic or stranger:synthetic"):
        Databases(crowded, {"synthetic": ()}, Generated("tiny"), Progress())


def test_a_task_goes_to_the_database_that_has_its_labels(toys: Plugins) -> None:
    databases = Databases(toys, {"toy": ()}, Generated(), Progress())
    name, database = databases.for_task(toys.get("task", "colour").build())
    assert (name, database.name) == ("toy", "toy")
    assert databases.for_task(toys.get("task", "colour").build())[1] is database


def test_a_database_that_reads_files_needs_a_root(toys: Plugins) -> None:
    with pytest.raises(UsageError, match="--data bah=ROOT"):
        Databases(toys, {"bah": ()}, Generated(), Progress())
