"""What the tests of engines share: a plan of cheap jobs, what this machine makes of it, and who outlives a test."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from abawbench import api
from abawbench.harness.engines.engine import Engine
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Machine
from abawbench.harness.request.plan import Plan
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


class Doing:
    """An engine at work in a thread; the test must end it in time."""

    def __init__(self, work: Callable[[], dict[int, Record]]) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(work)
        self._pool.shutdown(wait=False)

    def wait_for(self, there: Callable[[], Any]) -> Any:
        """Return what is there once it is; fail where the engine ends before, and after some minutes."""
        end = time.monotonic() + PATIENCE
        while not (found := there()):
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
