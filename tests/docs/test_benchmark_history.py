"""The saved history of benchmarks is one that pytest-benchmark reads, whole, and says nothing about whose machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HISTORY = ROOT / "tests" / "benchmarks" / "history"
THINGS = ("indexing", "decoding", "embedding", "scoring", "bootstrap", "table", "start")


def test_pytest_benchmark_compares_the_history() -> None:
    command = [sys.executable, "-m", "pytest_benchmark", f"--storage=file://{HISTORY}", "compare", "--group-by=group"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    for thing in THINGS:
        assert f"benchmark '{thing}: " in done.stdout.replace('"', "'")


def test_every_part_stands_beside_its_plain_reference() -> None:
    saved_runs = list(HISTORY.rglob("*.json"))
    assert saved_runs
    for path in saved_runs:
        saved = json.loads(path.read_text(encoding="utf-8"))
        groups: dict[str, set[str]] = {}
        for bench in saved["benchmarks"]:
            if bench["group"]:
                groups.setdefault(bench["group"].split(":")[0], set()).add(bench["param"])
        assert {thing: groups.get(thing) for thing in THINGS} == {thing: {"ours", "plain"} for thing in THINGS}
        assert not {"node", "release"} & set(saved["machine_info"])
