import pytest

from abawbench.contracts import UsageError
from abawbench.harness.plan import Databases, Generated, model_names, task_names
from abawbench.harness.progress import Progress
from abawbench.plugins import Plugins, default_plugins


def test_all_means_the_six_tasks_of_the_competition_in_their_order() -> None:
    assert task_names(default_plugins(), ["all"]) == ["va", "expr", "au", "ce", "emi", "ah"]


def test_a_name_given_twice_runs_once() -> None:
    assert task_names(default_plugins(), ["au", "all", "au"]) == ["au", "va", "expr", "ce", "emi", "ah"]
    assert model_names(default_plugins(), ["mnv4-tam", "mnv4-tam"]) == ["mnv4-tam"]


def test_a_task_goes_to_the_database_that_has_its_labels(toys: Plugins) -> None:
    databases = Databases(toys, {"toy": ()}, Generated(), Progress())
    name, database = databases.for_task(toys.get("task", "colour").build())
    assert (name, database.name) == ("toy", "toy")
    assert databases.for_task(toys.get("task", "colour").build())[1] is database


def test_a_database_that_reads_files_needs_a_root(toys: Plugins) -> None:
    with pytest.raises(UsageError, match="--data bah=ROOT"):
        Databases(toys, {"bah": ()}, Generated(), Progress())
