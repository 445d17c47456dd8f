"""What jobs share is prepared in shards and in processes of their own: the same bits, and a crash costs one item."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from abawbench import api
from abawbench.contracts import UsageError
from abawbench.harness.engines.prepare import Preparing, Shard, Shared, cut, merge_parts, parse_shard, prepare_plan
from abawbench.harness.engines.prepare_one import take_shard
from abawbench.harness.request.jobs import Machine, Work
from abawbench.harness.request.plan import Plan
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench.system.limits import Limits

BROKEN = Path(__file__).parents[3] / "broken_plugins"


@given(st.lists(st.integers(1, 500), max_size=40), st.integers(1, 7))
def test_every_track_is_in_one_shard_and_shards_are_even(frames: list[int], count: int) -> None:
    tracks: Any = [SimpleNamespace(id=f"t{number}", n_frames=n) for number, n in enumerate(frames)]
    shards = [take_shard(tracks, shard) for shard in cut(count)]
    assert sorted(one.id for shard in shards for one in shard) == sorted(one.id for one in tracks)
    sizes = [sum(one.n_frames for one in shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 2 * max(frames, default=0)


@pytest.mark.parametrize("text", ["4/4", "1", "-1/2", "a/b", "0/0", ""])
def test_a_shard_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="0/4 to 3/4"):
        parse_shard(text)
    assert parse_shard("3/4") == Shard(3, 4)


def test_an_item_is_ready_when_all_of_its_shards_are() -> None:
    whole = Shared("a", "b", 1, "toy", 13, embedded=7)
    crashed = Shared("a", "b", 1, reason="crashed")
    assert merge_parts([whole, whole]) == Shared("a", "b", 1, "toy", 13, embedded=14)
    assert merge_parts([crashed, whole]) == Shared("a", "b", 1, "toy", 13, embedded=7, reason="crashed")


@pytest.fixture
def plan(toys: Plugins) -> Plan:
    machine = Machine(device="cpu", latency_seconds=0)
    return api.plan("toy", "colour", {"toy": ()}, seed=[0, 1], settings={"epochs": 1}, machine=machine, plugins=toys)


def features(folder: Path) -> dict[str, dict[str, bytes]]:
    return {
        path.name: {name: one.numpy().tobytes() for name, one in load_file(path).items()}
        for path in folder.rglob("*.safetensors")
    }


@pytest.mark.slow
def test_features_of_shards_are_those_of_the_whole(
    plan: Plan, toys: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(plugins=toys, sources=plan.sources, out=tmp_path)

    def prepared(name: str, *shards: Shard) -> dict[str, dict[str, bytes]]:
        monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / name))
        for shard in shards:
            (found,) = prepare_plan(plan, work, Limits(), Progress(), Preparing(shards=(shard,)))
            assert found.reason is None
        return features(tmp_path / name)

    whole = prepared("whole", Shard())
    assert len(whole) == 13
    assert len(prepared("part", Shard(1, 3))) < 13
    assert prepared("shards", *cut(3)) == whole
    (found,) = prepare_plan(plan, work, Limits(), Progress(), Preparing(shards=cut(3)))
    assert (found.tracks, found.embedded) == (13, 13)


@pytest.mark.slow
def test_a_plugin_that_crashes_costs_its_own_item(tmp_path: Path) -> None:
    def abawbench(*words: str) -> "subprocess.CompletedProcess[str]":
        own = {"PYTHONPATH": str(BROKEN), "ABAWBENCH_STRICT": "0", "ABAWBENCH_CACHE": str(tmp_path / "cache")}
        return subprocess.run(
            [sys.executable, "-m", "abawbench", *words],
            cwd=tmp_path,
            env=os.environ | own | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    models = [word for name in ("os-exit", "segfault") for word in ("--model", f"broken-{name}")]
    wanted = ("--task", "colours", "--data", "coloured", "--device", "cpu", "--out", "plan.json")
    assert abawbench("plan", *models, *wanted).returncode == 0
    done = abawbench("prepare", "--plan", "plan.json", "--shards", "2", "--json", "--quiet")
    assert done.returncode == 1, done.stderr
    crashed, ready = json.loads(done.stdout)
    assert "model 'broken-os-exit' of abawbench-broken 1.0: its process ended with status 0" in crashed["reason"]
    assert ready["reason"] is None  # it crashes only when it predicts
    assert ready["embedded"] == ready["tracks"] > 0
