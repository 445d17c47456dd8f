"""A real Slurm of three nodes on this machine: arrays, a node that is drained, a job that is requeued."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from abawbench import api
from abawbench.contracts import UsageError
from abawbench.harness.engines.endings import FOLDER, read_endings
from abawbench.harness.engines.prepare import Preparing, cut, prepare_by
from abawbench.harness.jobs.worker import CHECKPOINT
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Machine
from abawbench.harness.request.plan import Plan
from abawbench.progress import Progress
from abawbench.system.limits import Limits

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'abawbench[slurm]'")
slurm_here = pytest.importorskip("slurm_here", reason="tools/ is not on the path")
if why := slurm_here.missing():
    pytest.skip(f"no Slurm can be started: {why}", allow_module_level=True)

from abawbench.harness.engines.slurm_arrays import SlurmArrays, parse_options  # noqa: E402

pytestmark = [pytest.mark.slow]


LONG = pytest.mark.skipif("ABAWBENCH_CLUSTERS" not in os.environ, reason="takes minutes; set ABAWBENCH_CLUSTERS=1")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    try:
        found = slurm_here.SlurmHere(tmp_path_factory.mktemp("slurm"))
    except TimeoutError as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.environment.items():
            patch.setenv(name, value)
        try:
            yield found
        finally:
            found.stop()


def test_an_array_with_a_drained_node_ends_with_the_same_bits(
    cluster: Any, grid: Plan, here: Any, begin: Any, require_same: Any, no_orphans: Any
) -> None:
    doing = begin(SlurmArrays(["cpus_per_task=2"]), grid)
    doing.wait_for(lambda: cluster.ask("squeue", "-h", "-t", "R", "-w", "here2").strip())
    cluster.ask("scontrol", "update", "NodeName=here2", "State=DRAIN", "Reason=test")
    require_same(doing.records(), here)
    cluster.ask("scontrol", "update", "NodeName=here2", "State=RESUME")
    assert no_orphans(20) == []


def test_a_requeued_job_goes_on_from_its_checkpoint(
    cluster: Any, begin: Any, require_same: Any, tmp_path: Path
) -> None:
    settings = {"epochs": 15, "patience": 100, "size": 32}
    machine = Machine(device="cpu", latency_seconds=0, checkpoint_minutes=0.001)
    plan = api.plan("mnv4-tam-1", "va", Sources(preset="tiny"), settings=settings, machine=machine)
    doing = begin(SlurmArrays(["cpus_per_task=2"]), plan)
    doing.wait_for(lambda: list((tmp_path / "runs").rglob(f"{CHECKPOINT}/*/[!.]*")))
    (job,) = cluster.ask("squeue", "-h", "-o", "%i").split()
    cluster.ask("scontrol", "requeue", job)
    doing.wait_for(lambda: "PENDING" in cluster.ask("scontrol", "show", "job", job))
    cluster.ask("scontrol", "update", f"JobId={job}", "StartTime=now")
    found = doing.records()
    said = "".join(path.read_text() for path in (tmp_path / "runs" / FOLDER).rglob("*_log.out"))
    assert "goes on from its checkpoint" in said
    require_same(found, dict(enumerate(api.run_plan(plan, limits=Limits(), out=tmp_path / "here"))))


def test_jobs_that_are_left_and_cancelled_are_missing(cluster: Any, grid: Plan, tmp_path: Path) -> None:
    engine = SlurmArrays(["array_parallelism=1"], wait=False)
    assert not api.run_plan(grid, limits=Limits(), engine=engine, out=tmp_path)
    cluster.ask("scancel", "--user=root")
    assert {one.state for one in read_endings(tmp_path, grid)} == {"missing"}


def test_a_job_that_slurm_ends_is_failed_with_its_state(cluster: Any, grid: Plan, begin: Any) -> None:
    doing = begin(SlurmArrays(["cpus_per_task=2"], grace=0.5), grid, "0")
    doing.wait_for(lambda: cluster.ask("squeue", "-h", "-t", "PD,R").strip())
    cluster.ask("scancel", "--user=root")
    record = doing.records()[0]
    assert record.status == "failed"
    assert "JobState CANCELLED" in str(record.reason)


@LONG
def test_an_interrupt_takes_the_jobs_back(
    cluster: Any, training: Plan, head: Any, no_orphans: Any, require_nothing_torn: Any
) -> None:
    one = head(training, "--engine", "slurm")
    one.wait_for(lambda: list(one.out.rglob(CHECKPOINT)))
    assert one.interrupt() == 130, one.said
    assert "interrupted: 0 whole results kept" in one.said
    assert cluster.ask("squeue", "-h", "-t", "PD,R").strip() == ""
    assert no_orphans(20) == []
    require_nothing_torn(one.out)


@LONG
def test_only_networks_are_given_a_gpu(cluster: Any, training: Plan, grid: Plan, tmp_path: Path) -> None:
    """The cluster counts GPUs that are none."""
    jobs = (*(replace(job, device="auto") for job in training.jobs), grid.jobs[0])
    engine = SlurmArrays(["gpus_per_node=1", "nodelist=here3"], wait=False)
    api.run_plan(replace(training, jobs=jobs), limits=Limits(), engine=engine, out=tmp_path)
    try:
        known = cluster.ask("scontrol", "show", "job", "-o").splitlines()
        said = [line for line in known if "JobState=RUNNING" in line or "JobState=PENDING" in line]
        assert sorted("TresPerNode=gres:gpu:1" in line for line in said) == [False, True], said
    finally:
        cluster.ask("scancel", "--user=root")


@LONG
def test_shards_are_prepared_by_an_array(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: Plan
) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    (found,) = prepare_by(SlurmArrays(), training, Preparing(shards=cut(2)), Limits(), Progress())
    assert found.reason is None
    assert found.embedded in (0, found.tracks)
    assert bool(found.embedded) != bool(found.not_kept)


def test_what_sbatch_refuses_is_one_message(cluster: Any, grid: Plan, do: Any) -> None:
    with pytest.raises(UsageError, match=r"Slurm did not take the jobs: .*partition"):
        do(SlurmArrays(["partition=nowhere"]), grid)


def test_options_for_sbatch_are_key_and_value() -> None:
    assert parse_options(["gpus-per-node=1", "constraint=a100"]) == {"gpus_per_node": 1, "constraint": "a100"}
    with pytest.raises(UsageError, match="write key=value"):
        parse_options(["gpu"])
