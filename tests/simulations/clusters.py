"""Have 24 jobs done by a Slurm and a Ray on this machine that lose a node, and compare with this machine's own results.

    python tests/simulations/clusters.py --engine local --engine slurm --engine ray

Eighteen floors and classical models and six trainings of two networks, on the tiny synthetic database. Slurm has three
nodes, of which one is drained in the middle, and a training is requeued once it has a checkpoint. Of the three raylets
of Ray one is killed in the middle. Predictions, statistics and weights must have the bits of the local engine, and a
minute later no process of theirs may be left. As root, with Debian's slurm-wlm and munge. Exit status 1 otherwise.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from abawbench import api
from abawbench.harness.engines.endings import FOLDER
from abawbench.harness.engines.engine import engine_named
from abawbench.harness.jobs.worker import CHECKPOINT
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Machine
from abawbench.harness.request.plan import Plan
from abawbench.records.record import Record
from abawbench.system.limits import Limits

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
MARK = "ABAWBENCH_TRIAL"
TASKS = ("va", "expr", "au")
PATIENCE = 1500.0
"""Seconds after which an engine is given up."""


def main() -> int:
    """Print a line for each engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", action="append", choices=["local", "slurm", "ray"])
    parser.add_argument("--out", type=Path, help="Keep results here, and read back what is there.")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no daemon is left
    os.environ |= {MARK: str(os.getpid()), "OMP_NUM_THREADS": "1"}  # Ray gives a task one thread
    plan = grid()
    with tempfile.TemporaryDirectory() as folder:
        root = (given.out or Path(folder)).absolute()
        began = time.monotonic()
        wanted = dict(enumerate(api.run_plan(plan, limits=Limits(jobs=2), out=root / "local")))
        print(f"local: {len(wanted)} jobs in {time.monotonic() - began:.0f} s, two at once", flush=True)
        faults = compare(wanted, wanted)
        for name in given.engine or ["slurm", "ray"]:
            if name != "local":
                faults += {"slurm": on_slurm, "ray": on_ray}[name](plan, wanted, root)
    print("\n".join(faults) or "the same bits everywhere, and nobody is left")
    return 1 if faults else 0


def grid() -> Plan:
    """Return the 24 jobs, trainings first."""
    common: Any = {"data": Sources(preset="tiny")}
    machine = Machine(device="cpu", latency_seconds=0, checkpoint_minutes=0.01)
    settings = {"epochs": 4, "patience": 100, "size": 32}
    two = api.plan("mnv4-tam-1", ["va", "expr"], seed=[0, 1], settings=settings, machine=machine, **common)
    one = api.plan("mnv4-tam", "va", seed=[0, 1], settings=settings, machine=machine, **common)
    floors = api.plan(["constant", "prior"], TASKS, seed=[0, 1], machine=machine, **common)
    classical = api.plan("hog", TASKS, seed=[0, 1], settings={"epochs": 2}, machine=machine, **common)
    return replace(two, jobs=(*two.jobs, *one.jobs, *floors.jobs, *classical.jobs))


def compare(found: dict[int, Record], wanted: dict[int, Record]) -> list[str]:
    """Return in what the records differ."""
    faults = [f"job {number}: {record.reason}" for number, record in found.items() if record.status != "ok"]
    for number, record in wanted.items():
        other = found.get(number)
        if other is None:
            faults.append(f"job {number} is lost")
            continue
        kept = ("job", "predictions", "statistics", "trained")
        faults += [f"job {number}: other {name}" for name in kept if getattr(other, name) != getattr(record, name)]
    return faults


