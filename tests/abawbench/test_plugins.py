"""The plugin manager: everyone comes in by the same door, and a broken plugin is named and left out."""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from abawbench import contracts
from abawbench.contracts import (
    Assumption,
    Declaration,
    MetricDeclaration,
    ModelDeclaration,
    PluginError,
    SuiteDeclaration,
    UsageError,
)
from abawbench.hookspecs import hookimpl
from abawbench.plugins import KINDS, Plugins, default_plugins, one_line

Install = Callable[..., EntryPoint]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, entry_point: Install) -> Install:
    """Return a function that makes a plugin module and the entry point that names it."""

    def call(name: str, distribution: str = "stranger", **hooks: Any) -> EntryPoint:
        module = ModuleType(name)
        vars(module).update(hooks)
        monkeypatch.setitem(sys.modules, name, module)
        return entry_point(name, distribution, "1.2")

    return call


def declare(*found: Any) -> Any:
    """Return a hook that declares these."""

    @hookimpl
    def abawbench_plugins() -> list[Any]:
        return list(found)

    return abawbench_plugins


def models(*names: Any, **fields: Any) -> Any:
    return declare(
        *(ModelDeclaration(**{"name": name, "summary": "", "build": "os:getcwd"} | fields) for name in names)
    )


def suite(name: str, tasks: Any) -> Any:
    return declare(SuiteDeclaration(name=name, summary="", tasks=tasks))


def test_everything_first_party_comes_through_the_entry_points() -> None:
    plugins = default_plugins()
    assert plugins.failures == []
    assert {p.name for p in plugins.all("task")} >= {"va", "expr", "au", "ce", "emi", "ah"}
    assert {p.name for p in plugins.all("model")} >= {"mnv4-tam", "mnv4-tam-1", "mnv4-tam-2"}
    assert {p.name for p in plugins.all("database")} >= {"synthetic", "aff-wild2", "c-expr-db", "hume-vidmimic2", "bah"}
    assert {p.distribution for kind in KINDS for p in plugins.all(kind)} >= {"abawbench"}


def test_every_first_party_builder_can_be_imported() -> None:
    plugins = default_plugins()
    assert all(callable(p.builder()) for kind in KINDS for p in plugins.names(kind).values())


def test_a_plugin_that_fails_to_import_is_named_with_its_error_and_the_others_work(install: Install) -> None:
    missing = EntryPoint("gone", "no_such_module_anywhere", "abawbench")
    plugins = Plugins([missing, install("fine", abawbench_plugins=models("m"))])
    assert [p.name for p in plugins.all("model")] == ["m"]
    (failure,) = plugins.failures
    assert "gone" in str(failure)
    assert "ModuleNotFoundError" in failure.error


def raises() -> None:
    raise ValueError("out of cheese\nsecond line")


def exits() -> None:
    sys.exit("no licence found")


@pytest.mark.parametrize(
    ("hooks", "error"),
    [
        ({"abawbench_plugins": hookimpl(raises)}, "ValueError: out of cheese"),
        ({"abawbench_plugins": hookimpl(exits)}, "SystemExit: no licence found"),
        ({"abawbench_plugin": models("m")}, "abawbench_plugin"),
        ({"unrelated": 1}, "implements no abawbench hook"),
        ({"abawbench_plugins": declare("m")}, "abawbench_plugins must return declarations, not str"),
        ({"abawbench_plugins": declare(Declaration(name="m", summary="", build="os:getcwd"))}, "not Declaration"),
        ({"abawbench_plugins": models(None)}, "a name that is not text"),
        ({"abawbench_plugins": models("m", summary=7)}, "a summary that is not text"),
        ({"abawbench_plugins": models("m", build=None)}, "a build that is not text"),
        ({"abawbench_plugins": models("m", build="os")}, "build 'os', not package.module:name"),
        ({"abawbench_plugins": models("stranger:m")}, "needs a name without ':'"),
        ({"abawbench_plugins": models("a/../b")}, "has no slash"),
        ({"abawbench_plugins": models("-rf")}, "does not begin with '.' or '-'"),
        ({"abawbench_plugins": models("all")}, "that is not 'all'"),
        ({"abawbench_plugins": models("a\nb")}, "that can be printed"),
        ({"abawbench_plugins": models("m" * 5000)}, "of at most 100 bytes"),
        ({"abawbench_plugins": models(type("Name", (str,), {})("m"))}, "a name that is not text"),
        ({"abawbench_plugins": declare(*[1] * 1001)}, "gives more than 1000 declarations"),
        ({"abawbench_plugins": models("m", contract="1")}, "TypeError"),
        ({"abawbench_plugins": models("m", needs="torch")}, "needs that are not a tuple of text"),
        ({"abawbench_plugins": models("m", assumptions=("x",))}, "assumptions that are not a tuple of Assumption"),
        (
            {"abawbench_plugins": models("m", assumptions=(Assumption(name="x", values=(), fact="", source=""),))},
            "assumptions that are not a tuple of Assumption with values",
        ),
        ({"abawbench_plugins": models("m", contract=99)}, "newer than this abawbench's 2"),
        ({"abawbench_plugins": models("m", contract=1)}, "older than this abawbench's 2"),
        ({"abawbench_models": models("m")}, "it was written for contract 1, and this abawbench keeps 2"),
        ({"abawbench_metrics": models("m"), "abawbench_plugins": models("n")}, "return all declarations from one hook"),
        ({"abawbench_plugins": suite("s", ())}, "suite 's' declares tasks that are not a tuple of names"),
        ({"abawbench_plugins": suite("s", "va")}, "suite 's' declares tasks that are not a tuple of names"),
    ],
)
def test_a_plugin_that_breaks_the_rules_is_blamed_alone(install: Install, hooks: dict[str, Any], error: str) -> None:
    for name, hook in hooks.items():
        if callable(hook):
            hook.__name__ = name
    plugins = Plugins([install("bad", **hooks), install("fine", abawbench_plugins=models("good"))])
    assert [p.name for p in plugins.all("model")] == ["good"]
    (failure,) = plugins.failures
    assert error in failure.error
    assert (failure.distribution, failure.version) == ("stranger", "1.2")


