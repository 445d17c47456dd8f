"""What a worker read, on its way to the process that asked: large arrays through memory that is used again and again.

torch's own way makes a file in memory for every tensor: with small images that takes as long as decoding them.
"""

import itertools
import math
import mmap
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import get_worker_info

SMALL = 1 << 16
"""Bytes up to which an array goes through the pipe."""
_numbers = itertools.count()
_open: "weakref.WeakValueDictionary[int, Slots]" = weakref.WeakValueDictionary()
"""By number. A worker that is forked has the ones that were open then."""
_own: list["_Share"] = []
"""Of this worker."""


class Slots:
    """Memory that a process shares with its workers: slots of one size, some for each worker, and a byte for each.

    The byte is 1 from when the worker takes the slot until the last tensor over it is gone where it was sent to.
    """

    def __init__(self, workers: int, each: int, size: int) -> None:
        self.each, self.size = each, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        count = workers * each
        self._memory = mmap.mmap(-1, count * self.size + count)
        self._taken = np.frombuffer(self._memory, dtype=np.uint8, offset=count * self.size)
        self.number = next(_numbers)
        _open[self.number] = self

    def take(self, worker: int) -> int | None:
        """Return a slot of a worker that is free, and taken from now on; None where none is."""
        free = np.flatnonzero(self._taken[worker * self.each : (worker + 1) * self.each] == 0)
        if not len(free):
            return None
        slot = worker * self.each + int(free[0])
        self._taken[slot] = 1
        return slot

    def release(self, slot: int) -> None:
        """Let the worker take a slot again."""
        self._taken[slot] = 0

    def view(self, slot: int, size: int) -> NDArray[np.uint8]:
        """Return the first bytes of a slot."""
        return np.frombuffer(self._memory, dtype=np.uint8, count=size, offset=slot * self.size)


class _Share:
    """The slots of this worker, and where those lie in which something was put that is not sent yet."""

    def __init__(self, slots: Slots, worker: int) -> None:
        self._slots, self._worker = slots, worker
        self._filled: dict[int, int] = {}

    def allocate(self, size: int) -> NDArray[np.uint8] | None:
        slot = self._slots.take(self._worker) if SMALL < size <= self._slots.size else None
        if slot is None:
            return None
        found = self._slots.view(slot, size)
        self._filled[found.__array_interface__["data"][0]] = slot
        return found

    def reference(self, tensor: Tensor) -> tuple[int, int] | None:
        """Return where a tensor lies that was put into a slot, or was now; None where there is no room for it."""
        slot = self._filled.pop(tensor.data_ptr(), None)
        if slot is None:
            memory = self.allocate(tensor.nbytes)
            if memory is None:
                return None
            memory[:] = tensor.contiguous().view(-1).view(torch.uint8).numpy()
            slot = self._filled.pop(memory.__array_interface__["data"][0])
        return self._slots.number, slot


def join_worker(slots: Slots) -> None:
    """Let this worker send through slots."""
    info = get_worker_info()
    assert info is not None
    _own[:] = [_Share(slots, info.id)]


def allocate(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return uninitialised memory for bytes of a shape: a slot where this is a worker that has one free.

    Whoever asks for it sends what it holds from its beginning on.
    """
    found = _own[0].allocate(math.prod(shape)) if _own else None
    return np.empty(shape, dtype=np.uint8) if found is None else found.reshape(shape)


class _Sent:
    """A tensor that is pickled as a reference to a slot, or as an array; it arrives as a tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def __reduce__(self) -> tuple[Any, ...]:
        tensor = self._tensor
        if tensor.nbytes <= SMALL:
            return torch.from_numpy, (tensor.numpy(),)
        where = _own[0].reference(tensor) if _own else None
        return (_identity, (tensor,)) if where is None else (_arrive, (*where, tensor.shape, tensor.dtype))


def send(batch: Any) -> Any:
    """Return a batch of mappings, sequences and tensors such that its tensors are quick to send."""
    if isinstance(batch, Tensor):
        return _Sent(batch)
    if isinstance(batch, Mapping):
        return {name: send(one) for name, one in batch.items()}
    return type(batch)(map(send, batch)) if type(batch) in (list, tuple) else batch


def _identity(tensor: Tensor) -> Tensor:
    return tensor


def _arrive(number: int, slot: int, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    slots = _open[number]
    memory = slots.view(slot, math.prod(shape) * dtype.itemsize)
    weakref.finalize(memory, slots.release, slot).atexit = False
    return torch.from_numpy(memory).view(dtype).view(shape)
