"""How long a network takes: latency with the percentiles its samples earn, and throughput."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

EARNED = {90: 64, 99: 662}
"""Percentile -> samples it takes to state it, by the rule of MLPerf's load generator."""
WARM_UP = 3


@dataclass(frozen=True)
class Latency:
    """Milliseconds per call with one batch; a percentile is None where too few samples earn it."""

    p50_ms: float
    p90_ms: float | None
    p99_ms: float | None
    min_ms: float
    max_ms: float
    iqr_ms: float
    """The third quartile less the first: how far the samples spread."""
    samples: int
    batch: int
    threads: int
    device: str
    runtime: str


@dataclass(frozen=True)
class Throughput:
    """Clips and frames per second, call after call, at one batch size."""

    clips_per_second: float
    frames_per_second: float
    batch: int
    threads: int
    device: str
    runtime: str


def measure_latency(
    call: Callable[[Tensor], Tensor],
    example: Tensor,
    *,
    runtime: str = "eager",
    budget_s: float = 2.0,
    minimum: int = 10,
    advance: Callable[[int], None] = lambda samples: None,
) -> Latency:
    """Return the latency of ``call(example)``, a batch of clips, after a warm-up.

    Samples until the 99th percentile is earned, for ``budget_s`` seconds at most, and in any case ``minimum`` times;
    ``advance(1)`` is called after each. On a CUDA device each call is timed by events.
    """
    clock = _cuda_ms if example.device.type == "cuda" else _wall_ms
    for _ in range(WARM_UP):
        clock(call, example)
    samples: list[float] = []
    start = perf_counter()
    while len(samples) < EARNED[99] and (len(samples) < minimum or perf_counter() - start < budget_s):
        samples.append(clock(call, example))
        advance(1)
    low, high = np.percentile(samples, (25, 75))
    return Latency(
        p50_ms=percentile(samples, 50),
        p90_ms=percentile(samples, 90) if len(samples) >= EARNED[90] else None,
        p99_ms=percentile(samples, 99) if len(samples) >= EARNED[99] else None,
        min_ms=min(samples),
        max_ms=max(samples),
        iqr_ms=float(high - low),
        samples=len(samples),
        batch=len(example),
        threads=torch.get_num_threads(),
        device=example.device.type,
        runtime=runtime,
    )


def measure_throughput(
    call: Callable[[Tensor], Tensor],
    example: Tensor,
    *,
    runtime: str = "eager",
    budget_s: float = 1.0,
    minimum: int = 2,
) -> Throughput:
    """Return the throughput of calling ``call(example)`` again and again with clips [B, T, ...] for ``budget_s``."""
    call(example)
    _finish(example.device)
    calls, start = 0, perf_counter()
    while calls < minimum or perf_counter() - start < budget_s:
        call(example)
        _finish(example.device)
        calls += 1
    clips = calls * len(example) / (perf_counter() - start)
    return Throughput(
        clips_per_second=clips,
        frames_per_second=clips * example.shape[1],
        batch=len(example),
        threads=torch.get_num_threads(),
        device=example.device.type,
        runtime=runtime,
    )


def percentile(samples: list[float], rank: float) -> float:
    """Return the smallest sample that at least ``rank`` percent of the samples do not exceed."""
    return float(np.percentile(samples, rank, method="inverted_cdf"))


def _wall_ms(call: Callable[[Tensor], Tensor], example: Tensor) -> float:
    start = perf_counter()
    call(example)
    return (perf_counter() - start) * 1e3


def _cuda_ms(call: Callable[[Tensor], Tensor], example: Tensor) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    call(example)
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
