"""Checks tell what was expected, what came and where to read on."""

import socket
import sys
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import SkipTest

import pytest

from abawbench.contracts import UsageError
from abawbench.plugins import KINDS, Plugins
from abawbench.system.network import network_watched
from abawbench.testing import PAGES, Breach, Check, checks


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_checks_of_different_names(kind: str) -> None:
    names = [check.name for check in checks(kind)]
    assert len(names) == len(set(names)) > 6
    assert all(check.promise for check in checks(kind))


def check_with(function: Any) -> Check:
    return Check("metric", "made-up", "it works", function)


def test_a_breach_names_the_page_that_explains_it() -> None:
    def broken(subject: Any) -> None:
        raise Breach("three", "two")

    with pytest.raises(Breach, match=f"expected three; came two; see {PAGES['metric']}"):
        check_with(broken)("ccc")


def test_whatever_a_plugin_raises_is_a_breach_with_its_place() -> None:
    def broken(subject: Any) -> None:
        raise KeyError("x")

    with pytest.raises(Breach, match=r"expected that it works; came KeyError: 'x' at test_checks.py:\d+"):
        check_with(broken)("ccc")


def test_a_promise_without_a_part_in_it_is_skipped() -> None:
    def silent(subject: Any) -> None:
        raise SkipTest("nothing to see")

    with pytest.raises(SkipTest, match="nothing to see"):
        check_with(silent)("ccc")


def test_a_call_to_the_network_is_told_even_when_the_plugin_hides_it() -> None:
    def sneaky(subject: Any) -> None:
        try:
            socket.create_connection(("203.0.113.1", 80), timeout=1)
        except OSError:
            return

    with pytest.raises(Breach, match=r"a call to 203\.0\.113\.1"):
        check_with(sneaky)("ccc")


def test_outside_a_check_the_network_is_nobodys_business() -> None:
    with network_watched() as calls, pytest.raises(ConnectionRefusedError):
        socket.getaddrinfo("203.0.113.1", 80)
    assert calls == ["203.0.113.1"]
    assert socket.getaddrinfo("127.0.0.1", 80)


def test_a_model_that_names_its_settings_wrongly_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from abawbench.contracts import ModelDeclaration
    from abawbench.hookspecs import hookimpl

    module = ModuleType("abawbench_without_settings")
    declaration = ModelDeclaration(name="bare", summary="", build="abawbench_without_settings:build")
    vars(module).update(
        build=lambda settings: SimpleNamespace(),
        abawbench_plugins=hookimpl(lambda: [declaration], specname="abawbench_plugins"),
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    plugins = Plugins([*entry_points(group="abawbench"), EntryPoint("bare", module.__name__, "abawbench")])
    (builds,) = [check for check in checks("model") if check.name == "builds"]
    with pytest.raises(Breach, match="attribute Settings is a dataclass"):
        builds("bare", plugins=plugins)
    (summary,) = [check for check in checks("model") if check.name == "summary"]
    with pytest.raises(Breach, match="a summary of one line"):
        summary("bare", plugins=plugins)


def test_a_model_without_a_network_is_tried_on_whole_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    from abawbench.contracts import Predictor

    (tracks,) = [check for check in checks("model") if check.name == "tracks"]
    tracks("prior")
    builder: Any = Plugins().get("model", "prior").builder()
    original = builder.predict
    monkeypatch.setattr(builder, "predict", lambda self, task, track: original(self, task, track)[:-1])
    assert issubclass(builder, Predictor)
    with pytest.raises(Breach, match=r"expected scores \[24, 2\] for a regression task; came \[23, 2\]"):
        tracks("prior")


def test_a_runtime_that_this_machine_cannot_execute_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: object) -> None:
        raise UsageError("this processor has no bfloat16")

    (faithful,) = [check for check in checks("runtime") if check.name == "faithful"]
    monkeypatch.setattr(Plugins().get("runtime", "eager").builder(), "compile", refused)
    with pytest.raises(SkipTest, match="has no bfloat16"):
        faithful("eager")