def on_slurm(plan: Plan, wanted: dict[int, Record], root: Path) -> list[str]:
    """Do the jobs on three nodes, drain one, requeue a training."""
    from slurm_here import SlurmHere

    cluster = SlurmHere(Path(tempfile.mkdtemp()))  # sockets have short paths
    os.environ |= cluster.environment
    out = root / "slurm"
    try:
        began = time.monotonic()
        engine = engine_named("slurm", ["cpus_per_task=2"])
        doing = begin(lambda: api.run_plan(plan, limits=Limits(memory=2 * 2**30, jobs=3), engine=engine, out=out))
        until(doing, lambda: list(out.rglob(f"{CHECKPOINT}/*/[!.]*")))
        said: dict[str, str] = {}
        (first, *_) = cluster.ask("squeue", "-h", "-t", "R", "-o", "%A").split()
        cluster.ask("scontrol", "requeue", first)
        until(doing, lambda: "PENDING" in cluster.ask("scontrol", "show", "job", first))
        cluster.ask("scontrol", "update", f"JobId={first}", "StartTime=now")
        until(doing, lambda: len(list(out.rglob("result.json"))) >= 4)
        cluster.ask("scontrol", "update", "NodeName=here2", "State=DRAIN", "Reason=trial")
        said["drained"] = cluster.ask("sinfo", "-h", "-N", "-o", "%N %t").replace("\n", "; ")
        records = dict(enumerate(doing.result(PATIENCE)))
        took = time.monotonic() - began
        resumed = [
            line.strip()
            for path in (out / FOLDER).rglob("*_log.out")
            for line in path.read_text().splitlines()
            if "goes on from its checkpoint" in line
        ]
        faults = compare(records, wanted)
        if not resumed:
            faults.append("the requeued job did not go on from its checkpoint")
        print(f"slurm: {len(records)} jobs in {took:.0f} s; {said}; requeued {first}: {resumed}", flush=True)
        return [f"slurm: {fault}" for fault in [*faults, *nobody_left()]]
    finally:
        cluster.stop()


def on_ray(plan: Plan, wanted: dict[int, Record], root: Path) -> list[str]:
    """Do the jobs on three raylets and kill one."""
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    os.environ |= quiet
    import ray
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
    os.environ["RAY_ADDRESS"] = cluster.address
    out = root / "ray"
    nodes = [cluster.add_node(num_cpus=1, **small) for _ in range(3)]
    try:
        began = time.monotonic()
        engine = engine_named("ray")
        doing = begin(lambda: api.run_plan(plan, limits=Limits(memory=2 * 2**30), engine=engine, out=out))
        until(doing, lambda: len(list(out.rglob("result.json"))) >= 4)
        there = len(list(out.rglob("result.json")))
        cluster.remove_node(nodes[1], allow_graceful=False)
        records = dict(enumerate(doing.result(PATIENCE)))
        took = time.monotonic() - began
    finally:
        ray.shutdown()
        cluster.shutdown()
    print(f"ray: {len(records)} jobs in {took:.0f} s, a raylet killed with {there} results whole", flush=True)
    return [f"ray: {fault}" for fault in [*compare(records, wanted), *nobody_left()]]


def begin(work: Callable[[], Any]) -> Any:
    """Do something in a thread."""
    pool = ThreadPoolExecutor(1)
    done = pool.submit(work)
    pool.shutdown(wait=False)
    return done


def until(doing: Any, there: Callable[[], Any]) -> None:
    """Wait until something is so; raise where the engine ends before, and after some time."""
    end = time.monotonic() + PATIENCE
    while not _look(there):
        if doing.done() or time.monotonic() > end:
            raise TimeoutError(f"it never came to that; {doing}")
        time.sleep(0.05)


def _look(there: Callable[[], Any]) -> Any:
    try:
        return there()
    except FileNotFoundError:  # a folder that vanished while it was looked through
        return None


def nobody_left(seconds: float = 60.0) -> list[str]:
    """Return processes that are still there some seconds later, besides the daemons of Slurm and this one's helpers."""
    began = time.monotonic()
    while (found := list(_marked())) and time.monotonic() - began < seconds:
        time.sleep(0.5)
    print(f"  nobody is left after {time.monotonic() - began:.1f} s" if not found else f"  left: {found}", flush=True)
    return found


def _marked() -> list[str]:
    helpers = ("multiprocessing.forkserver", "multiprocessing.resource_tracker")  # of the local engine
    daemons = {"slurmctld", "slurmd", "munged"}
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(MARK) == str(os.getpid())
            words = " ".join(process.cmdline())
            helps = process.ppid() == os.getpid() and any(name in words for name in helpers)
            ended = process.status() == psutil.STATUS_ZOMBIE
            if marked and not (helps or ended or process.pid == os.getpid() or process.name() in daemons):
                found.append(f"process {process.pid} is left: {words[:200]}")
        except psutil.Error:
            continue
    return found


if __name__ == "__main__":
    sys.exit(main())
