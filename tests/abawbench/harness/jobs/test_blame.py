"""Whose fault a job's end is, and in which phase it ended: for each kind of plugin, in each phase it takes part in."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from abawbench.contracts import DatabaseDeclaration, MetricDeclaration, ModelDeclaration, TaskDeclaration
from abawbench.harness.jobs.blame import blame_crash, blame_exception
from abawbench.plugins import Plugin

pytestmark = pytest.mark.slow

PLUGINS = Path(__file__).with_name("blamed_plugins")
PLACES = {
    "task": ("read", "fit", "predict", "score", "cost"),
    "metric": ("read", "fit", "predict", "score", "cost"),
    "database": ("read", "embed", "fit", "predict", "cost", "write"),
    "model": ("read", "embed", "fit", "predict", "cost"),
    "runtime": ("read", "cost"),
}
"""Kind -> the phases in which code of such a plugin runs."""
PAIRS = [(kind, phase) for kind, phases in PLACES.items() for phase in phases]
NAMES = {"metric": "hits", "database": "greys", "model": "grey", "runtime": "plain"}
ENDS = {"segfault": f"its process was ended by {signal.SIGSEGV.name}", "exit": "its process ended with status 7"}


class Ran:
    """Records of one run by their task, and the folder that it wrote."""

    def __init__(self, folder: Path, tasks: list[str], *options: str) -> None:
        self.out = folder / "runs"
        environment = {"PYTHONPATH": str(PLUGINS), "BLAMED_TASKS": " ".join(tasks), "OMP_NUM_THREADS": "1",
                       "ABAWBENCH_CACHE": str(folder / "cache")}  # fmt: skip
        given = [word for task in tasks for word in ("--task", task)]
        usual = ("--model", "grey", "--runtime", "plain", "--data", "greys", "--set", "epochs=1", "--set",
                 "holdout=0.34", "--protocol", "thresholds=tuned", "--latency-seconds", "0", "--json")  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "abawbench", "run", *usual, *options, *given],
            cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=800,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        self.records: dict[str, dict[str, Any]] = {record["task"]: record for record in json.loads(done.stdout)}

    def failed(self, task: str) -> Mapping[str, Any]:
        """Return the record of a job that failed, which lies in its folder too."""
        record = self.records[task]
        assert record["status"] == "failed"
        (written,) = self.out.glob(f"grey/{task}/*/failed.json")
        assert json.loads(written.read_text()) == record
        return record


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Exceptions, in one process."""
    ways = ("raise", "data", "usage")
    tasks = [f"{kind}-{phase}-{way}" for kind, phase in PAIRS for way in ways]
    return Ran(tmp_path_factory.mktemp("together"), tasks, "--in-process")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """What ends a process, in processes of their own."""
    tasks = [f"{kind}-{phase}-{way}" for kind, phase in PAIRS for way in ENDS]
    return Ran(tmp_path_factory.mktemp("alone"), [*tasks, HANGS, "metric-score-raise"], "--jobs", "2", *LIMIT)


HANGS = "database-predict-hang"
LIMIT = ("--job-timeout", "40")


def blamed(kind: str, task: str) -> dict[str, str]:
    return {"kind": kind, "name": NAMES.get(kind, task), "distribution": "abawbench-blame", "version": "2.5"}


def who(kind: str, task: str) -> str:
    return f"{kind} '{NAMES.get(kind, task)}' of abawbench-blame 2.5"


@pytest.mark.parametrize(("kind", "phase"), PAIRS)
def test_an_exception_names_whose_code_raised_it(together: Ran, kind: str, phase: str) -> None:
    task = f"{kind}-{phase}-raise"
    record = together.failed(task)
    assert (record["phase"], record["blamed"]) == (phase, blamed(kind, task))
    assert record["reason"] == f"in {phase}, {who(kind, task)}: RuntimeError: out of order"


@pytest.mark.parametrize(("kind", "phase"), PAIRS)
def test_broken_data_is_the_databases_whoever_met_it(together: Ran, kind: str, phase: str) -> None:
    record = together.failed(f"{kind}-{phase}-data")
    opened = phase != "read" or kind in ("database", "metric", "model")  # built once the data is there
    assert (record["phase"], record["blamed"]) == (phase, blamed("database", "") if opened else None)
    assert record["reason"].endswith("faces.bin: cut in the middle")


@pytest.mark.parametrize(("kind", "phase"), PAIRS)
def test_what_is_not_supported_is_nobodys_fault(together: Ran, kind: str, phase: str) -> None:
    record = together.records[f"{kind}-{phase}-usage"]
    assert (record["status"], record["phase"], record["blamed"]) == ("unsupported", phase, None)
    assert record["reason"].endswith("not with these options")


