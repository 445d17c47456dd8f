"""What every command keeps away: other machines nobody asked for, control characters, a cursor that stays hidden."""

import io
import logging
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from abawbench import cli
from abawbench.cli.data import _text
from abawbench.cli.progress import TerminalProgress
from abawbench.cli.score import report
from abawbench.contracts import Assumption, DataError, ModelDeclaration, PluginError
from abawbench.harness.data.verify import Line, Verification
from abawbench.hookspecs import hookimpl
from abawbench.plugins import Plugins
from abawbench.records import store

EVIL = "a\x1b[2Jb"
SHOWN = "a\\x1b[2Jb"
COMMANDS = {
    "run": ["run", "--model", "prior", "--in-process"],
    "profile": ["profile", "prior"],
    "submit": ["submit", ".", "--out", "x.txt"],
    "export": ["export", ".", "--format", "onnx"],
    "score": ["score", "."],
}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.group, arguments, standalone_mode=False, catch_exceptions=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reaches_another_machine_with_network_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    def calls_home(*arguments: object, **options: object) -> None:
        sys.audit("socket.getaddrinfo", "example.invalid", 80)
        raise KeyError("it was reached")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"abawbench.api.{command}", calls_home)
    with pytest.raises(PluginError, match=r"example\.invalid was refused; --network allows it"):
        call(*COMMANDS[command])
    with pytest.raises(KeyError, match="it was reached"):
        call(*COMMANDS[command], "--network")
    assert "--network" in call(command, "--help").output


def assumptions(monkeypatch: pytest.MonkeyPatch) -> str:
    evil = Assumption(name=EVIL, values=(EVIL, EVIL), fact=EVIL, source=EVIL)
    module = ModuleType("evil")

    @hookimpl
    def abawbench_plugins() -> list[ModelDeclaration]:
        return [ModelDeclaration(name="m", summary="", build="os:getcwd", assumptions=(evil,))]

    vars(module)["abawbench_plugins"] = abawbench_plugins
    monkeypatch.setitem(sys.modules, "evil", module)
    plugins = Plugins([EntryPoint("evil", "evil", "abawbench")])
    monkeypatch.setattr("abawbench.cli.list.default_plugins", lambda: plugins)
    return call("list", "assumptions").output


def unreadable(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("abawbench.records.store.find", lambda runs, report: report(DataError(EVIL)) or [])
    return call("leaderboard", "--runs", ".").stderr


def exported(monkeypatch: pytest.MonkeyPatch) -> str:
    parity = SimpleNamespace(change=None, largest_difference=0.0, mean_difference=0.0, kept=True)
    names = dict.fromkeys(("folder", "model", "task", "database"), EVIL)
    done = SimpleNamespace(**names, files=(EVIL,), synthetic=False, parity=parity, upload=EVIL)
    monkeypatch.setattr("abawbench.api.export", lambda *arguments, **options: done)
    return call(*COMMANDS["export"]).output


def submitted(monkeypatch: pytest.MonkeyPatch) -> str:
    names = dict.fromkeys(("model", "task", "database", "split"), EVIL)
    done = SimpleNamespace(**names, rows=1, tracks=1, seed=0, synthetic=False, frames_without_image=0)
    monkeypatch.setattr("abawbench.api.submit", lambda *arguments, **options: done)
    return call(*COMMANDS["submit"]).output


def baselines(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("abawbench.compare.sides.baselines", lambda: {EVIL: Path(EVIL)})
    return call("baseline", "list").output


def verified(monkeypatch: pytest.MonkeyPatch) -> str:
    return _text(Verification(EVIL, None, [Line(EVIL, EVIL, "tracks", 1, _official())], [], 0, 1.0))


def scored(monkeypatch: pytest.MonkeyPatch) -> str:
    score = SimpleNamespace(metric=EVIL, value=0.5, interval=None, reason=None, parts={})
    found = SimpleNamespace(
        database=SimpleNamespace(synthetic=False, name=EVIL, split="val", lacks=(EVIL,)),
        score=score,
        floor=SimpleNamespace(value=None, what=EVIL),
        assumptions={EVIL: EVIL},
        stored_value=None,
        notes=(EVIL,),
        lost_tracks=1,
        surplus_rows=1,
        **dict.fromkeys(("file", "form", "task"), EVIL),
        **dict.fromkeys(("tracks", "coverage", "predicted_frames", "annotated_frames", "filled_frames"), 0),
    )
    return report(found)  # type: ignore[arg-type]


def _official() -> Any:
    return SimpleNamespace(number=1, confidence=EVIL, source=EVIL, confirmed=True)


@pytest.mark.slow
@pytest.mark.parametrize("printed", [assumptions, unreadable, exported, submitted, baselines, verified, scored])
def test_control_characters_of_others_are_shown_not_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    text = printed(monkeypatch)
    assert SHOWN in text
    assert "\x1b" not in text


def test_a_result_that_cannot_be_read_is_logged_without_control_characters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / EVIL).mkdir()
    (tmp_path / EVIL / "result.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert store.find(tmp_path) == []
    assert SHOWN in caplog.text
    assert "\x1b" not in caplog.text


def test_the_cursor_comes_back_when_data_that_is_made_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=80)
    monkeypatch.setattr("abawbench.cli.progress.Console", lambda **options: console)

    def interrupted(*arguments: object, progress: TerminalProgress, **options: object) -> None:
        progress.report(1, 3, "making data")
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("abawbench.api.score", interrupted)
    with pytest.raises(click.Abort):
        call(*COMMANDS["score"])
    hidden, shown = terminal.getvalue().rfind("\x1b[?25l"), terminal.getvalue().rfind("\x1b[?25h")
    assert -1 < hidden < shown
