"""What processes share while others are at work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FORKS = """
import multiprocessing, os
from abawbench.system import supervised
folder = supervised._helper_folder()
one = multiprocessing.get_context("fork").Process(target=int)
one.start()
one.join()
print(one.exitcode, os.path.isdir(folder))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked")
def test_a_forked_process_leaves_the_folder_of_the_helper() -> None:
    """A worker that reads images is one: it took the helper's socket with it, and the next run could not begin."""
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=False, timeout=240)
    assert done.stdout.split() == ["0", "True"], done.stderr


LOOKS = """
import gc

def look(send):
    send("heard", gc.isenabled(), gc.get_freeze_count() > 10_000)
"""
WATCHES = """
import time
from looks import look
from abawbench.system.supervised import Allowance, Supervised, prepare, start_method
prepare(["abawbench.harness.jobs.ahead", "pydantic"])
allowance = Allowance(seconds=60, memory=2**40, network=True, options=("", ""))
one = Supervised(look, (), allowance, print)
while one.go_on():
    time.sleep(0.01)
print(start_method())
"""


def test_a_job_looks_for_garbage_among_its_own_objects_alone(tmp_path: Path) -> None:
    (tmp_path / "looks.py").write_text(LOOKS)
    found = subprocess.run(
        [sys.executable, "-c", WATCHES],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    heard, how = found.stdout.splitlines() or ["", found.stderr]
    assert heard == "heard True True" or how != "forkserver", found.stdout + found.stderr