def test_strict_makes_any_failure_fatal(install: Install) -> None:
    plugins = Plugins([install("bad", unrelated=1)], strict=True)
    with pytest.raises(PluginError, match=r"bad.*stranger 1\.2"):
        plugins.all("model")


def test_ci_is_strict_and_a_switch_turns_strangers_off(monkeypatch: pytest.MonkeyPatch, install: Install) -> None:
    points = [install("bad", unrelated=1), install("ours", "abawbench", abawbench_plugins=models("m"))]
    monkeypatch.setattr("abawbench.plugins.entry_points", lambda group: points)
    monkeypatch.delenv("ABAWBENCH_STRICT", raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(PluginError):
        default_plugins().all("model")
    monkeypatch.setenv("CI", "false")
    assert [p.name for p in default_plugins().all("model")] == ["m"]
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("ABAWBENCH_THIRD_PARTY", "0")
    assert [p.name for p in default_plugins().all("model")] == ["m"]


def test_two_plugins_of_one_name_are_told_apart_by_their_distribution(install: Install) -> None:
    plugins = Plugins(
        [
            install("one", "first", abawbench_plugins=models("m")),
            install("two", "second", abawbench_plugins=models("m")),
        ]
    )
    with pytest.raises(UsageError, match="first:m or second:m"):
        plugins.get("model", "m")
    assert plugins.get("model", "second:m").distribution == "second"


def test_a_name_that_the_code_gives_is_that_of_whoever_refers_to_it_then_ours(install: Install) -> None:
    plugins = Plugins([install(name, name, abawbench_plugins=models("m")) for name in ("abawbench", "one", "two")])
    assert plugins.get("model", "m", near=("two", "abawbench")).distribution == "two"
    assert plugins.get("model", "m", near=("none of them", "abawbench")).distribution == "abawbench"
    assert plugins.get("model", "one:m", near=("two",)).distribution == "one"
    with pytest.raises(UsageError, match="is given by 3 plugins"):
        plugins.get("model", "m", near=("none of them",))


def test_what_lists_all_writes_names_that_two_claim_in_full(install: Install) -> None:
    points = [
        install("one", "first", abawbench_plugins=models("m", "n")),
        install("two", abawbench_plugins=models("m")),
    ]
    plugins = Plugins(points)
    assert list(plugins.names("model")) == ["first:m", "stranger:m", "n"]
    assert all(plugins.get("model", name) is plugin for name, plugin in plugins.names("model").items())


def test_what_is_left_of_a_removed_distribution_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, install: Install
) -> None:
    leftover = tmp_path / "gone-1.0.dist-info"
    leftover.mkdir()
    (leftover / "entry_points.txt").write_text("[abawbench]\ngone = no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = [point for point in entry_points(group="abawbench") if point.name == "gone"]
    plugins = Plugins([*found, install("fine", abawbench_plugins=models("m"))])
    assert [p.name for p in plugins.all("model")] == ["m"]
    assert [(f.entry_point, f.distribution, f.version) for f in plugins.failures] == [("gone", "unknown", "0")]


@pytest.mark.parametrize("module", ["nobody.here", "os.nobody", "__main__", ".x", ""])
def test_a_needed_module_that_cannot_be_found_is_missing(
    monkeypatch: pytest.MonkeyPatch, install: Install, module: str
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    plugins = Plugins([install("needy", abawbench_plugins=models("m", needs=(module,)))])
    assert plugins.get("model", "m").declaration.missing == (module,)


def test_an_unknown_name_gets_near_misses(install: Install) -> None:
    plugins = Plugins([install("fine", abawbench_plugins=models("mnv4-tam", "other"))])
    with pytest.raises(UsageError, match="did you mean mnv4-tam"):
        plugins.get("model", "mnv4tam")
    with pytest.raises(UsageError, match="known: mnv4-tam, other"):
        plugins.get("model", "zzz")


def test_a_builder_that_cannot_be_imported_names_the_plugin_and_its_extra(install: Install) -> None:
    heavy = MetricDeclaration(name="x", summary="", build="no_such_module:f", extra="abawbench[x]")
    plugins = Plugins([install("heavy", abawbench_plugins=declare(heavy))])
    with pytest.raises(PluginError, match=r"metric 'x' of stranger 1.2 .* install abawbench\[x\]"):
        plugins.get("metric", "x").build()


def test_another_declaration_is_another_plugin(install: Install) -> None:
    one, other = (
        Plugins([install("p", abawbench_plugins=models("m", licence=licence))]).get("model", "m").code()
        for licence in ("MIT", "none")
    )
    assert one.digest != other.digest


def test_an_error_is_told_in_one_printable_line() -> None:
    assert one_line(ValueError("a\x1b[31mb\nc")) == "ValueError: a [31mb"
    assert one_line(KeyError()) == "KeyError"


def test_every_name_the_contracts_offer_can_be_imported() -> None:
    assert all(getattr(contracts, name) is not None for name in contracts.__all__)
    with pytest.raises(AttributeError, match="Modell"):
        _ = contracts.Modell  # type: ignore[attr-defined]
