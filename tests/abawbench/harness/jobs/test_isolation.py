"""Broken plugins beside a healthy one, through the real command line: each costs its own job and is named."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.slow

BROKEN = Path(__file__).parents[3] / "broken_plugins"
STRAY = {"PYTHONPATH": os.pathsep.join((str(BROKEN.with_name("stray_plugins")), str(BROKEN)))}
OPTIONS = ("--task", "colours", "--data", "coloured", "--set", "epochs=2", "--latency-seconds", "0", "--json")
RUN = {
    "wrong-shape": "in predict, model 'broken-wrong-shape' of abawbench-broken 1.0: the head gave logits of shape "
    "[8, 5, 4] for 8 clips of 5 frames and 3 outputs of task 'colours'; [B, T, K] is [8, 5, 3]",
    "nan": "in predict, model 'broken-nan' of abawbench-broken 1.0: the predictions of track 'val0' hold NaN or "
    "infinity on annotated frames",
    "hang": "in fit, model 'broken-hang' of abawbench-broken 1.0: no result within 25 s (--job-timeout), stopped",
    "memory-bomb": "in embed, model 'broken-memory-bomb' of abawbench-broken 1.0: took more than 1024 MiB of memory "
    "(--job-memory), stopped",
    "segfault": "in predict, model 'broken-segfault' of abawbench-broken 1.0: its process was ended by SIGSEGV",
    "os-exit": "in embed, model 'broken-os-exit' of abawbench-broken 1.0: its process ended with status 0 and no "
    "result",
    "network": "in read, model 'broken-network' of abawbench-broken 1.0: network access to 203.0.113.1 was refused; "
    "--network allows it",
}
"""Name -> the reason that a run gives."""


def started(*arguments: str, cwd: Path, **environment: str) -> "subprocess.Popen[str]":
    """Start the command in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "abawbench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        start_new_session=True,
        # whoever runs the tests in the background may have them, and what they start, ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        env=os.environ
        | {
            "PYTHONPATH": str(BROKEN),
            "ABAWBENCH_STRICT": "0",
            "ABAWBENCH_CACHE": str(cwd / "cache"),
            "TMPDIR": str(cwd / "tmp"),
            "OMP_NUM_THREADS": "1",
        }
        | environment,
    )


def ended(process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    try:
        said = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, *said)


