"""A real Ray of three nodes on this machine, one of which is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from abawbench import api
from abawbench.harness.engines.endings import read_endings
from abawbench.harness.engines.prepare import Preparing, cut, prepare_by
from abawbench.harness.jobs.worker import CHECKPOINT
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Machine
from abawbench.harness.request.plan import Plan
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.system.limits import Limits

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'abawbench[ray]'")

from abawbench.harness.engines.ray_tasks import RayTasks  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


LONG = pytest.mark.skipif("ABAWBENCH_CLUSTERS" not in os.environ, reason="takes minutes; set ABAWBENCH_CLUSTERS=1")
SMALL = {"object_store_memory": 80 * 2**20}


@pytest.fixture
def cluster(no_orphans: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    for name, value in quiet.items():
        monkeypatch.setenv(name, value)
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **SMALL})
    monkeypatch.setenv("RAY_ADDRESS", found.address)
    try:
        yield found
    finally:
        ray.shutdown()
        found.shutdown()


def test_a_node_that_is_killed_costs_no_job_and_leaves_nobody(
    cluster: Any, grid: Plan, here: Any, begin: Any, require_same: Any, no_orphans: Any, tmp_path: Path
) -> None:
    nodes = [cluster.add_node(num_cpus=1, **SMALL) for _ in range(3)]
    doing = begin(RayTasks(), grid)
    doing.wait_for(lambda: list((tmp_path / "runs").rglob("result.json")))
    cluster.remove_node(nodes[1], allow_graceful=False)
    require_same(doing.records(), here)
    ray.shutdown()
    cluster.shutdown()
    assert no_orphans(60) == []


@LONG
def test_an_interrupt_cancels_the_tasks(
    cluster: Any, training: Plan, head: Any, no_orphans: Any, require_nothing_torn: Any
) -> None:
    cluster.add_node(num_cpus=1, **SMALL)
    one = head(training, "--engine", "ray")
    one.wait_for(lambda: list(one.out.rglob(CHECKPOINT)))
    assert one.interrupt() == 130, one.said
    assert "interrupted: 0 whole results kept" in one.said
    cluster.shutdown()
    assert no_orphans(60) == []
    require_nothing_torn(one.out)


@LONG
def test_only_networks_are_given_a_gpu(cluster: Any, training: Plan, grid: Plan, begin: Any) -> None:
    """The node says that it has GPUs, and has none."""
    cluster.add_node(num_cpus=1, num_gpus=2, **SMALL)
    seen = []

    def free() -> float:
        seen.append(ray.available_resources().get("GPU", 0) if ray.is_initialized() else 2)
        return seen[-1]

    floors = begin(RayTasks(), grid, "0")
    with suppress(AssertionError):  # of the engine that has ended
        floors.wait_for(lambda: free() < 2)
    assert set(seen) == {2.0}
    settings = {"epochs": 1, "size": 32}
    machine = Machine(device="auto", latency_seconds=0)
    doing = begin(RayTasks(), api.plan("mnv4-tam-1", "va", Sources(preset="tiny"), settings=settings, machine=machine))
    doing.wait_for(lambda: free() == 1)
    assert doing.records()[0].status == "ok"


@LONG
def test_a_node_without_the_folder_returns_its_results(
    cluster: Any, grid: Plan, here: Any, do: Any, require_same: Any, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    start = f"exec {sys.executable} -m ray.scripts.scripts start --address={cluster.address} --num-cpus=1 --block"
    hide = f"mount -t tmpfs none {tmp_path / 'runs'}"
    if subprocess.run(["unshare", "-m", "sh", "-c", hide], capture_output=True, timeout=30, check=False).returncode:
        pytest.skip("this user cannot mount in a namespace of its own")
    with (tmp_path / "raylet.log").open("wb") as log:
        node = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", f"{hide} && {start} --object-store-memory={SMALL['object_store_memory']}"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        found = do(RayTasks(), grid)
        require_same(found, here)
        assert len(list((tmp_path / "runs").rglob(store.RESULT))) == len(grid.jobs)
        for path, record in store.find(tmp_path / "runs"):
            store.read_run_statistics(path, record)
        assert [one.state for one in read_endings(tmp_path / "runs", grid)] == ["ok"] * len(grid.jobs)
        seen = f"/proc/{node.pid}/root{tmp_path / 'runs'}"
        assert not os.listdir(seen)
    finally:
        os.killpg(node.pid, signal.SIGTERM)
        try:
            node.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(node.pid, signal.SIGKILL)
            node.wait(10)


@LONG
def test_shards_are_prepared_as_tasks(
    cluster: Any, training: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    cluster.add_node(num_cpus=2, **SMALL)
    (found,) = prepare_by(RayTasks(), training, Preparing(shards=cut(2)), Limits(), Progress())
    assert found.reason is None
    assert bool(found.embedded) != bool(found.not_kept)
