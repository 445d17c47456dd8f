"""Offline: how many clips and frames a second, at the batch that gives most within a memory limit."""

from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from abawbench.harness.energy import energy
from abawbench.harness.memory import peak_bytes, reset_peak
from abawbench.harness.timing import (
    Answers,
    Call,
    Inputs,
    circumstances,
    device_of,
    finish,
    noise_advice,
    noise_of,
)
from abawbench.results.cost import Throughput

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MEMORY_LIMIT = 2 * 2**30
"""Bytes that a batch may add at its peak."""
MINIMUM_S = 1.0
"""Shortest timed run that is valid."""
MINIMUM = 3
"""Calls that are made in any case."""


def best_throughput(
    compiled: Callable[[Inputs], Call],
    example: Inputs,
    length: int,
    *,
    runtime: str = "eager",
    budget_s: float = 10.0,
    memory_limit: int = MEMORY_LIMIT,
) -> Throughput:
    """Return the throughput at the best batch of copies of ``example``, one clip of ``length`` frames.

    ``compiled(inputs)`` returns the callable for a batch. Batches double while they gain, fit the limit and leave half
    of the budget; the best is then measured for the rest of it.
    """
    start = perf_counter()
    rates: dict[int, float] = {}
    best: tuple[Call, Inputs] | None = None
    for batch in BATCHES:
        inputs = repeated(example, batch)
        reset_peak()
        idle = peak_bytes(device_of(inputs))
        call = compiled(inputs)
        rate, _ = _rate(call, inputs, batch, min(budget_s / 20, 1.0))
        if best is not None and peak_bytes(device_of(inputs)) - idle > memory_limit:
            break
        if rate >= max(rates.values(), default=0.0):
            best = call, inputs
        rates[batch] = rate
        if perf_counter() - start > budget_s / 2 or rate < 0.97 * max(rates.values()):
            break
    assert best is not None
    found = measure_throughput(
        *best, length, runtime=runtime, budget_s=max(budget_s - (perf_counter() - start), min(budget_s, 1.0))
    )
    return found.model_copy(update={"by_batch": rates, "memory_limit_bytes": memory_limit})


def measure_throughput(
    call: Call, inputs: Inputs, length: int, *, runtime: str = "eager", budget_s: float = 1.0
) -> Throughput:
    """Return the throughput of calling ``call(*inputs)`` again and again with clips of ``length`` frames."""
    device = device_of(inputs)
    batch = next(len(x) for x in torch.utils._pytree.tree_leaves(inputs) if isinstance(x, Tensor))
    answers = Answers(call, [inputs])
    with energy(device) as joules:
        clips, times = _rate(call, inputs, batch, budget_s, answers)
    seconds, noise = sum(times), noise_of(times)
    broken = answers.advice
    if seconds < MINIMUM_S:
        broken.append(f"{seconds:.1f} s of at least {MINIMUM_S:g} s: give it more seconds")
    return Throughput(
        clips_per_second=clips,
        frames_per_second=clips * length,
        batch=batch,
        joules_per_clip=None if joules.value is None else joules.value / (batch * len(times)),
        seconds=seconds,
        noise=noise,
        answers_sha256=answers.sha256,
        valid=not broken,
        advice=(*broken, *noise_advice(noise)),
        **circumstances(device, runtime),
    )


def _rate(
    call: Call, inputs: Inputs, batch: int, budget_s: float, answers: Answers | None = None
) -> tuple[float, list[float]]:
    """Return clips per second, and the seconds of each call after a first one that does not count."""
    device = device_of(inputs)
    call(*inputs)
    finish(device)
    times: list[float] = []
    while len(times) < MINIMUM or sum(times) < budget_s:
        start = perf_counter()
        answer = call(*inputs)
        finish(device)
        times.append(perf_counter() - start)
        if answers is not None:
            answers.check(0, answer)
    return batch * len(times) / sum(times), times


def repeated(example: Inputs, batch: int) -> Inputs:
    """Return inputs of ``batch`` copies of the one clip in ``example``."""
    several: Inputs = tree_map_only(Tensor, lambda x: x.expand(batch, *x.shape[1:]).contiguous(), example)
    return several
