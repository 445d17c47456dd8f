"""Jobs of a plan as tasks of Ray, on the nodes of a cluster or on this machine.

Each job has a process of its own below its task, as on one machine: a plugin that fails costs that job and is not tried
again; a task whose node or worker died is. Results go to the folder of the run where the node sees it; from a node
that does not they are returned, and the head writes them.
"""

import logging
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from abawbench.contracts import UsageError
from abawbench.harness.engines.endings import FOLDER, note_ending
from abawbench.harness.engines.engine import Ended, Engine, Errand, Lost, Parts, describe_lost, needs_gpu
from abawbench.harness.engines.local import do_one
from abawbench.harness.request.jobs import describe
from abawbench.harness.request.plan import Plan
from abawbench.plugins import one_line
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.system.files import replace_file
from abawbench.system.limits import Limits

RETRIES = 3
"""Times that a job is begun again whose node died."""
_LOOK = 1.0
"""Seconds after which an interrupt is seen."""
_LAST = 10.0
"""Seconds for tasks that are cancelled to end."""
_OBJECTS = 100 * 2**20
"""Bytes of memory for what tasks return, where a cluster is started here: records, mostly."""


@dataclass(frozen=True)
class Order:
    """What the tasks of an errand share."""

    out: str
    token: str
    """A file of the head below ``out``: who sees it shares the folder."""
    limits: Limits
    force: bool
    board: Any
    """Is told which jobs have been begun."""


@dataclass(frozen=True)
class Done:
    """What a task returns."""

    record: str
    """As JSON."""
    files: Mapping[str, bytes] | None
    """By path below ``out``, where the node does not see the head's; else None."""


class RayTasks(Engine):
    """Connects to the cluster of ``RAY_ADDRESS``, or to the one on this machine; without any one is started here."""

    def run(self, errand: Errand, ended: Ended) -> None:
        """Do the jobs as tasks; an interrupt cancels those that are left."""
        if errand.limits is None:
            raise UsageError("--in-process is for this machine; leave it or --engine out")
        with _connected(errand.limits.jobs, errand.progress) as gpus, _token(errand.out) as token:
            board = _board()
            shared = ray.put(Order(str(errand.out), token, errand.limits, errand.force, board))
            tasks: dict[Any, int] = {}
            try:
                for number in errand.numbers:
                    wants = {**_wants(errand.limits), "num_gpus": int(gpus and _on_gpu(errand, number))}
                    tasks[_do.options(**wants).remote(shared, errand.plan.only(number), number)] = number
                _watch(errand, tasks, board, ended)
            except BaseException:
                _cancel(tasks)
                raise

    def spread(self, parts: Parts) -> list[Any]:
        """Do each part as a task, of a GPU where the work may use one and the cluster has any."""
        with _connected(parts.limits.jobs, parts.progress) as gpus:
            wants = {**_wants(parts.limits), "num_gpus": int(gpus and parts.on_gpu)}
            tasks = [_do_part.options(**wants).remote(parts.work, given) for given in parts.given]
            try:
                return [_part(task) for task in parts.progress.track(tasks, "parts", len(tasks), "part")]
            except BaseException:
                _cancel(tasks)
                raise


def _part(task: Any) -> Any:
    """Return what came of a part; an interrupt is seen while it is waited for."""
    while not ray.wait([task], timeout=_LOOK)[0]:
        pass
    try:
        return ray.get(task)
    except RayError as error:
        return Lost(one_line(error))


