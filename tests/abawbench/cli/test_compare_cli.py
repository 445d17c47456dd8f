"""``compare`` and ``baseline`` from the command line, on runs of the toy world."""

import json
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from abawbench import cli
from abawbench.contracts.errors import UsageError

pytestmark = pytest.mark.slow

RUN = ("run", "--model", "toy", "--task", "colour", "--data", "toy", "--latency-seconds", "0", "--quiet")


@pytest.fixture
def call(toys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("abawbench.api.default_plugins", lambda: toys)
    monkeypatch.setattr("abawbench.plugins.default_plugins", lambda: toys)
    monkeypatch.setattr("abawbench.config._require_existing", lambda path, where: path)
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli.group, args, standalone_mode=False, catch_exceptions=False)

    invoke(*RUN, "--set", "epochs=30", "--set", "lr=0.05", "--out", "good")
    invoke(*RUN, "--control", "shuffled-labels", "--set", "epochs=1", "--out", "bad")
    return invoke


def test_compare_prints_a_table_markdown_or_json(call) -> None:
    assert "B - A [interval]" in call("compare", "good", "bad").stdout
    assert call("compare", "good", "bad", "--markdown").stdout.startswith("### bad against good\n")
    (task,) = json.loads(call("compare", "good", "bad", "--json").stdout)["tasks"]
    assert task["difference"] < -0.3
    assert task["units"] == 5


def test_the_exit_status_says_pass_fail_or_cannot_tell(call) -> None:
    assert call("compare", "good", "bad").return_value == 0
    assert call("compare", "good", "good", "--max-drop", "0").return_value == 0
    assert call("compare", "good", "bad", "--max-parameters", "0.5").return_value == 1
    assert call("compare", "good", "good", "--max-latency", "1.2").return_value == 2


def test_options_replace_what_the_gate_file_says(call) -> None:
    Path("gate.toml").write_text('max_parameters = 0.5\nwhen_unsure = "pass"\n', encoding="utf-8")
    assert call("compare", "good", "good", "--gate", "gate.toml").return_value == 1
    result = call(
        "compare", "good", "good", "--gate", "gate.toml", "--max-parameters", "1", "--max-latency", "2", "--json"
    )
    assert result.return_value == 0
    gate = json.loads(result.stdout)["gate"]
    assert gate["exit_status"] == 0
    assert [check["outcome"] for check in gate["checks"]] == ["pass", "unsure"]


def test_a_saved_baseline_is_listed_and_compared_by_name(call) -> None:
    assert "1 run" in call("baseline", "save", "toy", "good").stdout
    assert "toy\t" in call("baseline", "list").stdout
    assert call("compare", "toy", "good", "--max-drop", "0").return_value == 0


def test_several_seeds_are_trained_ranked_and_compared_with_their_spread_apart(call) -> None:
    seeds = ("--seed", "0", "--seed", "1", "--seed", "2", "--set", "epochs=2")
    call(*RUN, *seeds, "--out", "three")
    call(*RUN, *seeds, "--control", "shuffled-labels", "--out", "three-shuffled")
    (task,) = json.loads(call("compare", "three", "three-shuffled", "--json").stdout)["tasks"]
    assert task["seeds"] == 3
    assert task["seed_sd_a"] >= 0
    assert task["interval"]["low"] <= task["difference"] <= task["interval"]["high"]
    assert "±: standard deviation between seeds" in call("compare", "three", "three-shuffled").stdout
    page = call("leaderboard", "--runs", "three").stdout
    assert re.search(r"toy, 3 seeds: mean 0\.\d{3}, standard deviation between seeds 0\.\d{3}", page)
    refused = call("compare", "three", "good", "--json")
    assert refused.return_value == 2
    assert "number of seeds differs: 3" in json.loads(refused.stdout)["refused"][0]["reason"]


def test_compare_without_a_model_loads_no_torch(call, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import abawbench.compare.comparison, abawbench.compare.gate, sys; "
         "assert not {'torch', 'pyarrow', 'scipy', 'timm'} & set(sys.modules)"],
        check=False,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def status_and_errors(folder: Path, *args: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "abawbench", "compare", *args]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nothing", "here"], "no such file, folder or baseline"),
        (["n" * 300, "one"], "File name too long"),
        (["one", "."], "not a record of schema 2: the file: "),
        (["one"], "Missing argument 'B'"),
        (["one", "one", "--max-dorp", "1"], "--max-dorp"),
        (["one", "one", "--level", "2"], "Invalid value for '--level'"),
        (["one", "one", "--gate", "none.toml"], "does not exist"),
        (["one", "one", "--gate", "bad.toml"], "bad.toml: max_dorp"),
        (["one", "one", "--max-drop", "-1"], "max_drop"),
    ],
)
def test_wrong_usage_and_refused_files_are_told_from_cannot_tell(tmp_path: Path, args: list[str], message: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "result.json").write_text("{", encoding="utf-8")
    (tmp_path / "bad.toml").write_text("max_dorp = 1", encoding="utf-8")
    status, errors = status_and_errors(tmp_path, *args)
    assert (status, message in errors) == (3, True), errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("error", [RuntimeError("broken by this commit"), UsageError("no longer possible")])
def test_a_run_that_fails_now_fails_the_gate_beside_its_old_result(
    call, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    call("baseline", "save", "toy", "good")
    assert call("compare", "toy", "good", "--max-drop", "0").return_value == 0
    again = (*RUN, "--set", "epochs=30", "--set", "lr=0.05", "--out", "good", "--force")
    with monkeypatch.context() as patch:

        def broken(*args: object) -> None:
            raise error

        patch.setattr("abawbench.harness.jobs.job.fit_and_predict", broken)
        with suppress(UsageError):  # what no job can do is wrong usage
            assert call(*again).return_value == 1
    assert call("compare", "toy", "good", "--max-drop", "0").return_value == 1
    call(*again[:-1])  # read back: the old result is what was asked for now
    assert call("compare", "toy", "good", "--max-drop", "0").return_value == 0
