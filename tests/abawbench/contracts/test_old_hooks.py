"""A plugin of contract 1 is refused in one sentence that names it, and costs nobody else anything."""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

import pytest

from abawbench import PluginError, hookimpl
from abawbench.contracts import ModelDeclaration
from abawbench.plugins import Plugins

OLD_HOOKS = ("abawbench_tasks", "abawbench_databases", "abawbench_models", "abawbench_metrics", "abawbench_runtimes")


def declare() -> list[ModelDeclaration]:
    return [ModelDeclaration(name="theirs", summary="", build="os:getcwd")]


@pytest.fixture(params=OLD_HOOKS)
def old(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, entry_point: Callable[..., EntryPoint]
) -> EntryPoint:
    """The entry point of a plugin that has one of the old hooks and the new one too."""
    module = ModuleType("their_plugin")
    vars(module).update({request.param: hookimpl(declare), "abawbench_plugins": hookimpl(declare)})
    monkeypatch.setitem(sys.modules, "their_plugin", module)
    return entry_point("their_plugin", "their-package", "1.4")


def test_it_is_named_with_the_remedy_and_the_others_load(old: EntryPoint) -> None:
    plugins = Plugins([*entry_points(group="abawbench"), old])
    (failure,) = plugins.failures
    text = str(failure)
    assert text.startswith("plugin 'their-plugin' of their-package 1.4 was left out: ")
    assert "written for contract 1, and this abawbench keeps 2" in text
    assert "one hook, abawbench_plugins" in text
    assert "\n" not in text
    assert plugins.get("task", "va").name == "va"
    assert "theirs" not in plugins.names("model")


def test_strict_loading_ends_with_that_sentence(old: EntryPoint) -> None:
    with pytest.raises(PluginError, match=r"^plugin 'their-plugin' of their-package 1\.4 was left out: [^\n]*$"):
        Plugins([old], strict=True).all("model")
