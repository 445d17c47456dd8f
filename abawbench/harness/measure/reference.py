"""The time of a network against a fixed workload, interleaved in one process: a number that travels between machines.

A slower machine slows both sides of a round alike, so their ratio changes little where milliseconds change a lot. On a
busy one the processor time of both stands beside, which does not run while others do. One thread is used: several wait
for each other, and for whoever else has the core; and a machine with more cores stays comparable. The workload does
what the networks of this field do: convolutions, depthwise and pointwise, and a product of matrices, on fixed inputs.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, process_time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.harness.measure.timing import Conditions, finish
from abawbench.records.record import RelativeTime

WORKLOAD = "reference-2"
"""Rename it with any change to ``workload`` or to how it is timed: other ratios are not comparable."""
ROUNDS_PER_SECOND = 40
"""At most, so that a quick network leaves no endless record and a larger budget always gives more rounds."""
MINIMUM = 8
LONGEST = 200
"""Most calls of the workload that stand for one call of a slow network."""


def workload(device: torch.device) -> Callable[[], Tensor]:
    """Return the reference workload, ready to be called; its numbers are fixed and torch's seed is left alone."""
    generator = torch.Generator().manual_seed(0)

    def random_tensor(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device) / 24

    image, dense, depth, point = (
        random_tensor(1, 64, 56, 56),
        random_tensor(64, 64, 3, 3),
        random_tensor(64, 1, 3, 3),
        random_tensor(64, 64, 1, 1),
    )
    left, right = random_tensor(512, 512), random_tensor(512, 512)

    def call() -> Tensor:
        with torch.inference_mode():
            x = nn.functional.hardswish(nn.functional.conv2d(image, dense, padding=1))
            x = nn.functional.conv2d(nn.functional.conv2d(x, depth, padding=1, groups=64), point)
            return nn.functional.gelu(left @ right).sum() + x.sum()

    return call


def relative_time(
    call: Callable[[Tensor], Tensor], example: Tensor, conditions: Conditions | None = None
) -> RelativeTime:
    """Return the times of ``call(example)`` and of the reference workload, round by round.

    In each round the workload runs as often as fills about the time of one call, half before and half after it, so
    that whatever else the machine does falls on both. Rounds end with the time, but not before ``MINIMUM``
    unless ``conditions.until`` comes first.
    """
    under = conditions or Conditions(seconds=5.0)
    budget_s = under.seconds
    reference = workload(example.device)

    def model() -> Tensor:
        return call(example)

    with keep_memory(), one_thread():
        for _ in range(2):
            once = _time_calls(model, 1, example) / _time_calls(reference, 1, example)
        half = min(max(round(float(once[0]) / 2), 1), LONGEST)
        found: list[NDArray[np.float64]] = []
        rounds, start = ROUNDS_PER_SECOND * budget_s, perf_counter()
        while len(found) < MINIMUM or (len(found) < rounds and perf_counter() - start < budget_s):
            if found and perf_counter() >= under.until:
                break
            before = _time_calls(reference, half, example)
            middle = _time_calls(model, 1, example)
            found.append(1e3 * np.stack([middle, (before + _time_calls(reference, half, example)) / (2 * half)]))
    (model_ms, model_cpu_ms), (reference_ms, reference_cpu_ms) = np.array(found).transpose(1, 2, 0).tolist()
    on_cpu = example.device.type == "cpu"
    return RelativeTime(
        workload=WORKLOAD,
        model_ms=tuple(model_ms),
        reference_ms=tuple(reference_ms),
        model_cpu_ms=tuple(model_cpu_ms) if on_cpu else (),
        reference_cpu_ms=tuple(reference_cpu_ms) if on_cpu else (),
        batch=len(example),
        threads=1,
        device=example.device.type,
        runtime=under.runtime,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch, and what runtimes compile inside, use one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _time_calls(call: Callable[[], Tensor], times: int, example: Tensor) -> NDArray[np.float64]:
    """Return the seconds [wall, processor] that a number of calls take, waiting for an accelerator to be done."""
    finish(example.device)
    start = perf_counter(), process_time()
    for _ in range(times):
        call()
    finish(example.device)
    return np.array([perf_counter() - start[0], process_time() - start[1]])


TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Numbers of glibc's ``mallopt`` (malloc.h)."""
NEVER = 2**30
USUAL = {MMAP_MAX: 65_536, TRIM_THRESHOLD: 64 * 2**20}
"""How it is left: glibc's own number of mapped blocks, and the most its rule for the threshold arrives at."""


@contextmanager
def keep_memory() -> Iterator[None]:
    """Keep freed memory in the process for a while, so that calls after the first meet no page faults.

    Does nothing where the C library is not glibc.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        yield
        return
    library.mallopt(MMAP_MAX, 0)
    library.mallopt(TRIM_THRESHOLD, NEVER)
    try:
        yield
    finally:
        for option, number in USUAL.items():
            library.mallopt(option, number)
        library.malloc_trim(0)
