"""Training that is killed goes on from its checkpoint and ends with the same bits."""

import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import LossOn, Task, Weights
from abawbench.harness.jobs.worker import CHECKPOINT
from abawbench.harness.learn import checkpoints
from abawbench.harness.learn.optimisation import Optimisation, Order
from abawbench.nn import ClipNetwork
from abawbench.records import store
from abawbench.records.record import Record

SETTINGS = {"epochs": 3, "batch": 2, "lr": 0.01, "weight_decay": 0.1, "t0": 7, "holdout": 0.25, "patience": 9}
KILLS = int(os.environ.get("ABAWBENCH_KILLS", "3"))
"""At random moments; more for who has the time."""


class Trained(nn.Sequential):
    """Sees images anew in every step: nothing of it is frozen, and it draws numbers and keeps statistics."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6), nn.Dropout(0.2))


class Shaken:
    """A loss that a model adds, with random numbers of its own."""

    def __init__(self) -> None:
        self._generator = torch.Generator().manual_seed(0)

    def __call__(self, batch: Any, loss_on: LossOn) -> Tensor:
        return loss_on(batch) * torch.rand((), generator=self._generator)

    def state_dict(self) -> dict[str, Tensor]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self._generator.set_state(state["generator"])


@pytest.fixture
def begin(run: Callable[..., list[Record]], toy_model: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Record]:
    """Return a function that trains the toy on images and keeps its state after every step."""

    def network(self: Any, task: Task, weights: Weights) -> nn.Module:
        usual = original(self, task, weights)
        return ClipNetwork(Trained(), usual.get_submodule("head"))

    original = type(toy_model).network
    monkeypatch.setattr(type(toy_model), "network", network)
    monkeypatch.setattr(type(toy_model), "extra_loss", lambda self, seed: Shaken())

    def call(out: Path, minutes: float = 1e-9, **given: Any) -> Record:
        (record,) = run(out=out, checkpoint_minutes=minutes, **given)
        assert record.status == "ok", record.reason
        return record

    return call


def outcome(record: Record) -> tuple[Any, ...]:
    assert record.trained is not None
    assert record.predictions is not None
    return record.trained.sha256, record.predictions.sha256, record.training


def kill(begin: Callable[..., Record], out: Path, seconds: float) -> bool:
    """Run in a process of its own and kill it after some seconds; return whether it was still at work."""
    process = multiprocessing.get_context("fork").Process(target=begin, args=(out,), daemon=True)
    process.start()
    process.join(seconds)
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


@pytest.mark.slow
def test_a_training_killed_at_random_moments_ends_with_the_same_bits(begin, tmp_path: Path) -> None:
    wanted = begin(tmp_path / "undisturbed")
    started = time.monotonic()
    begin(tmp_path / "again")  # the first run of a process imports
    length = time.monotonic() - started
    moments, went_on = random.Random(0), 0
    for number in range(KILLS):
        out = tmp_path / str(number)
        while not list(out.rglob(CHECKPOINT)):
            shutil.rmtree(out, ignore_errors=True)
            kill(begin, out, moments.uniform(0.2, 0.9) * length)
        went_on += bool(list(out.rglob(f"{CHECKPOINT}/*/0*")))
        assert outcome(begin(out)) == outcome(wanted)
        assert not list(out.rglob(f"*{CHECKPOINT}*"))
    assert went_on


def interrupt_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the training end with an error after some steps; return the list of those taken, which grows."""
    original, taken = Optimisation._step, []

    def step(self: Optimisation, batch: Any) -> float:
        if len(taken) == steps:
            raise KeyboardInterrupt
        taken.append(1)
        return original(self, batch)

    monkeypatch.setattr(Optimisation, "_step", step)
    return taken


def leave_a_checkpoint(begin: Any, out: Path, monkeypatch: pytest.MonkeyPatch, steps: int, minutes: float) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(steps, patch)
        with pytest.raises(KeyboardInterrupt):
            begin(out, minutes)


def steps_taken(begin: Any, out: Path, monkeypatch: pytest.MonkeyPatch, **given: Any) -> int:
    with monkeypatch.context() as patch:
        taken = interrupt_after(-1, patch)
        begin(out, 0, **given)
    return len(taken)


@pytest.mark.slow
@pytest.mark.parametrize(("minutes", "lost"), [(1e-9, 0), (0, 3)], ids=["each step", "each epoch"])
def test_at_most_one_interval_of_work_is_lost(
    begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, lost: int
) -> None:
    monkeypatch.setattr(checkpoints, "_SPARED", 0)  # the epochs are short
    total = steps_taken(begin, tmp_path / "undisturbed", monkeypatch)
    before = total // 3 + 3
    leave_a_checkpoint(begin, tmp_path / "killed", monkeypatch, before, minutes)
    assert steps_taken(begin, tmp_path / "killed", monkeypatch) == total - before + lost


@pytest.mark.slow
def test_short_epochs_share_a_checkpoint(begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[object] = []
    original = checkpoints.Checkpoints.save

    def save(self: checkpoints.Checkpoints, given: Any) -> None:
        saved.append(given)
        original(self, given)

    monkeypatch.setattr(checkpoints.Checkpoints, "save", save)
    monkeypatch.setattr(checkpoints, "_SPARED", 1e9)
    begin(tmp_path, 0)
    assert len(saved) == 1  # of three


@pytest.mark.slow
def test_force_begins_anew(begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = steps_taken(begin, tmp_path / "undisturbed", monkeypatch)
    leave_a_checkpoint(begin, tmp_path / "killed", monkeypatch, total - 1, 1e-9)
    assert steps_taken(begin, tmp_path / "killed", monkeypatch, force=True) == total


@pytest.mark.slow
def test_each_fold_goes_on_by_itself(begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"protocol": {"folds": 2}}
    total = steps_taken(begin, tmp_path / "undisturbed", monkeypatch, **given)
    with monkeypatch.context() as patch:
        interrupt_after(total - 2, patch)
        with pytest.raises(KeyboardInterrupt):
            begin(tmp_path / "killed", **given)
    assert steps_taken(begin, tmp_path / "killed", monkeypatch, **given) == 2
    (_, first), (_, second) = store.find(tmp_path)
    assert first.predictions == second.predictions


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_read_is_named_with_the_remedy(
    begin, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_a_checkpoint(begin, tmp_path, monkeypatch, 5, 1e-9)
    (states,) = tmp_path.rglob("random_states_0.pkl")
    states.write_bytes(b"nothing")  # accelerate alone would go on without them
    (record,) = run(out=tmp_path)
    assert record.status == "failed"
    assert "this checkpoint cannot be read" in record.reason
    assert "delete it and run again" in record.reason


@pytest.mark.slow
def test_a_disk_that_is_full_costs_the_checkpoint_only(begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError("no space left")

    wanted = begin(tmp_path / "undisturbed")
    monkeypatch.setattr(checkpoints, "sync", full)
    assert outcome(begin(tmp_path / "full")) == outcome(wanted)


def test_an_epoch_has_an_order_of_its_own_for_a_seed() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        found = Order(20, seed)
        found.set_epoch(epoch)
        return list(found)

    assert order(0, 3) == order(0, 3)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4
    assert sorted(order(5, 1)) == list(range(20))