@pytest.mark.parametrize("way", ENDS)
@pytest.mark.parametrize(("kind", "phase"), PAIRS)
def test_a_process_that_ended_names_whose_code_it_was_in(alone: Ran, kind: str, phase: str, way: str) -> None:
    task = f"{kind}-{phase}-{way}"
    record = alone.failed(task)
    assert (record["phase"], record["blamed"]) == (phase, blamed(kind, task))
    assert record["reason"].startswith(f"in {phase}, {who(kind, task)}: {ENDS[way]}")


def test_a_process_that_hung_names_whose_code_it_was_in(alone: Ran) -> None:
    record = alone.failed(HANGS)
    assert (record["phase"], record["blamed"]) == ("predict", blamed("database", HANGS))
    assert "no result within 40 s (--job-timeout), stopped" in record["reason"]


def test_a_process_of_its_own_blames_an_exception_alike(alone: Ran, together: Ran) -> None:
    task = "metric-score-raise"
    here, there = alone.failed(task), together.failed(task)
    assert (here["phase"], here["blamed"]) == (there["phase"], there["blamed"])
    assert here["reason"].partition("; see log.txt in ")[0] == there["reason"]


TASK = Plugin(TaskDeclaration(name="t", summary="", build="stranger.all:task"), "stranger", "1", "stranger")
MODEL = Plugin(ModelDeclaration(name="m", summary="", build="stranger.all:model"), "stranger", "1", "stranger")
OTHER = Plugin(ModelDeclaration(name="o", summary="", build="elsewhere.model:build"), "elsewhere", "1", "elsewhere")
OURS = [
    Plugin(kind(name="x", summary="", build=f"abawbench_plugins.{room}.x:build"), "abawbench", "1", "")
    for kind, room in ((DatabaseDeclaration, "databases"), (MetricDeclaration, "metrics"))
]
DATABASE, METRIC = OURS


def raised_in(*modules: str) -> BaseException:
    """Return an error that went through functions of these modules, the last of which raised it."""

    def raises() -> None:
        raise RuntimeError

    inner: Any = raises
    for module in reversed(modules):
        scope: dict[str, Any] = {"__name__": module, "inner": inner}
        exec("def call():\n    inner()", scope)
        inner = scope["call"]
    with pytest.raises(RuntimeError) as caught:
        inner()
    return caught.value


@pytest.mark.parametrize(
    ("modules", "plugin"),
    [
        (("abawbench.harness.jobs.job", "torch.nn"), None),
        (("elsewhere.model", "torch.nn"), OTHER),
        (("elsewhere.model", "abawbench.nn", "elsewhere.deep.inside"), OTHER),
        (("elsewhere.model", "abawbench_plugins.databases._images", "numpy"), DATABASE),
        (("abawbench_plugins.databases.x", "abawbench_plugins.metrics.other"), METRIC),
        (("abawbench_plugins.metrics.x", "abawbench_plugins.tasks.y"), METRIC),
        (("elsewhere_too.model",), None),
    ],
)
def test_the_deepest_code_of_a_plugin_is_to_blame(modules: tuple[str, ...], plugin: Plugin | None) -> None:
    assert blame_exception(raised_in(*modules), [TASK, OTHER, *OURS]) == plugin


@pytest.mark.parametrize("at_work", [TASK, MODEL])
@pytest.mark.parametrize("module", ["stranger.all", "stranger.helpers"])
def test_of_several_plugins_in_one_module_it_is_the_one_at_work(module: str, at_work: Plugin) -> None:
    assert blame_exception(raised_in(module), [DATABASE, TASK, MODEL], at_work) == at_work
    assert blame_exception(raised_in("abawbench_plugins.databases.y"), [DATABASE, TASK, MODEL], at_work) == DATABASE


def dump(*files: str, current: bool = True) -> bytes:
    head = "Current thread" if current else "Thread"
    lines = "".join(f'  File "{file}", line 3 in call\n' for file in files)
    return f"{head} 0x00007f00 (most recent call first):\n{lines}".encode()


def test_a_crash_is_of_the_last_dumps_current_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("stranger", "elsewhere"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    first, second = str(tmp_path / "stranger" / "all.py"), str(tmp_path / "elsewhere" / "deep.py")
    torch = "/usr/lib/torch/nn.py"
    printed = b"epoch 1\nFatal Python error: Segmentation fault\n\n"
    assert blame_crash(printed + dump(torch, first, second), [TASK, OTHER]) == TASK
    assert blame_crash(printed + dump(second, current=False) + b"\n" + dump(torch, first), [TASK, OTHER]) == TASK
    assert blame_crash(dump(first) + b"and so on\n" + dump(second), [TASK, OTHER]) == OTHER
    assert blame_crash(dump(first), [TASK, MODEL], MODEL) == MODEL
    assert blame_crash(dump(torch), [TASK, OTHER]) is None
    assert blame_crash(f'  File "{first}", line 3\n'.encode(), [TASK, OTHER]) is None
