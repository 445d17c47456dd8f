"""The time of a network against a fixed workload, by turns in one process: a number that travels between machines.

A busy or slower machine slows both sides of a round alike, so their ratio changes little where milliseconds change a
lot. The workload does what the networks of this field do: convolutions, depthwise and pointwise, and a product of
matrices, on fixed inputs.
"""

from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor, nn

from abawbench.results.record import RelativeTime

WORKLOAD = "reference-1"
"""Rename it with any change to ``workload``: ratios to different workloads are not comparable."""
ROUNDS = 40
MINIMUM = 8
LONGEST = 200
"""Most calls of the workload that stand for one call of a slow network."""


def workload(device: torch.device) -> Callable[[], Tensor]:
    """Return the reference workload, ready to be called; its numbers are fixed and torch's seed is left alone."""
    generator = torch.Generator().manual_seed(0)

    def fixed(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device) / 24

    image, dense, depth, point = fixed(1, 64, 56, 56), fixed(64, 64, 3, 3), fixed(64, 1, 3, 3), fixed(64, 64, 1, 1)
    left, right = fixed(512, 512), fixed(512, 512)

    def call() -> Tensor:
        with torch.inference_mode():
            x = nn.functional.hardswish(nn.functional.conv2d(image, dense, padding=1))
            x = nn.functional.conv2d(nn.functional.conv2d(x, depth, padding=1, groups=64), point)
            return nn.functional.gelu(left @ right).sum() + x.sum()

    return call


def relative_time(
    call: Callable[[Tensor], Tensor],
    example: Tensor,
    *,
    runtime: str = "eager",
    budget_s: float = 5.0,
    rounds: int = ROUNDS,
) -> RelativeTime:
    """Return the times of ``call(example)`` and of the reference workload, round by round.

    In each round the workload runs as often as fills about the time of one call, half before and half after it, so
    that whatever else the machine does falls on both. Rounds end with the budget, but not before ``MINIMUM``.
    """
    reference = workload(example.device)
    for _ in range(2):
        model_s, reference_s = _timed(lambda: call(example), 1, example), _timed(reference, 1, example)
    half = min(max(round(model_s / reference_s / 2), 1), LONGEST)
    model_ms: list[float] = []
    reference_ms: list[float] = []
    start = perf_counter()
    while len(model_ms) < rounds and (len(model_ms) < MINIMUM or perf_counter() - start < budget_s):
        before = _timed(reference, half, example)
        model_ms.append(1e3 * _timed(lambda: call(example), 1, example))
        reference_ms.append(1e3 * (before + _timed(reference, half, example)) / (2 * half))
    return RelativeTime(
        workload=WORKLOAD,
        model_ms=tuple(model_ms),
        reference_ms=tuple(reference_ms),
        batch=len(example),
        threads=torch.get_num_threads(),
        device=example.device.type,
        runtime=runtime,
    )


def _timed(call: Callable[[], Tensor], times: int, example: Tensor) -> float:
    """Return the seconds that a number of calls take, waiting for an accelerator to be done."""
    _finish(example)
    start = perf_counter()
    for _ in range(times):
        call()
    _finish(example)
    return perf_counter() - start


def _finish(example: Tensor) -> None:
    if example.device.type == "cuda":
        torch.cuda.synchronize(example.device)
