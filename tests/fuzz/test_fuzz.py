"""The parsers meet files that nobody would write; ``ABAWBENCH_FUZZ`` says how many (``tox -e fuzz``: 100,000)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("ABAWBENCH_FUZZ", "280"))
SCRIPT = Path(__file__).with_name("fuzz.py")


def fuzz(*arguments: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ABAWBENCH_CACHE": str(tmp_path / "cache")}
    limit = 120 + CASES / 10
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, env=environment, timeout=limit
    )


def test_no_file_does_worse_than_a_documented_error(tmp_path: Path) -> None:
    done = fuzz(str(CASES), tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    *_, last = done.stdout.splitlines()
    print(done.stdout)
    assert last.endswith("MB")
    assert int(last.split()[0]) >= CASES


@pytest.mark.parametrize(
    ("mistake", "shown"),
    [
        ("raise KeyError('x')", "KeyError"),
        ("import time; time.sleep(5)", "TimeoutError"),
        ("bytearray(3 * 2**30)", "MemoryError"),
    ],
)
def test_a_parser_that_raises_hangs_or_swells_is_found(mistake: str, shown: str, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import fuzz\n"
        "fuzz.SLOWEST = 1\n"
        f"def bad(path):\n    {mistake}\n"
        "fuzz.TARGETS['bad'] = ('x', bad, ('sound',))\n"
        "fuzz.main(1, 0, ('bad',))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode != 0
    assert shown in done.stderr