@ray.remote(max_retries=RETRIES, retry_exceptions=False)
def _do_part(work: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """Do a part on a node."""
    return work(*given)


def _on_gpu(errand: Errand, number: int) -> bool:
    return needs_gpu(errand.plan.jobs[number], errand.plugins)


def _wants(limits: Limits) -> dict[str, Any]:
    """Return what a task declares of its needs, besides a GPU."""
    return {"num_cpus": 1} | ({} if limits.memory is None else {"memory": limits.memory})


class _Board:
    """Knows which jobs have been begun: Ray itself tells only with its dashboard."""

    def __init__(self) -> None:
        self._begun: set[int] = set()

    def begin(self, number: int) -> None:
        self._begun.add(number)

    def begun(self) -> set[int]:
        return self._begun


def _board() -> Any:
    """Return a board on the node of the head: with another node it would be lost."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    made: Any = ray.remote(num_cpus=0, max_restarts=-1)(_Board)
    return made.options(scheduling_strategy=here).remote()


@ray.remote(max_retries=RETRIES, retry_exceptions=False)
def _do(order: Order, plan: Plan, number: int) -> Done:
    """Do the only job of a plan on a node; ``number`` is its own in the plan of the head."""
    order.board.begin.remote(number)
    out = Path(order.out)
    if (out / FOLDER / order.token).exists():
        return Done(do_one(plan, out, order.limits, order.force).to_json(), None)
    with tempfile.TemporaryDirectory(prefix="abawb-ray-") as temporary:
        record = do_one(plan, Path(temporary), order.limits, order.force)
        files = {
            path.relative_to(temporary).as_posix(): path.read_bytes()
            for path in Path(temporary).rglob("*")
            if path.is_file() and FOLDER not in path.relative_to(temporary).parts
        }
        return Done(record.to_json(), files)


def _watch(errand: Errand, tasks: dict[Any, int], board: Any, ended: Ended) -> None:
    """Tell of each task as it ends, and take in what its node could not write."""
    asked = time.monotonic()
    with errand.progress.jobs({number: describe(errand.plan.jobs[number]) for number in errand.numbers}) as table:
        while tasks:
            ray.wait(list(tasks), num_returns=1, timeout=_LOOK)
            ready, _ = ray.wait(list(tasks), num_returns=len(tasks), timeout=0)
            for task in ready:
                number = tasks.pop(task)
                record = _take(errand, number, task)
                table.ended(number, record.status)
                ended(number, record)
            if time.monotonic() - asked >= _LOOK:
                asked = time.monotonic()
                with suppress(RayError):  # of the board: a table without it is no reason to end
                    table.running(ray.get(board.begun.remote(), timeout=_LOOK) & set(tasks.values()))


def _take(errand: Errand, number: int, task: Any) -> Record:
    digest = errand.plan.digest(number)
    try:
        done: Done = ray.get(task)
    except RayError as error:  # of the node or the worker, begun again RETRIES times; or of abawbench itself
        record = describe_lost(errand, number, f"its Ray task ended without a result ({one_line(error)})")
        note_ending(errand.out, digest, record)
        return record
    record = Record.from_json(done.record)
    if done.files is not None:
        _write(errand.out, record, done.files)
        note_ending(errand.out, digest, record)
    return record


def _write(out: Path, record: Record, files: Mapping[str, bytes]) -> None:
    """Write what a node returned, ``result.json`` last, so that a reader finds it whole or not at all."""
    with store.claim(store.folder_of(out, record)):
        for name in sorted(files, key=lambda name: name.endswith(store.RESULT)):
            target = out / name
            if not target.resolve().is_relative_to(out.resolve()):
                continue
            with replace_file(target) as temporary:
                temporary.write_bytes(files[name])


def _cancel(tasks: Collection[Any]) -> None:
    """End the tasks, and with their workers the processes of their jobs."""
    for task in tasks:
        ray.cancel(task, force=True)
    ray.wait(list(tasks), num_returns=len(tasks), timeout=_LAST) if tasks else None


@contextmanager
def _connected(jobs: int, progress: Progress) -> Iterator[bool]:
    """Connect to a cluster inside, yield whether it has GPUs; where there is none, one for so many jobs is started."""
    mine = not ray.is_initialized()
    if mine:
        try:
            ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionError as error:
            if address := os.environ.get("RAY_ADDRESS"):
                raise UsageError(f"no Ray cluster answers at RAY_ADDRESS={address}: {one_line(error)}") from error
            progress.note("no Ray cluster is running: one of this machine is started")
            ray.init(
                address="local",
                num_cpus=jobs,
                object_store_memory=_OBJECTS,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    try:
        yield ray.cluster_resources().get("GPU", 0) > 0
    finally:
        if mine:
            ray.shutdown()


@contextmanager
def _token(out: Path) -> Iterator[str]:
    """Yield the name of a file in the folder of results that who shares the folder sees."""
    name = f"head-{uuid.uuid4().hex}"
    path = out / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        yield name
    finally:
        path.unlink(missing_ok=True)
