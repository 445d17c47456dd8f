"""What a network costs to run: the part of a record that stands beside its score."""

from dataclasses import asdict

import torch
from torch import Tensor, nn

from abawbench.contracts import Clip
from abawbench.harness.counting import Macs, count_bytes, count_macs, count_parameters, evaluating
from abawbench.harness.latency import Latency, Throughput, measure_latency, measure_throughput
from abawbench.harness.memory import peak_memory
from abawbench.results import record


def cost_of(
    network: nn.Module,
    clip: Clip,
    device: torch.device | str = "cpu",
    *,
    budget_s: float = 2.0,
    batch: int = 4,
    memory: bool = False,
    runtime: str = "eager",
) -> record.Cost:
    """Return the cost of the whole network, frozen part included, on clips [B, length, 3, size, size].

    Latency is measured on one clip for about ``budget_s`` seconds (twice that at most, and ten calls at least) and
    throughput on ``batch`` clips at a time for half as long; ``budget_s`` 0 leaves both out. ``memory`` adds the peak,
    for which a CPU needs a process of some seconds. The network keeps its mode and its parameters.
    """
    example = torch.zeros(1, clip.length, 3, clip.size, clip.size, device=device)
    parameters, macs = count_parameters(network), count_macs(network, example)
    latency = throughput = peak = None
    with evaluating(network):
        if budget_s > 0:
            latency, throughput = _speed(network, example, budget_s, batch, runtime)
        if memory:
            peak = peak_memory(network, example)
    return _record(network, clip, macs, latency, throughput, peak, parameters.total, parameters.trained)


def _speed(
    network: nn.Module, example: Tensor, budget_s: float, batch: int, runtime: str
) -> tuple[Latency, Throughput]:
    def call(clips: Tensor) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = network(clips)
            return logits

    latency = measure_latency(call, example, runtime=runtime, budget_s=budget_s)
    several = example.expand(batch, *example.shape[1:]).contiguous()
    return latency, measure_throughput(call, several, runtime=runtime, budget_s=budget_s / 2)


def _record(
    network: nn.Module,
    clip: Clip,
    macs: Macs,
    latency: Latency | None,
    throughput: Throughput | None,
    peak: int | None,
    total: int,
    trained: int,
) -> record.Cost:
    kept = record.Latency.model_fields
    return record.Cost(
        parameters_total=total,
        parameters_trained=trained,
        macs_per_clip=dict(macs.total),
        macs_per_frame={name: value / clip.length for name, value in macs.total.items()},
        uncounted_operators={name: dict(calls) for name, calls in macs.uncounted.items()},
        macs_difference_by_operator=dict(macs.difference),
        latency=record.Latency(**{k: v for k, v in asdict(latency).items() if k in kept}) if latency else None,
        throughput=record.Throughput(**asdict(throughput)) if throughput else None,
        peak_memory_bytes=peak,
        weights_bytes=count_bytes(network),
    )
