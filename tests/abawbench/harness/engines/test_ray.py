"""A real Ray of three nodes on this machine, one of which is killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from abawbench.harness.request.plan import Plan

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'abawbench[ray]'")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def cluster(no_orphans: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    for name, value in quiet.items():
        monkeypatch.setenv(name, value)
    small = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    monkeypatch.setenv("RAY_ADDRESS", found.address)
    try:
        nodes = [found.add_node(num_cpus=1, object_store_memory=80 * 2**20) for _ in range(3)]
        yield found, nodes
    finally:
        ray.shutdown()
        found.shutdown()


def test_a_node_that_is_killed_costs_no_job_and_leaves_nobody(
    cluster: Any, grid: Plan, here: Any, begin: Any, require_same: Any, no_orphans: Any, tmp_path: Path
) -> None:
    from abawbench.harness.engines.ray_tasks import RayTasks

    made, nodes = cluster
    doing = begin(RayTasks(), grid)
    doing.wait_for(lambda: list((tmp_path / "runs").rglob("result.json")))
    made.remove_node(nodes[1], allow_graceful=False)
    require_same(doing.records(), here)
    ray.shutdown()
    made.shutdown()
    assert no_orphans(60) == []
