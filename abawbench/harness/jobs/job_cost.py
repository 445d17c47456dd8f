"""What the network of a job costs, by the runtime that was asked for, and whether that runtime changes its answers."""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch import Tensor, nn

from abawbench.harness.data.clips import clips_of, distinct, given
from abawbench.harness.data.features import Features, LiveImages, Reading, normalise
from abawbench.harness.learn.training import Trained
from abawbench.harness.measure.cost import CostMeter, Scored
from abawbench.harness.measure.examples import example_of
from abawbench.harness.measure.parity import Bench, parity
from abawbench.harness.request.jobs import EAGER
from abawbench.nn import gather
from abawbench.progress import Progress
from abawbench.records.cost import Cost
from abawbench.records.parity import Parity

if TYPE_CHECKING:
    from abawbench.harness.jobs.job import Prepared

TIMED_CLIPS = 16
"""Clips of the scored split that take turns under the clock."""


def measured(
    ready: "Prepared",
    network: nn.Module | None,
    source: Features,
    meter: CostMeter,
    device: torch.device,
    progress: Progress,
) -> tuple[Cost | None, Parity | None]:
    """Return what a network costs (None without one) and the parity of its runtime (None for eager execution).

    Where it sees frames alone, clips of the scored split are timed, and answered as they were scored from ``source``.
    """
    if network is None:
        return None, None
    runtime, clip = ready.runtime, ready.model.clip
    kind = f"{ready.job.model} {asdict(ready.model.settings)} {runtime.name}"
    if runtime.name == EAGER:
        cost = meter.cost_of(
            network,
            clip,
            device,
            kind=kind,
            task=ready.task.name,
            progress=progress,
            example=example_of(ready.model, device),
            scored=_scored(ready, network, source, device) if meter.seconds > 0 else None,
        )
        return cost, None
    bench = _bench(ready, network, device, progress)

    @cache
    def for_threads(batch: int, threads: int) -> Callable[..., Tensor]:
        progress.note(f"compile by {runtime.name}, {batch} clips a call, {threads} threads")
        return bench.compiled(runtime, batch)

    def compiled(batch: int) -> Callable[..., Tensor]:
        return for_threads(batch, torch.get_num_threads())

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


def _scored(ready: "Prepared", network: nn.Module, source: Features, device: torch.device) -> Scored | None:
    """Return some clips of the scored split and their logits; None for other inputs than whole images."""
    if ready.model.inputs != {"frames"} or ready.protocol.stand_in is not None:
        return None
    clip = ready.model.clip
    clips = clips_of(ready.folds[-1].scored, source, clip)
    found, answers = [], []
    images = LiveImages(source.images, Reading(), ready.tracks, clip)
    with torch.inference_mode():
        for at in np.unique(np.linspace(0, len(clips) - 1, TIMED_CLIPS, dtype=int)):
            pairs, index = distinct([clips[at]], source)
            seen = normalise(images.gather(pairs)[0], clip)
            found.append((gather(seen, torch.from_numpy(index)).contiguous().to(device),))
            inputs, index_of = send_to_device(given([clips[at]], source), device)
            answers.append(Trained(network, clip).eval()(inputs, index_of))
    return Scored(found, answers) if found else None


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
