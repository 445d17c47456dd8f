"""Runtimes on one network, interleaved in one process with plain eager execution."""

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from abawbench.contracts import Runtime
from abawbench.harness.measure.offline import repeat_example
from abawbench.harness.measure.timing import Call, Example, device_of, finish
from abawbench.records.profile import PLAIN, Interleaved

ROUNDS = 60
MINIMUM = 8


def compile_for(runtime: Runtime, network: nn.Module, inputs: Example) -> Call:
    """Return the network by a runtime; ranges, where it takes some, come from ``inputs``. Raises UsageError."""
    return runtime.compile(network, inputs, [inputs] if runtime.calibrates else ())


def plain_eager(network: nn.Module) -> Call:
    """Return a contiguous copy of the network, called without gradients."""
    copied = copy.deepcopy(network).to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]

    def call(*inputs: Any) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = copied(*inputs)
            return logits

    return call


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """How much of each runtime is timed."""

    batch: int = 1
    """Clips per call."""
    seconds: float = 20.0
    rounds: int = ROUNDS


def interleave(
    network: nn.Module,
    runtimes: Sequence[Runtime],
    example: Example,
    frames: int,
    wanted: Rounds,
) -> tuple[list[Interleaved], dict[str, Exception]]:
    """Return the times of each runtime and of plain eager, round by round, each round in an order of its own.

    ``example`` is one clip of ``frames`` frames. With them: the runtimes that cannot be had here, and their errors.
    """
    batch, refused = wanted.batch, dict[str, Exception]()
    inputs = repeat_example(example, batch)
    calls, seconds = {PLAIN: plain_eager(network)}, {}
    kept = []
    for runtime in runtimes:
        start = perf_counter()
        try:
            calls[runtime.name] = compile_for(runtime, network, inputs)
            calls[runtime.name](*inputs)
        except Exception as error:
            calls.pop(runtime.name, None)
            refused[runtime.name] = error
            continue
        seconds[runtime.name] = perf_counter() - start
        kept.append(runtime)
    times = _times(calls, inputs, wanted)
    return [
        Interleaved(
            runtime=runtime.name,
            precision=runtime.precision,
            batch=batch,
            frames=frames,
            threads=torch.get_num_threads(),
            compile_seconds=seconds[runtime.name],
            runtime_ms=tuple(times[runtime.name]),
            plain_ms=tuple(times[PLAIN]),
        )
        for runtime in kept
    ], refused


def _times(calls: dict[str, Call], inputs: Example, wanted: Rounds) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    order, start = list(calls), perf_counter()
    for number in range(-2, wanted.rounds):
        if number >= MINIMUM and perf_counter() - start > wanted.seconds:
            break
        random.Random(number).shuffle(order)
        for name in order:
            began = perf_counter()
            calls[name](*inputs)
            finish(device_of(inputs))
            if number >= 0:
                times[name].append(1e3 * (perf_counter() - began))
    return times
