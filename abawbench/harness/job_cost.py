"""What the network of a job costs, by the runtime that was asked for, and whether that runtime changes its answers."""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from abawbench.contracts import UsageError
from abawbench.harness.cost import CostMeter
from abawbench.harness.inputs import example_of
from abawbench.harness.parity import Bench, parity
from abawbench.harness.progress import Progress
from abawbench.results.cost import Cost
from abawbench.results.parity import Parity

if TYPE_CHECKING:
    from abawbench.harness.job import Prepared

EAGER = "eager"
"""What runs networks unless another runtime is asked for, and always when scores are made."""


def measured(
    ready: "Prepared", network: nn.Module | None, meter: CostMeter, device: torch.device, progress: Progress
) -> tuple[Cost | None, Parity | None]:
    """Return what a network costs (None without one) and the parity of its runtime (None for eager execution)."""
    if network is None:
        return None, None
    runtime, clip = ready.runtime, ready.model.clip
    several = isinstance(network.get_submodule("embed"), nn.ModuleDict)
    if several and runtime.name != EAGER:
        raise UsageError(f"runtime '{runtime.name}' runs networks of frames alone; leave out --runtime")
    example = example_of(ready.model, device) if several else None
    kind = f"{ready.job.model} {asdict(ready.model.settings)} {runtime.name}"
    if runtime.name == EAGER:
        cost = meter.cost_of(network, clip, device, kind=kind, task=ready.task.name, progress=progress, example=example)
        return cost, None
    bench = _bench(ready, network, device, progress)

    @cache
    def compiled(batch: int) -> Callable[..., Tensor]:
        progress.note(f"compile by {runtime.name}, {batch} clips a call")
        return bench.compiled(runtime, batch)

    cost = meter.cost_of(
        network,
        clip,
        device,
        kind=kind,
        task=ready.task.name,
        progress=progress,
        runtime=runtime.name,
        compiled=lambda inputs: compiled(len(inputs[0])),
    )
    return cost, parity(bench, runtime, compiled)


def _bench(ready: "Prepared", network: nn.Module, device: torch.device, progress: Progress) -> Bench:
    """Return the network beside the tracks that it was fitted to and those it was scored on, its last fold's."""
    fold = ready.folds[-1]
    pairs = [(ready.tracks[n], labels) for n in fold.scored if (labels := ready.labels[n]) is not None]
    return Bench(
        network=network,
        clip=ready.model.clip,
        task=ready.task,
        metric=ready.metric,
        training=[ready.tracks[n] for n in fold.fitted],
        scored=[track for track, _ in pairs],
        labels=[labels for _, labels in pairs],
        protocol=ready.protocol,
        device=device,
        progress=progress,
    )
