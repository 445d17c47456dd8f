"""The fixture for plugin authors: cheap to import, and true to what ran."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_it_runs_a_model_and_gives_the_record(abawbench_run: Any, toys: Any) -> None:
    options = {"plugins": toys, "data": {"toy": ()}}
    record = abawbench_run("toy", "colour", epochs=30, lr=0.05, run_options=options)
    assert record.score.value > record.floor.value
    assert record.settings["epochs"] == 30
    assert record.cost.latency is None


def test_a_run_without_a_result_fails_the_test_with_its_reason(abawbench_run: Any, toys: Any) -> None:
    with pytest.raises(pytest.fail.Exception, match="this plugin is broken"):
        abawbench_run("broken", "colour", run_options={"plugins": toys, "data": {"toy": ()}})


def test_pytest_finds_it_and_loads_nothing_heavy(tmp_path: Path) -> None:
    test = "import sys\ndef test_it(abawbench_run):\n    assert not {'torch', 'timm', 'pyarrow'} & set(sys.modules)\n"
    (tmp_path / "test_mine.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
