"""Two that are given the same job at once, as two nodes of a cluster may be."""

import subprocess
import sys
from pathlib import Path

import pytest

from abawbench.harness.engines.endings import read_endings
from abawbench.harness.request.plan import Plan, write_plan

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("way", ["_by_folder", "_by_lease"])
def test_a_job_given_to_two_is_done_once(way: str, grid: Plan, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    write_plan(plan, grid)
    others = {"_by_folder", "_by_file", "_by_lease"} - {way}
    script = (
        "import sys; from abawbench import cli; from abawbench.system import locks\n"
        f"for name in {sorted(others)}: setattr(locks, name, lambda folder, wait: None)\n"
        f"sys.argv[1:] = ['run', '--plan', {str(plan)!r}, '--index', '0', '--in-process']\n"
        "cli.main()"
    )
    start = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    two = [subprocess.Popen([sys.executable, "-c", script], **start) for _ in range(2)]
    try:
        said = [one.communicate(timeout=240)[0] for one in two]
    finally:
        for one in two:
            one.kill()
    assert [one.returncode for one in two] == [0, 0], said
    assert sorted("already done" in one for one in said) == [False, True], said
    assert [one.state for one in read_endings(tmp_path / "runs", grid)] == ["ok", *["missing"] * 3]
    assert not list((tmp_path / "runs").rglob(".*.lock"))
