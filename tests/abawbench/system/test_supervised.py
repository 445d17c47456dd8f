"""What processes share while others are at work."""

import subprocess
import sys

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
