"""What a network costs to run: the part of a record that stands beside its score."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from abawbench.contracts import Clip
from abawbench.harness.measure.counting import (
    FLOP_COUNTER,
    Macs,
    count_bytes,
    count_macs,
    count_parameters,
    evaluating,
    macs_per_frame,
)
from abawbench.harness.measure.examples import FRAME_RATE, noise_clips
from abawbench.harness.measure.latency import measure_latency
from abawbench.harness.measure.memory import peak_memory
from abawbench.harness.measure.offline import best_throughput, repeated
from abawbench.harness.measure.reference import one_thread, relative_time
from abawbench.harness.measure.timing import EARNED, Call, Inputs
from abawbench.progress import Progress
from abawbench.records.cost import Cost, Latency, RelativeTime, Throughput


@dataclass
class Speed:
    """How fast one network is, and how much memory it takes."""

    macs: float
    latency: Latency
    throughput: Throughput
    relative: dict[str, RelativeTime]
    peak_memory_bytes: int | None
    task: str


@dataclass
class CostMeter:
    """Measures what networks cost: sizes and MACs of every one, time and memory once per kind of network.

    The networks of one model differ between tasks by their last layer alone. They are timed once for a ``kind``, as
    long as their MACs agree to 0.1%, and the record names the task whose network was on the clock.
    """

    seconds: float = 60.0
    """For latency, which ends earlier once the 99th percentile is earned; 0 leaves time and memory out."""
    batch: int = 4
    """Clips per call where throughput is compared with the reference workload."""
    speeds: dict[str, Speed] = field(default_factory=dict)

    def cost_of(
        self,
        network: nn.Module,
        clip: Clip,
        device: torch.device,
        *,
        kind: str,
        task: str,
        progress: Progress,
        example: Inputs | None = None,
        scored: "Scored | None" = None,
        runtime: str = "eager",
        compiled: Callable[[Inputs], Call] | None = None,
    ) -> Cost:
        """Return the cost of the whole network, frozen part included, on ``example``: one clip, or its several inputs.

        Without one the clip is noise [1, length, 3, size, size]. With ``scored`` its clips are timed, and the answers
        compared with those that were scored. ``compiled(inputs)`` is the network by ``runtime`` for such inputs;
        without it the network itself is timed. The network keeps its mode and its parameters.
        """
        example = example or (noise_clips(clip).to(device),)
        macs = count_macs(network, *example)
        total = max(macs.total.values(), default=0.0)
        speed = self.speeds.get(kind)
        if self.seconds > 0 and (speed is None or abs(speed.macs - total) > 1e-3 * total):
            with evaluating(network):
                speed = self._time(network, example, clip, total, task, progress, scored, runtime, compiled)
            self.speeds[kind] = speed
        return Cost(
            **counted(network, macs, clip, example),
            latency=speed.latency.model_copy(update={"timed_on": speed.task}) if speed else None,
            throughput=speed.throughput if speed else None,
            relative=speed.relative if speed else {},
            peak_memory_bytes=speed.peak_memory_bytes if speed else None,
        )

    def _time(
        self,
        network: nn.Module,
        example: Inputs,
        clip: Clip,
        macs: float,
        task: str,
        progress: Progress,
        scored: "Scored | None",
        runtime: str,
        compiled: Callable[[Inputs], Call] | None,
    ) -> Speed:
        def eager(*inputs: Any) -> Tensor:
            with torch.inference_mode():
                logits: Tensor = network(*inputs)
                return logits

        compiled = compiled or (lambda inputs: eager)
        single = compiled(example)
        with progress.bar("latency", EARNED[99], "clip") as advance:
            latency = measure_latency(
                single,
                scored.clips if scored else [example],
                runtime=runtime,
                budget_s=self.seconds,
                scored=scored.answers if scored else None,
                advance=advance,
            )
        throughput = best_throughput(
            compiled, example, clip.length, runtime=runtime, budget_s=min(self.seconds / 6, 10.0)
        )
        relative = {}
        for name, batch in (("latency", 1), ("throughput", self.batch)):
            inputs = repeated(example, batch)
            with one_thread():  # a runtime keeps the threads that it was compiled with
                call = compiled(inputs)
            relative[name] = _relative(call, inputs, runtime, self.seconds / 12)
        return Speed(macs, latency, throughput, relative, peak_memory(network, *example), task)


def _relative(call: Call, inputs: Inputs, runtime: str, budget_s: float) -> RelativeTime:
    return relative_time(lambda first: call(*inputs), inputs[0], runtime=runtime, budget_s=budget_s)


@dataclass(frozen=True)
class Scored:
    """Clips of the scored split as the network is called with them, and the logits they were scored by."""

    clips: list[Inputs]
    answers: list[Tensor]


def counted(network: nn.Module, macs: Macs, clip: Clip, example: Inputs) -> dict[str, Any]:
    """Return the fields of a ``Cost`` that are counted and not timed: parameters, bytes and MACs."""
    parameters = count_parameters(network)
    whole = macs.total.get(FLOP_COUNTER)
    frame = macs_per_frame(network, example[0][0, :1]) if len(example) == 1 else None
    kept = None
    if whole is not None and frame is not None:
        kept = FRAME_RATE * (frame + (whole - frame * clip.length) / clip.stride)
    return {
        "parameters_total": parameters.total,
        "parameters_trained": parameters.trained,
        "weights_bytes": count_bytes(network),
        "macs_per_clip": dict(macs.total),
        "macs_per_frame": {name: value / clip.length for name, value in macs.total.items()},
        "uncounted_operators": {name: dict(calls) for name, calls in macs.uncounted.items()},
        "macs_difference_by_operator": dict(macs.difference),
        "count_failures": dict(macs.failed),
        "macs_by_stage": macs.by_stage(network),
        "frame_rate": FRAME_RATE,
        "macs_per_second": None if whole is None else FRAME_RATE * whole / clip.stride,
        "macs_per_second_kept": kept,
    }
