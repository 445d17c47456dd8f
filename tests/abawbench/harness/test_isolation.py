"""Broken plugins beside a healthy one, through the real command line: each costs its own job and is named."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BROKEN = Path(__file__).parents[2] / "broken_plugins"
OPTIONS = ("--task", "colours", "--data", "coloured", "--set", "epochs=2", "--latency-seconds", "0", "--json")
RUN = {
    "wrong-shape": "in predict, model 'broken-wrong-shape' of abawbench-broken 1.0: the head gave logits of shape "
    "[8, 5, 4] for 8 clips of 5 frames and 3 outputs of task 'colours'; [B, T, K] is [8, 5, 3]",
    "nan": "in score, model 'broken-nan' of abawbench-broken 1.0: the predictions of track 'val0' hold NaN or infinity "
    "on annotated frames",
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


def abawbench(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "abawbench", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
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
    assert not list(everyone.folder.joinpath("tmp").iterdir())
    assert not [path for path in everyone.folder.rglob("*") if path.suffix == ".tmp"]
    assert not [line for line in commands() if str(everyone.folder) in line]


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
