"""Memory between workers and the process that asked: what arrives is what was sent, and slots come free again."""

import gc
from typing import Any

import numpy as np
import torch

from abawbench.harness.data.loader import AHEAD, HELD, build_loader, closing_workers, iterate
from abawbench.harness.data.slots import SMALL, Slots, allocate, send


def read(numbers: list[int]) -> dict[str, Any]:
    (number,) = numbers
    memory = allocate((3, SMALL))
    memory[:] = number
    other = torch.full((SMALL,), float(number))
    return {
        "put": torch.from_numpy(memory[:2]),
        "copied": other,
        "small": [torch.tensor([number])],
        "name": str(number),
    }


def read_one(numbers: list[int]) -> dict[str, Any]:
    """One array a batch, for which there is always a slot: fewer batches are read ahead than there are slots."""
    return {"put": read(numbers)["put"]}


def test_what_a_worker_sends_arrives() -> None:
    kept = []
    with closing_workers(build_loader(list(range(40)), read, 2, 4 * SMALL, batch_size=1)) as loader:
        for _ in range(2):
            for number, batch in enumerate(iterate(loader)):
                assert (batch["put"] == number).all()
                assert batch["put"].shape == (2, SMALL)
                assert (batch["copied"] == number).all()
                assert batch["small"][0].item() == number
                assert batch["name"] == str(number)
                kept.append(batch["put"])  # for longer than there are slots
    assert [int(one[0, 0]) for one in kept] == [*range(40), *range(40)]


def test_what_has_no_room_in_a_slot_arrives_too() -> None:
    with closing_workers(build_loader([5], read, 1, 10, batch_size=1)) as loader:
        (batch,) = iterate(loader)
    assert (batch["put"] == 5).all()


def test_a_slot_is_free_when_the_last_tensor_is_gone() -> None:
    with closing_workers(build_loader(list(range(9)), read_one, 1, 4 * SMALL, batch_size=1)) as loader:
        slots: Slots = loader.worker_init_fn.args[0]  # type: ignore[union-attr]
        for batch in iterate(loader):
            part = batch["put"][1:]
        taken = [slots.take(0) for _ in range(AHEAD + HELD)]
        assert None in taken, "the last batch holds one"
        del part, batch
        gc.collect()
        assert slots.take(0) is not None


def test_without_a_worker_memory_is_plain() -> None:
    assert allocate((2, 3)).shape == (2, 3)
    assert isinstance(send({"a": [torch.ones(1)], "b": "text"})["b"], str)
    assert np.asarray(allocate((0, 3))).size == 0
