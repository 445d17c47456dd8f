"""Jobs of a plan that are done one by one, and what is said of those that are and are not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from abawbench import api, cli
from abawbench.harness.engines.endings import FOLDER, read_endings
from abawbench.harness.request.jobs import Machine
from abawbench.harness.request.plan import Plan
from abawbench.plugins import Plugins
from abawbench.records import store


@pytest.fixture
def plan(toys: Plugins) -> Plan:
    machine = Machine(device="cpu", latency_seconds=0)
    settings = {"epochs": 1}
    return api.plan("toy", "colour", {"toy": ()}, seed=[0, 1, 2], settings=settings, machine=machine, plugins=toys)


def states(out: Path, plan: Plan) -> list[str]:
    return [one.state for one in read_endings(out, plan)]


@pytest.mark.slow
def test_jobs_done_one_by_one_are_those_of_one_run(plan: Plan, toys: Plugins, tmp_path: Path) -> None:
    whole = api.run_plan(plan, out=tmp_path / "whole", plugins=toys)
    parts = [api.run_plan(plan, str(number), out=tmp_path / "parts", plugins=toys)[0] for number in (2, 0, 1)]
    assert [one.seed for one in parts] == [2, 0, 1]
    for one in parts:
        assert one.predictions == whole[one.seed].predictions
        assert one.statistics == whole[one.seed].statistics
    assert states(tmp_path / "parts", plan) == ["ok"] * 3


@pytest.mark.slow
def test_what_is_missing_failed_or_damaged_is_told(plan: Plan, toys: Plugins, tmp_path: Path) -> None:
    (one,) = api.run_plan(plan, "1", out=tmp_path, plugins=toys)
    assert states(tmp_path, plan) == ["missing", "ok", "missing"]
    result = store.folder_of(tmp_path, one) / store.RESULT
    result.write_text(result.read_text().replace('"seed"', '"seeds"', 1))
    ending = read_endings(tmp_path, plan)[1]
    assert ending.state == "missing"
    assert "result.json" in str(ending.reason)


@pytest.mark.slow
def test_a_note_that_leads_outside_is_not_followed(plan: Plan, toys: Plugins, tmp_path: Path) -> None:
    api.run_plan(plan, "0", out=tmp_path / "a", plugins=toys)
    (note,) = (tmp_path / "a" / FOLDER).rglob("*.json")
    said = json.loads(note.read_text())
    note.write_text(json.dumps({**said, "folder": "../b"}))
    assert "outside" in str(read_endings(tmp_path / "a", plan)[0].reason)
    note.write_text("[]")
    assert "cannot be read" in str(read_endings(tmp_path / "a", plan)[0].reason)


@pytest.fixture
def call(toys: Plugins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.setattr("abawbench.api.default_plugins", lambda: toys)
    monkeypatch.setattr("abawbench.plugins.default_plugins", lambda: toys)
    monkeypatch.setattr("abawbench.config._require_existing", lambda path, where: path)
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(cli.group, args, standalone_mode=False, catch_exceptions=False)


SEEDS = ("--seed", "0", "--seed", "1")
WANTED = ("--model", "toy", "--task", "colour", "--data", "toy", "--set", "epochs=1", "--latency-seconds", "0", *SEEDS)


@pytest.mark.slow
def test_plan_prepare_run_and_collect_from_the_command_line(call: Callable[..., Result]) -> None:
    assert "2 jobs in plan.json" in call("plan", *WANTED, "--device", "cpu", "--out", "plan.json").stdout
    (shared,) = json.loads(call("prepare", "--plan", "plan.json", "--json", "--quiet").stdout)
    assert (shared["model"], shared["jobs"], shared["embedded"], shared["reason"]) == ("toy", 2, 13, None)
    assert call("run", "--plan", "plan.json", "--index", "1", "--in-process", "--quiet").return_value == 0
    done = call("collect", "--plan", "plan.json", "--json")
    assert done.return_value == 1
    found = json.loads(done.stdout)
    assert found["states"] == {"ok": 1, "missing": 1}
    assert found["endings"][1]["value"] is not None
    assert call("collect", "--plan", "plan.json", "--todo").stdout == "0\n"
    assert "2 jobs: 1 ok, 1 missing" in call("collect", "--plan", "plan.json").stdout
    assert call("run", "--plan", "plan.json", "--indices", "0-1", "--in-process", "--quiet").return_value == 0
    assert call("collect", "--plan", "plan.json").return_value == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("run", "--plan", "p.json", "--model", "toy"), "--model: the plan says what is run"),
        (("run", "--plan", "p.json", "--set", "epochs=2", "--preset", "tiny"), "--set, --preset: the plan says"),
        (("run", "--index", "3", *WANTED), "add --plan FILE"),
        (("run", "--plan", "p.json", "--index", "3", "--indices", "4"), "not both"),
        (("run", "--plan", "p.json"), "p.json: cannot be read"),
        (("run", *WANTED, "--engine", "cloud"), "unknown engine 'cloud'"),
        (("run", *WANTED, "--slurm", "partition=a"), "are for engine 'slurm'"),
    ],
)
def test_wrong_usage_of_a_plan_is_one_message(args: tuple[str, ...], said: str, call: Callable[..., Result]) -> None:
    with pytest.raises(Exception, match=said):
        call(*args)
