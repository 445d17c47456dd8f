"""The command line through click's runner, and through a real process where that matters."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import abawbench.plugins
from abawbench import cli
from abawbench.contracts import DataError
from abawbench.records import store


@pytest.fixture
def call(toys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("abawbench.api.default_plugins", lambda: toys)
    monkeypatch.setattr("abawbench.config._require_existing", lambda path, where: path)
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli.group, args, standalone_mode=False, catch_exceptions=False)

    return invoke


RUN = ("run", "--model", "toy", "--task", "colour", "--data", "toy", "--set", "epochs=1", "--latency-seconds", "0")


@pytest.mark.slow
def test_run_prints_one_table_that_says_synthetic(call) -> None:
    result = call(*RUN)
    assert result.return_value == 0
    assert "SYNTHETIC" in result.stdout
    assert "colour" in result.stdout
    assert "macro-f1" in result.stdout


@pytest.mark.slow
def test_run_prints_records_as_json_for_machines(call) -> None:
    (record,) = json.loads(call(*RUN, "--json", "--quiet").stdout)
    assert record["status"] == "ok"
    assert record["settings"]["epochs"] == 1


@pytest.mark.slow
def test_protocol_options_reach_the_record(call) -> None:
    (record,) = json.loads(call(*RUN, "--protocol", "no-face=black", "--folds", "2", "--json", "--quiet").stdout)
    assert record["protocol"]["no_face"] == "black"
    assert record["protocol"]["folds"] == 2
    (refit,) = json.loads(call(*RUN, "--refit", "--json", "--quiet").stdout)
    assert refit["score"]["value"] is None


@pytest.mark.slow
def test_the_second_run_says_that_it_was_read_back(call) -> None:
    call(*RUN)
    assert "already done" in call(*RUN).stderr


@pytest.mark.slow
def test_a_job_that_fails_gives_status_1_and_the_others_their_rows(call) -> None:
    result = call(*RUN, "--model", "broken")
    assert result.return_value == 1
    assert "this plugin is broken" in result.stdout


@pytest.mark.slow
def test_ctrl_c_gives_status_130_and_shows_what_is_whole(call, monkeypatch: pytest.MonkeyPatch) -> None:
    from abawbench.harness.jobs import worker

    original, calls = worker.execute, []

    def execute(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(worker, "execute", execute)
    result = call(*RUN, "--seed", "0", "--seed", "1")
    assert result.return_value == 130
    assert "1 whole results kept" in result.stderr
    assert "colour" in result.stdout


def test_score_of_a_run_prints_the_stored_value_floor_coverage_and_parts(call) -> None:
    call(*RUN)
    (folder,) = Path("runs").glob("toy/colour/*")
    text = call("score", str(folder), "--data", "toy").stdout
    record = json.loads((folder / "result.json").read_text())
    assert "SYNTHETIC" in text
    assert f"macro-f1: {record['score']['value']:.3f} [" in text
    assert "coverage: 100.00%" in text
    assert f"verified: the record's value, {record['score']['value']!r}" in text
    assert [line.split()[0] for line in text.splitlines()[-3:]] == ["red", "green", "blue"]


@pytest.mark.slow
def test_score_prints_json_for_machines(call) -> None:
    call(*RUN)
    (file,) = Path("runs").glob("toy/colour/*/predictions.parquet")
    found = json.loads(call("score", str(file), "--task", "colour", "--data", "toy", "--json").stdout)
    assert (found["form"], found["coverage"], found["database"]["synthetic"]) == ("Parquet", 1, True)
    assert found["score"]["interval"]["low"] <= found["score"]["value"]


def test_a_file_that_cannot_be_scored_is_a_data_error_with_its_line(call, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("track,frame,class\nval0,0,3\n")
    with pytest.raises(DataError, match=r"p.csv:2: 3 is not allowed"):
        call("score", "p.csv", "--task", "colour", "--data", "toy")


@pytest.mark.slow
def test_submit_says_what_it_wrote(call, monkeypatch: pytest.MonkeyPatch) -> None:
    original = sys.modules["abawbench_toy"].toy_task
    form = "abawbench_plugins.tasks.submissions:frames"
    monkeypatch.setattr(sys.modules["abawbench_toy"], "toy_task", lambda: replace(original(), submission=form))
    call(*RUN)
    arguments = ("submit", "runs", "--data", "toy", "--split", "val", "--device", "cpu", "--out", "out.txt")
    text = call(*arguments).stdout
    rows = len(Path("out.txt").read_text().splitlines()) - 1
    assert f"wrote out.txt: {rows} rows of 5 tracks, colour on toy val, SYNTHETIC" in text
    assert json.loads(call(*arguments, "--json").stdout)["rows"] == rows
    assert call("score", "out.txt", "--task", "colour", "--data", "toy").return_value == 0


def test_list_shows_kind_name_line_distribution_and_version(call) -> None:
    result = call("list", "tasks")
    assert result.stdout.splitlines()[0].split() == ["kind", "name", "what", "it", "is", "distribution", "version"]
    assert any(line.split()[:2] == ["task", "va"] for line in result.stdout.splitlines())
    found = json.loads(call("list", "models", "--json").stdout)
    assert {plugin["name"] for plugin in found["plugins"]} >= {"mnv4-tam"}


def test_list_shows_the_suites_and_what_each_stands_for(call) -> None:
    assert any(line.split()[:2] == ["suite", "abaw8"] for line in call("list").stdout.splitlines())
    suites = json.loads(call("list", "suites", "--json").stdout)["plugins"]
    found = {suite["name"]: suite["tasks"] for suite in suites}
    assert found["abaw11"] == ["mtl", "ah-video"]
    assert found.keys() >= {"abaw8", "abaw10", "abaw11"}


@pytest.mark.slow
def test_a_suite_runs_each_of_its_tasks(call) -> None:
    suite = ("run", "--model", "constant", "--task", "abaw11", "--preset", "tiny", "--latency-seconds", "0")
    records = json.loads(call(*suite, "--json", "--quiet").stdout)
    assert [(record["task"], record["status"]) for record in records] == [("mtl", "ok"), ("ah-video", "ok")]


def test_list_names_what_failed_to_load(call, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [abawbench.plugins.EntryPoint("gone", "no_such_module", "abawbench")]
    monkeypatch.setattr("abawbench.cli.list.default_plugins", lambda: abawbench.plugins.Plugins(points))
    result = call("list")
    assert result.return_value == 0
    assert "'gone'" in result.stderr


@pytest.mark.slow
def test_leaderboard_prints_published_and_measured_results(call) -> None:
    call(*RUN)
    text = call("leaderboard", "--runs", "runs").stdout
    assert "Measured on synthetic data" in text
    assert "2503.10530" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["run", "--model", "nothing-like-it"], "unknown model"),
        (["run", "--model", "mnv4-tam", "--data", "bah=/no/where"], "no folder or file at"),
        (["run", "--model", "mnv4-tam", "--protocol", "smooth=box:3"], "did you mean smoothing"),
        (["run", "--model", "mnv4-tam", "--protocol", "folds"], "--protocol smoothing=box:50"),
        (["run"], "Missing option"),
        (["nonsense"], "No such command"),
        (["score", "/no/where", "--task", "va"], "does not exist"),
        (["score", "."], "say which task it predicts with --task"),
        (["submit", "."], "Missing option '--out'"),
        (["submit", ".", "--out", "out.txt"], "no finished run here"),
    ],
)
def test_wrong_usage_gives_one_message_no_traceback_and_status_2(args: list[str], message: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "abawbench", *args], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [[], ["run"], ["score"], ["submit"], ["list"], ["leaderboard"]])
def test_help_has_examples(command: list[str]) -> None:
    result = CliRunner().invoke(cli.group, [*command, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert "  abawbench " in result.output


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_line_of_a_command_in_help_is_its_own_first_one(name: str) -> None:
    command = cli.group.get_command(click.Context(cli.group), name)
    assert command is not None
    assert (command.help or "").split("\n\n")[0].replace("\n", " ") == cli.COMMANDS[name][1]
    assert command.name == name


def test_a_place_that_cannot_be_written_gives_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(standalone_mode: bool) -> None:
        raise PermissionError(13, "Permission denied", "/there/x.svg")

    monkeypatch.setattr(cli.group, "main", refused)
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert capsys.readouterr().err == "error: [Errno 13] Permission denied: '/there/x.svg'\n"


def test_the_command_alone_shows_the_doors_and_a_slip_names_its_neighbour() -> None:
    alone = CliRunner().invoke(cli.group, [])
    assert alone.exit_code == 0
    assert "I have a model" in alone.output
    slip = CliRunner().invoke(cli.group, ["leaderbord"])
    assert slip.exit_code == 2
    assert "did you mean leaderboard?" in slip.output


def test_names_complete_in_a_shell() -> None:
    for words, expected in (
        ("run --model mnv4-tam-", "mnv4-tam-1"),
        ("run --task ex", "expr"),
        ("run --data aff", "aff-wild2="),
    ):
        env = {"_ABAWBENCH_COMPLETE": "bash_complete", "COMP_WORDS": f"abawbench {words}", "COMP_CWORD": "3"}
        done = CliRunner().invoke(cli.group, [], prog_name="abawbench", env=env)
        assert f"plain,{expected}" in done.output.splitlines()


def test_the_runs_of_a_folder_complete_in_a_shell(make_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run("runs/mnv4-tam/va/one")
    make_run("other/two")
    monkeypatch.chdir(tmp_path)
    for words, expected in (
        ("export ru", ["plain,runs/mnv4-tam/va/one"]),
        ("compare other/", ["plain,other/two"]),
        ("report nothing", ["dir,nothing"]),
    ):
        env = {"_ABAWBENCH_COMPLETE": "bash_complete", "COMP_WORDS": f"abawbench {words}", "COMP_CWORD": "2"}
        done = CliRunner().invoke(cli.group, [], prog_name="abawbench", env=env)
        assert done.output.splitlines() == expected


@pytest.mark.slow
def test_the_counts_of_a_copy_are_csv_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path))
    words = ["data", "verify", "synthetic", "--preset", "tiny", "--label", "va", "--fast", "--quiet", "--csv"]
    rows = list(csv.DictReader(CliRunner().invoke(cli.group, words).stdout.splitlines()))
    assert {row["database"] for row in rows} == {"synthetic"}
    assert {row["split"] for row in rows} >= {"train", "val"}


@pytest.mark.slow
def test_tables_are_csv_for_machines(make_run) -> None:
    folder = str(make_run("runs"))
    for words, column, value in (
        (["list", "tasks", "--csv"], "name", "va"),
        (["list", "assumptions", "--csv"], "name", "absent-class"),
        (["compare", "tiny", "tiny", "--replicates", "100", "--csv"], "task", "expr"),
        (["leaderboard", "--csv"], "task", "emi"),
        (["runs", folder, "--csv"], "value", str(store.read(Path(folder)).score.value)),
        (["weights", "list", "--csv"], "weights", "imagenet"),
        (["baseline", "list", "--csv"], "name", "tiny"),
    ):
        done = CliRunner().invoke(cli.group, words)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        assert value in {row[column] for row in rows}, words
