"""``run`` with its options in a file, over a grid, and on a part of the tracks."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from abawbench import cli
from abawbench.contracts import UsageError
from abawbench.harness.request.databases import Databases, Sources
from abawbench.harness.score.score_file import score_run
from abawbench.progress import Progress

SUITE = """
model = "toy"
task = ["colour"]
seed = [0, 1]
latency-seconds = 0
quiet = true

[data]
toy = ""

[set]
epochs = 1

[protocol]
no-face = "black"

[grid]
lr = [1e-3, 5e-4]
"""


@pytest.fixture
def call(toys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("abawbench.api.default_plugins", lambda: toys)
    monkeypatch.chdir(tmp_path)
    Path("suite.toml").write_text(SUITE)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli.group, args, standalone_mode=False, catch_exceptions=False)

    return invoke


@pytest.mark.slow
def test_a_file_gives_the_options_and_a_grid(call) -> None:
    records = json.loads(call("run", "--config", "suite.toml", "--json").stdout)
    assert [(one["seed"], one["settings"]["lr"]) for one in records] == [(0, 1e-3), (1, 1e-3), (0, 5e-4), (1, 5e-4)]
    assert {one["protocol"]["no_face"] for one in records} == {"black"}
    assert {one["settings"]["epochs"] for one in records} == {1}


@pytest.mark.slow
def test_the_command_line_comes_before_the_file(call) -> None:
    found = call("run", "--config", "suite.toml", "--seed", "4", "--grid", "lr=0.01", "--json")
    (record,) = json.loads(found.stdout)
    assert (record["seed"], record["settings"]["lr"]) == (4, 0.01)


@pytest.mark.slow
def test_the_table_tells_the_runs_of_a_grid_apart(call) -> None:
    lines = call("run", "--config", "suite.toml", "--seed", "0").stdout.splitlines()
    assert sum("lr=0.001" in line for line in lines) == 1
    assert sum("lr=0.0005" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modell = 'toy'", "did you mean model"),
        ("seed = ['one']", "seed: 'one' is not a valid integer"),
        ("model = ", "not valid TOML"),
        ("config = 'other.toml'", "no option 'config'"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_key(call, text: str, said: str) -> None:
    Path("suite.toml").write_text(text)
    with pytest.raises(UsageError, match=r"suite.toml") as refused:
        call("run", "--config", "suite.toml")
    assert said in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
@pytest.mark.parametrize("option", ["--latency-seconds", "--job-timeout"])
def test_a_time_that_is_none_is_wrong_usage(call, option: str, seconds: str) -> None:
    with pytest.raises(click.BadParameter, match=f"'{seconds}' is no time"):
        call("run", "--model", "toy", option, seconds)


def test_a_part_of_the_tracks_is_recorded_and_has_no_rank(call, toys, tmp_path: Path) -> None:
    given = ("run", "--config", "suite.toml", "--seed", "0", "--grid", "lr=0.001")
    (record,) = json.loads(call(*given, "--limit", "2", "--json").stdout)
    assert record["protocol"]["limit"] == 2
    assert record["counts"]["tracks"] == 2
    assert "limit=2" in call(*given, "--limit", "2").stdout
    (whole,) = json.loads(call(*given, "--json").stdout)
    assert whole["counts"]["tracks"] == 5
    assert whole["job"] != record["job"]
    (folder,) = (one.parent for one in tmp_path.glob("runs/toy/*/*/result.json") if record["job"] in one.read_text())
    databases = Databases(toys, Sources({"toy": ()}), Progress())
    assert score_run(folder, None, toys, databases).score.value == record["score"]["value"]
