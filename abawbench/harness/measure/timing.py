"""What all timing shares: clocks, warm-up, noise, percentiles, and the check that answers stay what they were."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from abawbench.records.cost import TOO_NOISY

Call = Callable[..., Tensor]
Example = tuple[Any, ...]
"""What a network is called with, ``network(*example)``."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How something is timed."""

    runtime: str = "eager"
    seconds: float = 30.0
    """At most, beyond what is taken in any case."""
    until: float = inf
    """The moment of ``perf_counter`` from which nothing more is begun, whatever is taken in any case."""
    advance: Callable[[int], None] = lambda samples: None
    """Called with the samples that were taken since."""


EARNED = {90: 64, 99: 662}
"""Percentile -> samples it takes to state it, by the rule of MLPerf's load generator."""
PARTS = 8
"""Consecutive parts of a run whose medians tell its noise."""
STEADY = 0.05
"""Change of the median of five calls from that of the five before, below which a warm-up is over."""
SCORED_TOLERANCE = 0.05
"""Largest difference of a timed answer from the scored one; scored ones come from features kept in half precision."""


def clock_for(device: torch.device) -> Callable[[Call, Example], tuple[float, Tensor]]:
    """Return a function that calls and gives milliseconds and the answer: by events on a CUDA device."""
    return {"cuda": _cuda_ms, "mps": _mps_ms}.get(device.type, _wall_ms)


def device_of(inputs: Example) -> torch.device:
    """Return where the inputs lie."""
    tensors = torch.utils._pytree.tree_leaves(inputs)
    return next((x.device for x in tensors if isinstance(x, Tensor)), torch.device("cpu"))


def warm_up(call: Call, inputs: Example, budget_s: float, until: float = inf) -> bool:
    """Call until the times are steady, ten times at least and within the budget beyond; return whether they are.

    From the moment ``until`` on there is no further call.
    """
    clock, start = clock_for(device_of(inputs)), perf_counter()
    times: list[float] = []
    while True:
        times.append(clock(call, inputs)[0])
        if perf_counter() >= until:
            return False
        if len(times) < 10:
            if budget_s <= 0 and len(times) >= 3:
                return False
            continue
        before, after = median(times[-10:-5]), median(times[-5:])
        if abs(after - before) <= STEADY * before:
            return True
        if perf_counter() - start > budget_s:
            return False


def noise_of(samples: Sequence[float]) -> float | None:
    """Return the range of the medians of consecutive parts over the median of all; None for too few samples."""
    middle = float(np.median(samples)) if samples else 0.0
    if len(samples) < 2 * PARTS or not middle:
        return None
    medians = [float(np.median(part)) for part in np.array_split(np.asarray(samples), PARTS)]
    return (max(medians) - min(medians)) / middle


def noise_advice(noise: float | None) -> list[str]:
    """Return the warning that goes with too much noise."""
    if noise is None or noise <= TOO_NOISY:
        return []
    return [f"the times drifted by {noise:.0%}, more than {TOO_NOISY:.0%}: too noisy to quote; leave the machine alone"]


def percentile(samples: Sequence[float], rank: float) -> float:
    """Return the smallest sample that at least ``rank`` percent of the samples do not exceed."""
    return float(np.percentile(samples, rank, method="inverted_cdf"))


def percentiles_of(samples: Sequence[float]) -> dict[str, Any]:
    """Return ``p50_ms``, ``p90_ms`` and ``p99_ms``, None where too few samples earn a percentile."""
    found: dict[str, Any] = {"p50_ms": percentile(samples, 50)}
    for rank, needed in EARNED.items():
        found[f"p{rank}_ms"] = percentile(samples, rank) if len(samples) >= needed else None
    return found


def circumstances(device: torch.device, runtime: str) -> dict[str, Any]:
    """Return the threads, cores, device and runtime of what is timed now, as the record has them."""
    return {
        "threads": torch.get_num_threads(),
        "affinity": tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (),
        "device": device.type,
        "runtime": runtime,
    }


class Answers:
    """The answers to each distinct input before the clock runs, which those under the clock must repeat.

    MLPerf's audit TEST01 asks the same: a system that answers otherwise when it is timed has not shown its accuracy.
    """

    def __init__(self, call: Call, examples: Sequence[Example], scored: Sequence[Tensor] | None = None) -> None:
        self._first = [call(*inputs).detach().clone() for inputs in examples]
        self._scored = scored
        self.changed = 0
        self.checked = 0

    def check(self, number: int, answer: Tensor) -> None:
        """Compare a timed answer with the one to the same input."""
        self.checked += 1
        self.changed += not torch.equal(answer, self._first[number])

    @property
    def sha256(self) -> str:
        """Return the digest over the answers."""
        sha = hashlib.sha256()
        for answer in self._first:
            sha.update(answer.to(torch.float32).cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()

    @property
    def difference(self) -> float | None:
        """Return the largest difference from the scored answers; None where there are none."""
        if self._scored is None:
            return None
        pairs = zip(self._first, self._scored, strict=True)
        return max(float((ours.cpu().float() - theirs.cpu().float()).abs().max()) for ours, theirs in pairs)

    @property
    def advice(self) -> list[str]:
        """Return what is wrong with the answers, nothing where they are the same."""
        found = []
        if self.changed:
            found.append(f"{self.changed} of {self.checked} timed answers differ from the untimed ones")
        if self.difference is not None and self.difference > SCORED_TOLERANCE:
            found.append(f"a timed answer is {self.difference:.3g} from the scored one")
        return found


def finish(device: torch.device) -> None:
    """Wait until an accelerator is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _wall_ms(call: Call, inputs: Example) -> tuple[float, Tensor]:
    start = perf_counter()
    answer = call(*inputs)
    return (perf_counter() - start) * 1e3, answer


def _mps_ms(call: Call, inputs: Example) -> tuple[float, Tensor]:
    start = perf_counter()
    answer = call(*inputs)
    torch.mps.synchronize()
    return (perf_counter() - start) * 1e3, answer


def _cuda_ms(call: Call, inputs: Example) -> tuple[float, Tensor]:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    answer = call(*inputs)
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)), answer
