"""What the tests of engines share: a plan of cheap jobs, what this machine makes of it, and who outlives a test."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from abawbench import api
from abawbench.harness.engines.engine import Engine
from abawbench.harness.jobs.worker import CHECKPOINT
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Machine
from abawbench.harness.request.plan import Plan, write_plan
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system.limits import Limits

MARK = "ABAWBENCH_TEST_MARK"
PATIENCE = 240.0
"""Seconds after which what a test waits for is given up."""


@pytest.fixture(scope="module")
def grid() -> Plan:
    """Four jobs that learn next to nothing, on the tiny database."""
    machine = Machine(device="cpu", latency_seconds=0)
    return api.plan("prior", ["va", "au"], Sources(preset="tiny"), seed=[0, 1], machine=machine)


@pytest.fixture(scope="module")
def here(grid: Plan, tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Record]:
    """The records that one process of this machine makes of them."""
    records = api.run_plan(grid, out=tmp_path_factory.mktemp("here"))
    return dict(enumerate(records))


def _look(there: Callable[[], Any]) -> Any:
    """Return what is there; nothing where a folder vanished while it was looked through."""
    try:
        return there()
    except FileNotFoundError:
        return None


class Doing:
    """An engine at work in a thread; the test must end it in time."""

    def __init__(self, work: Callable[[], dict[int, Record]]) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(work)
        self._pool.shutdown(wait=False)

    def wait_for(self, there: Callable[[], Any]) -> Any:
        """Return what is there once it is; fail where the engine ends before, and after some minutes."""
        end = time.monotonic() + PATIENCE
        while not (found := _look(there)):
            assert time.monotonic() < end, "nothing came of it in time"
            assert not self._done.done(), f"the engine ended before: {self._done.result()}"
            time.sleep(0.1)
        return found

    def records(self) -> dict[int, Record]:
        """Return the records by number, once the engine has ended."""
        return self._done.result(PATIENCE)


@pytest.fixture
def begin(do: Callable[..., dict[int, Record]]) -> Callable[..., Doing]:
    """Have an engine do jobs while the test goes on."""
    return lambda *given: Doing(lambda: do(*given))


@pytest.fixture
def do(tmp_path: Path) -> Callable[..., dict[int, Record]]:
    """Have an engine do the jobs of a plan, and return the records by number."""

    def call(engine: Engine, plan: Plan, numbers: str | None = None) -> dict[int, Record]:
        wanted = plan.pick(numbers)
        limits = Limits(seconds=300, memory=2 * 2**30)
        records = api.run_plan(plan, numbers, limits=limits, engine=engine, out=tmp_path / "runs")
        return dict(zip(wanted, records, strict=True))

    return call


def require_same(found: Mapping[int, Record], wanted: Mapping[int, Record]) -> None:
    """Fail unless every number has a result of the very same bits."""
    assert {number: record.reason for number, record in found.items() if record.status != "ok"} == {}
    assert found.keys() == wanted.keys()
    for number, record in wanted.items():
        assert found[number].job == record.job
        assert found[number].predictions == record.predictions, number
        assert found[number].statistics == record.statistics, number


@pytest.fixture(name="require_same")
def _require_same() -> Callable[[Mapping[int, Record], Mapping[int, Record]], None]:
    return require_same


@pytest.fixture
def no_orphans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], list[str]]]:
    """Return a function that waits some seconds for everything a test started to end, and names what did not."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)

    def left(seconds: float) -> list[str]:
        end = time.monotonic() + seconds
        while (found := _marked(mark)) and time.monotonic() < end:
            time.sleep(0.5)
        return found

    yield left
    for process in psutil.process_iter():  # of a test that failed
        if _is_marked(process, mark) and process.pid != os.getpid():
            process.kill()


def _marked(mark: str) -> list[str]:
    return [
        f"{process.pid} {' '.join(process.cmdline())[:200]}"
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _is_marked(process, mark)
    ]


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Head:
    """The command line, doing a plan in a process group of its own, as a terminal has it."""

    def __init__(self, plan: Plan, folder: Path, *words: str) -> None:
        self.out = folder / "runs"
        write_plan(folder / "plan.json", plan)
        wanted = ["run", "--plan", str(folder / "plan.json"), "--out", str(self.out), *words]
        self._log = (folder / "head.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "abawbench", *wanted],
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            # whoever runs the tests in the background may have them ignore Ctrl-C
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def wait_for(self, there: Callable[[], Any]) -> Any:
        """Return what is there once it is; fail where the head ends before, and after some minutes."""
        end = time.monotonic() + PATIENCE
        while not (found := _look(there)):
            assert time.monotonic() < end, f"nothing came of it in time: {self.said}"
            assert self._process.poll() is None, f"the head ended before: {self.said}"
            time.sleep(0.1)
        return found

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit status."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(60)

    def close(self) -> None:
        """End it, however it stands."""
        self._process.kill()
        self._process.wait(10)
        self._log.close()

    @property
    def said(self) -> str:
        """What it has printed."""
        self._log.flush()
        return Path(self._log.name).read_text()


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Callable[..., Head]]:
    """Start the command line on a plan."""
    with ExitStack() as stack:

        def start(plan: Plan, *words: str) -> Head:
            found = Head(plan, tmp_path, *words)
            stack.callback(found.close)
            return found

        yield start


@pytest.fixture(scope="session")
def training() -> Plan:
    """One training that takes longer than any test waits."""
    settings = {"epochs": 1000, "patience": 1000, "size": 32}
    machine = Machine(device="cpu", latency_seconds=0)
    return api.plan("mnv4-tam-1", "va", Sources(preset="tiny"), settings=settings, machine=machine)


def require_nothing_torn(out: Path) -> None:
    """Fail where a result is half written, or a temporary file was left."""
    for found in out.rglob(store.RESULT):
        store.read(found.parent)
    left = [
        path for path in out.rglob("*.tmp") if CHECKPOINT not in path.parts
    ]  # a checkpoint's goes with the next run
    assert not left


@pytest.fixture(name="require_nothing_torn")
def _require_nothing_torn() -> Callable[[Path], None]:
    return require_nothing_torn
