"""Single stream: how long a network takes for one batch of clips after the other."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np
from torch import Tensor

from abawbench.harness.measure.timing import (
    EARNED,
    Answers,
    Call,
    Conditions,
    Example,
    circumstances,
    clock_for,
    device_of,
    noise_advice,
    noise_of,
    percentiles_of,
    warm_up,
)
from abawbench.records.cost import Latency

MINIMUM_S = 2.0
"""Shortest timed run that is valid."""
MINIMUM = 10
"""Samples that are taken in any case."""


def measure_latency(
    call: Call,
    examples: Sequence[Example],
    conditions: Conditions | None = None,
    scored: Sequence[Tensor] | None = None,
) -> Latency:
    """Return the latency of ``call(*example)`` over the examples, one after the other, once times are steady.

    Samples until the 99th percentile is earned and ``MINIMUM_S`` is over, for ``conditions.seconds`` at most, and in
    any case ``MINIMUM`` times, unless ``conditions.until`` comes first. The answers must be those given before the
    clock ran, and near ``scored``. On a CUDA device each call is timed by events.
    """
    under = conditions or Conditions()
    budget_s = under.seconds
    device = device_of(examples[0])
    clock, answers = clock_for(device), Answers(call, examples, scored)
    steady = warm_up(call, examples[0], budget_s / 4, under.until)
    samples: list[float] = []
    start = perf_counter()
    while _goes_on(len(samples), perf_counter() - start, budget_s) and (not samples or perf_counter() < under.until):
        number = len(samples) % len(examples)
        took, answer = clock(call, examples[number])
        samples.append(took)
        answers.check(number, answer)
        under.advance(1)
    seconds, noise = perf_counter() - start, noise_of(samples)
    broken = answers.advice
    if len(samples) < EARNED[99]:
        broken.append(f"{len(samples)} of the {EARNED[99]} samples that a 99th percentile takes: give it more seconds")
    if seconds < MINIMUM_S:
        broken.append(f"{seconds:.1f} s of at least {MINIMUM_S:g} s: give it more seconds")
    if not steady:
        broken.append("times were still changing when the warm-up ended: give it more seconds")
    low, high = np.percentile(samples, (25, 75))
    return Latency(
        **percentiles_of(samples),
        min_ms=min(samples),
        max_ms=max(samples),
        iqr_ms=float(high - low),
        samples=len(samples),
        batch=_batch(examples[0]),
        seconds=seconds,
        noise=noise,
        answers_sha256=answers.sha256,
        answers_difference=answers.difference,
        valid=not broken,
        advice=(*broken, *noise_advice(noise)),
        **circumstances(device, under.runtime),
    )


def _goes_on(samples: int, seconds: float, budget_s: float) -> bool:
    if samples < MINIMUM:
        return True
    return seconds < budget_s and (samples < EARNED[99] or seconds < MINIMUM_S)


def _batch(inputs: Example) -> int:
    from torch.utils._pytree import tree_leaves

    return next(len(x) for x in tree_leaves(inputs) if isinstance(x, Tensor))
