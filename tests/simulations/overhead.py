"""What a job costs besides its work: seconds a job by each engine, for jobs that do next to nothing.

    python tests/simulations/overhead.py --engine local --engine ray --engine slurm --jobs 10 --jobs 100 --jobs 1000
    python tests/simulations/overhead.py --memory 10000

The job is ``constant`` on a task of the tiny synthetic database, which is drawn before. Ray and Slurm are started here.
``--memory`` says what the head holds once it has planned so many jobs, and how long it takes to look for their results.
"""

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from abawbench import api
from abawbench.harness.engines.endings import read_endings
from abawbench.harness.engines.engine import engine_named
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Machine
from abawbench.harness.request.plan import Plan, read_plan, write_plan
from abawbench.system.limits import Limits

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
AT_ONCE = 2


def main() -> int:
    """Print a line for each engine and number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", action="append", choices=["local", "ray", "slurm"], default=[])
    parser.add_argument("--jobs", action="append", type=int, default=[])
    parser.add_argument("--memory", type=int)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no daemon is left
    os.environ |= {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        api.run_plan(empty(1), out=root / "first")  # draws the database
        for name in given.engine:
            with started(name, root) as engine:
                for count in given.jobs:
                    began = time.monotonic()
                    limits = Limits(jobs=AT_ONCE, memory=2**30)
                    records = api.run_plan(empty(count), limits=limits, engine=engine, out=root / f"{name}{count}")
                    took = time.monotonic() - began
                    assert [record.status for record in records] == ["ok"] * count
                    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                    print(f"{name}: {count} jobs in {took:.1f} s, {took / count:.3f} s a job, head {peak:.0f} MiB; "
                          f"load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
        if given.memory:
            print(measure_plan(given.memory, root), flush=True)
    return 0


def empty(count: int) -> Plan:
    """Return a plan of so many jobs that do next to nothing."""
    machine = Machine(device="cpu", latency_seconds=0)
    return api.plan("constant", "va", Sources(preset="tiny"), seed=list(range(count)), machine=machine)


@contextmanager
def started(name: str, root: Path) -> Iterator[Any]:
    """Start the scheduler of an engine, and yield the engine."""
    if name == "slurm":
        from slurm_here import SlurmHere

        cluster = SlurmHere(root / "cluster")
        os.environ |= cluster.environment
        try:
            yield engine_named("slurm")
        finally:
            cluster.stop()
    elif name == "ray":
        import ray

        ray.init(address="local", num_cpus=AT_ONCE, object_store_memory=80 * 2**20, include_dashboard=False,
                 log_to_driver=False)  # fmt: skip
        try:
            yield engine_named("ray")
        finally:
            ray.shutdown()
    else:
        yield engine_named("local")


def measure_plan(count: int, root: Path) -> str:
    """Return what planning so many jobs takes."""
    began = time.monotonic()
    plan = empty(count)
    write_plan(root / "plan.json", plan)
    wrote = time.monotonic()
    read_plan(root / "plan.json")
    read = time.monotonic()
    read_endings(root, plan)
    looked = time.monotonic()
    size, peak = (root / "plan.json").stat().st_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (
        f"{count} jobs: planned and written in {wrote - began:.2f} s ({size / 1e6:.1f} MB), read in "
        f"{read - wrote:.2f} s, looked for in {looked - read:.2f} s; the head's peak {peak / 1024:.0f} MiB"
    )


if __name__ == "__main__":
    sys.exit(main())
