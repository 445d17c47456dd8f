"""Two that are given the same job at once, as two nodes of a cluster may be."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from abawbench.harness.engines.endings import read_endings
from abawbench.harness.request.plan import Plan, write_plan
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system.locks import is_local_only

pytestmark = pytest.mark.slow
LONG = pytest.mark.skipif("ABAWBENCH_CLUSTERS" not in os.environ, reason="takes minutes; set ABAWBENCH_CLUSTERS=1")


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


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Path]:
    """A folder that is mounted through FUSE."""
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("bindfs is not installed, or FUSE is not open to this user")
    place = tmp_path / "fuse"
    (tmp_path / "below").mkdir()
    place.mkdir()
    mounted = subprocess.run(["bindfs", tmp_path / "below", place], capture_output=True, timeout=30, check=False)
    if mounted.returncode:
        pytest.skip(f"bindfs cannot mount here: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        program = shutil.which("fusermount3") or "fusermount"
        subprocess.run([program, "-u", "-z", place], timeout=30, check=True)


@pytest.mark.parametrize("kind", ["own", pytest.param("fuse", marks=LONG)])
def test_two_heads_do_every_job_of_a_plan_once(
    kind: str, grid: Plan, here: Mapping[int, Record], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    out = request.getfixturevalue("mirrored") if kind == "fuse" else tmp_path / "own"
    assert is_local_only(out) == (kind == "fuse")
    write_plan(tmp_path / "plan.json", grid)
    words = ["run", "--plan", str(tmp_path / "plan.json"), "--out", str(out), "--jobs", "2"]
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    heads = []
    for log in logs:
        with log.open("wb") as file:
            heads.append(subprocess.Popen([sys.executable, "-m", "abawbench", *words], stdout=file, stderr=file))
    seen, end = 0, time.monotonic() + 240
    try:
        while any(head.poll() is None for head in heads):
            assert time.monotonic() < end, "two heads take too long"
            for folder, _, files in os.walk(out):  # of which some vanish meanwhile
                if store.RESULT in files:
                    store.read(Path(folder))  # raises where half of one lies there
                    seen += 1
            time.sleep(0.02)
    finally:
        for head in heads:
            head.kill()
            head.wait(10)
    said = [log.read_text() for log in logs]
    assert [head.returncode for head in heads] == [0, 0], said
    assert seen
    assert sum(len(re.findall("already done, read back", one)) for one in said) == len(grid.jobs), said
    found = read_endings(out, grid)
    assert [one.record and one.record.predictions for one in found] == [one.predictions for one in here.values()]
    assert not list(out.rglob(".*.lock"))