def abawbench(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return ended(started(*arguments, cwd=cwd, **environment))


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run of every broken model with a healthy one before and behind them."""
    folder = tmp_path_factory.mktemp("everyone")
    (folder / "tmp").mkdir()
    others = [f"broken-{name}" for name in RUN if name != "hang"]
    models = ["healthy", "broken-hang", *others, "broken-huge-output", "abawbench-broken:broken-duplicate"]
    given = [word for model in models for word in ("--model", model)]
    limits = ("--job-timeout", "25", "--job-memory", "1G", "--jobs", "2")
    done = abawbench("run", *given, *OPTIONS, *limits, cwd=folder)
    records = json.loads(done.stdout)
    return SimpleNamespace(folder=folder, done=done, records={r["model"]: r for r in records})


def folder_of(everyone: SimpleNamespace, model: str) -> Path:
    (found,) = (everyone.folder / "runs" / model).glob("*/*-seed0-*")
    return found


@pytest.mark.parametrize("name", RUN)
def test_a_broken_plugin_is_named_with_job_phase_and_cause(everyone: SimpleNamespace, name: str) -> None:
    record = everyone.records[f"broken-{name}"]
    assert record["status"] == "failed"
    assert record["reason"].partition("; see log.txt in ")[0] == RUN[name]
    blamed = {"kind": "model", "name": f"broken-{name}", "distribution": "abawbench-broken", "version": "1.0"}
    assert (record["phase"], record["blamed"]) == (RUN[name].split()[1].rstrip(","), blamed)
    assert f"failed: {RUN[name]}"[:60] in " ".join(everyone.done.stderr.split())


@pytest.mark.parametrize("model", ["healthy", "broken-huge-output", "abawbench-broken:broken-duplicate"])
def test_the_jobs_beside_them_complete(everyone: SimpleNamespace, model: str) -> None:
    record = everyone.records[model]
    assert record["status"] == "ok"
    assert record["score"]["value"] > record["floor"]["value"]


def test_the_exit_status_says_that_some_gave_no_result(everyone: SimpleNamespace) -> None:
    assert everyone.done.returncode == 1


def test_a_failed_job_leaves_its_record_and_what_its_process_said(everyone: SimpleNamespace) -> None:
    folder = folder_of(everyone, "broken-segfault")
    assert json.loads((folder / "failed.json").read_text()) == everyone.records["broken-segfault"]
    assert "in forward" in (folder / "log.txt").read_text()
    assert "Fatal Python error: Segmentation fault" in (folder / "log.txt").read_text()


def test_the_log_of_a_job_that_hung_says_where_it_stood(everyone: SimpleNamespace) -> None:
    log = (folder_of(everyone, "broken-hang") / "log.txt").read_text()
    assert "hang.py" in log
    assert "in forward" in log


def test_of_a_huge_output_the_beginning_and_the_end_are_kept(everyone: SimpleNamespace) -> None:
    log = folder_of(everyone, "broken-huge-output") / "log.txt"
    assert log.stat().st_size < 2**21
    assert "bytes left out" in log.read_text()


def test_nothing_is_left_behind(everyone: SimpleNamespace) -> None:
    assert left_behind(everyone.folder) == []


def left_behind(folder: Path) -> list[str]:
    """Return temporary files, and processes that were told of the folder."""
    temporary = [*folder.joinpath("tmp").iterdir(), *(path for path in folder.rglob("*") if path.suffix == ".tmp")]
    return [*map(str, temporary), *processes(folder)]


def processes(folder: Path) -> list[str]:
    return [line for line in commands() if str(folder) in line]


def commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found.append(path.read_text(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("import-error", "ModuleNotFoundError: No module named 'a_package_that_is_not_there'"),
        ("hook-exception", "KeyError: 'the hook of this plugin is broken'"),
        ("old-contract", "'broken-old-contract' keeps contract 0"),
    ],
)
def test_a_plugin_that_does_not_load_is_named_and_left_out(tmp_path: Path, name: str, message: str) -> None:
    listed = abawbench("list", "models", cwd=tmp_path)
    assert listed.returncode == 0
    line = next(line for line in listed.stderr.splitlines() if f"'{name}' of abawbench-broken 1.0" in line)
    assert message in line


def test_a_name_that_two_distributions_claim_names_both(tmp_path: Path) -> None:
    done = abawbench("run", "--model", "broken-duplicate", *OPTIONS, cwd=tmp_path)
    assert done.returncode == 2
    assert "abawbench-broken:broken-duplicate or abawbench-broken-twin:broken-duplicate" in done.stderr


def test_jobs_side_by_side_change_nothing(tmp_path: Path) -> None:
    def values(*options: str) -> list[Mapping[str, Any]]:
        (tmp_path / "tmp").mkdir(exist_ok=True)
        seeds = ("--seed", "0", "--seed", "1", "--seed", "2")
        done = abawbench("run", "--model", "healthy", *OPTIONS, *seeds, "--out", "".join(options) or "x", *options,
                         cwd=tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [{name: record[name] for name in ("seed", "score", "predictions", "trained", "statistics")}
                for record in json.loads(done.stdout)]  # fmt: skip

    assert values("--jobs", "3") == values() == values("--in-process")


def test_a_temporary_folder_with_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    done = abawbench("run", "--model", "healthy", *OPTIONS, cwd=tmp_path, TMPDIR=str(folder))
    assert done.returncode == 0, done.stderr
    assert not list(folder.iterdir())


def test_ctrl_c_ends_the_job_too_and_keeps_what_is_whole(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    models = ("--model", "healthy", "--model", "broken-hang")
    run = started("run", *models, *OPTIONS, "--job-timeout", "120", cwd=tmp_path)
    assert run.stderr is not None
    assert any("[2/2] broken-hang" in line for line in iter(run.stderr.readline, ""))
    time.sleep(3)
    os.killpg(run.pid, signal.SIGINT)
    done = ended(run)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert [(r["model"], r["status"]) for r in json.loads(done.stdout)] == [("healthy", "ok")]
    assert left_behind(tmp_path) == []


def test_two_runs_into_one_folder_at_once_give_one_result(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    command = ("run", "--model", "healthy", *OPTIONS)
    both = [ended(run) for run in [started(*command, cwd=tmp_path) for _ in range(2)]]
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    (first,), (second,) = (json.loads(done.stdout) for done in both)
    assert first == second
    assert len(list(tmp_path.glob("runs/healthy/**/result.json"))) == 1
    assert left_behind(tmp_path) == []


def test_a_plugin_that_changes_the_folder_or_takes_its_result_away_costs_no_other_job(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    models = [word for name in ("stray-elsewhere", "stray-undone", "healthy") for word in ("--model", name)]
    done = abawbench("run", *models, *OPTIONS, "--out", "there", cwd=tmp_path, **STRAY)
    elsewhere, undone, healthy = json.loads(done.stdout)
    assert [elsewhere["status"], undone["status"], healthy["status"]] == ["ok", "failed", "ok"]
    assert undone["reason"].startswith("in write, model 'stray-undone' of abawbench-stray 1.0: ")
    assert "no result here" in undone["reason"]
    assert (undone["phase"], undone["blamed"]["name"]) == ("write", "stray-undone")
    assert len(list(tmp_path.glob("there/stray-elsewhere/**/result.json"))) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="processes are adopted on Linux alone")
@pytest.mark.parametrize("model", ["stray-daemon", "stray-orphan"])
def test_what_a_job_started_ends_with_it(tmp_path: Path, model: str) -> None:
    (tmp_path / "tmp").mkdir()
    done = abawbench("run", "--model", model, *OPTIONS, cwd=tmp_path, **STRAY)
    assert done.returncode == 0, done.stderr
    assert left_behind(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a job ends with its guard on Linux alone")
def test_a_job_that_ends_its_group_or_its_parent_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    models = [word for name in ("stray-group", "stray-regicide", "healthy") for word in ("--model", name)]
    done = abawbench("run", *models, *OPTIONS, "--jobs", "2", cwd=tmp_path, **STRAY)
    assert done.returncode == 1, done.stderr
    group, parent, healthy = json.loads(done.stdout)
    assert [group["status"], parent["status"], healthy["status"]] == ["failed", "failed", "ok"]
    assert "ended by SIGTERM" in group["reason"]
    assert "ended by SIGKILL" in parent["reason"]
    assert left_behind(tmp_path) == []


def test_chance_is_the_same_in_every_run_and_nothing_of_the_folder_is_imported(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "selectors.py").write_text("open('ran', 'w'); from nowhere import nothing")
    for out in ("one", "other"):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "abawbench", "run", "--model", "stray-chance", *OPTIONS, "--out", out],
            cwd=tmp_path,
            env=os.environ | STRAY | {"ABAWBENCH_CACHE": str(tmp_path / "cache"), "ABAWBENCH_STRICT": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (record,) = json.loads(done.stdout)
        assert (record["process"]["own"], record["process"]["hash_seed"]) == (True, 0)
        assert record["process"]["waiting"] in ("PASSIVE", "ACTIVE")
    one, other = (tmp_path / "chance.txt").read_text().splitlines()
    assert one == other
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_takes_all_its_processes_with_it(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "tmp").mkdir()
    run = started("run", "--model", "stray-parent", *OPTIONS, cwd=tmp_path, **STRAY)
    until(lambda: (tmp_path / "started").exists())
    run.send_signal(number)
    assert ended(run).returncode == {signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    if number == signal.SIGTERM:
        assert left_behind(tmp_path) == []
    until(lambda: not processes(tmp_path))


def until(true: Callable[[], bool]) -> None:
    """Wait until something holds, for a minute at most."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_run_on_synthetic_data_asks_for_no_other_machine(tmp_path: Path) -> None:
    """Every process of the run notes it; the last lines show that they would."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "sitecustomize.py").write_text(WITNESS)
    path = os.pathsep.join((str(tmp_path), str(BROKEN)))
    tiny = ("--task", "ah", "--preset", "tiny", "--set", "epochs=1", "--latency-seconds", "0")
    done = abawbench("run", "--model", "mnv4-tam", *tiny, cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    asked = tmp_path / "asked.txt"
    assert not asked.exists()
    code = "import socket; socket.getaddrinfo('example.invalid', 80)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, check=False,
                   capture_output=True)  # fmt: skip
    assert asked.read_text() == "example.invalid\n"


WITNESS = """
import sys
from pathlib import Path

def note(event, given):
    if event.startswith("socket."):
        from abawbench.system.network import other_machine
        if host := other_machine(event, given):
            with open(Path(__file__).with_name("asked.txt"), "a") as file:
                print(host, file=file)

sys.addaudithook(note)
"""
"""A ``sitecustomize`` that writes down every other machine that a process asks for."""
