"""Reading ahead: worker processes decode images while the network computes. What is read is the same without them."""

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from abawbench.contracts import Track
from abawbench.harness.data.images import CHUNK, image_bytes, resize
from abawbench.harness.data.slots import Slots, join_worker, send

FEW = 2048
"""Images below which no worker is started: they would be read before it is ready."""
MOST = 16
"""Workers unless more are asked for."""
AHEAD = 2
"""Batches that each worker reads in advance."""
HELD = 3
"""Batches of one worker that may be in use at once: the one that is computed, the next, and the one being read."""


def count_workers(asked: int | None, images: int) -> int:
    """Return how many processes read so many images: those asked for, else one per processor for more than a few."""
    if multiprocessing.current_process().daemon:  # which may have no children
        return 0
    if asked is not None:
        return asked
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, MOST) if images >= FEW else 0


def build_loader(
    items: Sequence[Any], read: Callable[[Any], Any], workers: int, largest: int = 0, **options: Any
) -> "DataLoader[Any]":
    """Return torch's loader of lists of items, each turned into a batch by ``read`` in a worker.

    ``largest`` says how many bytes the images of a batch have; those that have more are only slower to send.
    ``options`` are the DataLoader's: ``batch_size``, ``sampler``.
    """
    forks = sys.platform == "linux"  # a worker that is forked has the tracks already
    if workers:
        slots = Slots(workers, AHEAD + HELD, largest) if forks else None
        options |= {"multiprocessing_context": "fork" if forks else "spawn", "prefetch_factor": AHEAD}
        options |= {"persistent_workers": True, "worker_init_fn": partial(_begin_worker, slots)}
        read = partial(_read_and_send, read)
    return DataLoader(
        items,  # type: ignore[arg-type]  # a sequence is a map-style dataset
        collate_fn=read,
        num_workers=workers,
        generator=torch.Generator(),  # its own: no other draw depends on how images are read
        pin_memory=torch.cuda.is_available(),
        **options,
    )


def _read_and_send(read: Callable[[Any], Any], items: Any) -> Any:
    return send(read(items))


def _begin_worker(slots: Slots | None, number: int) -> None:
    import cv2

    if slots is not None:
        join_worker(slots)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    cv2.setNumThreads(0)


def iterate(loader: "DataLoader[Any]") -> Iterator[Any]:
    """Yield the batches; workers start with the first one and stay for the next epoch."""
    batches = iter(loader)
    with warnings.catch_warnings():
        # forking is safe here: a worker decodes, and touches neither the device nor torch's threads
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        first = next(batches, None)
    if first is not None:
        yield first
        yield from batches


@contextmanager
def closing_workers(loader: "DataLoader[Any]") -> Iterator["DataLoader[Any]"]:
    """Give a loader and end its workers afterwards."""
    try:
        yield loader
    finally:
        loader._iterator = None


def stream_images(
    tracks: Mapping[int, Track], size: int, device: torch.device, workers: int
) -> Iterator[tuple[int, Tensor, NDArray[np.bool_]]]:
    """Yield (track number, images uint8 [U, 3, size, size] on the device, readable [U]) for all images, in order."""
    chunks = [
        (number, frames[start : start + CHUNK])
        for number, track in tracks.items()
        for frames in [np.flatnonzero(track.frame_mask())]
        for start in range(0, len(frames), CHUNK)
    ]

    def read(items: Sequence[tuple[int, NDArray[np.intp]]]) -> tuple[int, Tensor, Tensor]:
        ((number, frames),) = items
        images, readable = tracks[number].frames(frames)
        return number, torch.from_numpy(images), torch.from_numpy(readable)

    largest = CHUNK * image_bytes(tracks.values()) if workers else 0
    with closing_workers(build_loader(chunks, read, workers, largest, batch_size=1)) as loader:
        for number, images, readable in iterate(loader):
            on_device = images.to(device, non_blocking=True).permute(0, 3, 1, 2)
            yield number, resize(on_device, size), readable.numpy()
