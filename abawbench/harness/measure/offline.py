"""Offline: how many clips and frames a second at the best batch that memory allows, and at what energy.

Of a network that sees frames alone also how many when worker processes decode them, as in training and prediction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_map_only

from abawbench.contracts import Clip, Track
from abawbench.harness.data.clips import ClipIndex, cut_clips
from abawbench.harness.data.frames import ImageRules, LiveImages
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.data.loader import build_loader, closing_workers, iterate
from abawbench.harness.learn.forward import BatchNetwork
from abawbench.harness.measure.examples import FRAME_RATE
from abawbench.harness.measure.live import decode, noise_frames
from abawbench.harness.measure.memory import peak_bytes, reset_peak
from abawbench.harness.measure.timing import (
    Answers,
    Call,
    Conditions,
    Example,
    circumstances,
    device_of,
    finish,
    noise_advice,
    noise_of,
)
from abawbench.harness.request.gpus import gpu_joules
from abawbench.nn import ClipNetwork
from abawbench.records.cost import Throughput

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MEMORY_LIMIT = 2 * 2**30
"""Bytes that a batch may add at its peak."""
MINIMUM_S = 1.0
"""Shortest timed run that is valid."""
MINIMUM = 3
"""Calls that are made in any case."""


def best_throughput(
    compile: Callable[[Example], Call],
    example: Example,
    length: int,
    conditions: Conditions | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Throughput:
    """Return the throughput at the best batch of copies of ``example``, one clip of ``length`` frames.

    ``compile(example)`` returns the callable for a batch. Batches double while they gain, fit the limit and leave half
    of the time; the best is then measured for the rest of it.
    """
    under = conditions or Conditions(seconds=10.0)
    budget_s = under.seconds
    start = perf_counter()
    rates: dict[int, float] = {}
    best: tuple[Call, Example] | None = None
    for batch in BATCHES:
        inputs = repeat_example(example, batch)
        reset_peak()
        idle = peak_bytes(device_of(inputs))
        call = compile(inputs)
        rate, _ = _rate(call, inputs, batch, replace(under, seconds=min(budget_s / 20, 1.0)))
        if best is not None and peak_bytes(device_of(inputs)) - idle > memory_limit:
            break
        if rate >= max(rates.values(), default=0.0):
            best = call, inputs
        rates[batch] = rate
        if perf_counter() >= under.until or perf_counter() - start > budget_s / 2 or rate < 0.97 * max(rates.values()):
            break
    assert best is not None
    left = max(budget_s - (perf_counter() - start), min(budget_s, 1.0))
    found = measure_throughput(*best, length, replace(under, seconds=left))
    return found.model_copy(update={"by_batch": rates, "memory_limit_bytes": memory_limit})


def measure_throughput(call: Call, inputs: Example, length: int, conditions: Conditions | None = None) -> Throughput:
    """Return the throughput of calling ``call(*inputs)`` again and again with clips of ``length`` frames."""
    under = conditions or Conditions(seconds=1.0)
    device = device_of(inputs)
    batch = next(len(x) for x in torch.utils._pytree.tree_leaves(inputs) if isinstance(x, Tensor))
    answers = Answers(call, [inputs])
    with energy(device) as joules:
        clips, times = _rate(call, inputs, batch, under, answers)
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
        **circumstances(device, under.runtime),
    )


def _rate(
    call: Call, inputs: Example, batch: int, under: Conditions, answers: Answers | None = None
) -> tuple[float, list[float]]:
    """Return clips per second, and the seconds of each call after a first one that does not count."""
    device = device_of(inputs)
    call(*inputs)
    finish(device)
    times: list[float] = []
    while len(times) < MINIMUM or sum(times) < under.seconds:
        if times and perf_counter() >= under.until:
            break
        start = perf_counter()
        answer = call(*inputs)
        finish(device)
        times.append(perf_counter() - start)
        if answers is not None:
            answers.check(0, answer)
    return batch * len(times) / sum(times), times


def repeat_example(example: Example, batch: int) -> Example:
    """Return inputs of ``batch`` copies of the one clip in ``example``."""
    several: Example = tree_map_only(Tensor, lambda x: x.expand(batch, *x.shape[1:]).contiguous(), example)
    return several


class _Faces(Track):
    """Frames as JPEG files in memory, each decoded when it is asked for."""

    id = subject = "faces"
    rate = FRAME_RATE

    def __init__(self, n_frames: int) -> None:
        self.n_frames = n_frames
        self._files = noise_frames()

    def frame_mask(self) -> NDArray[np.bool_]:
        return np.ones(self.n_frames, dtype=np.bool_)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        images = [decode(self._files[frame % len(self._files)]) for frame in indices.tolist()]
        return np.stack(images), np.ones(len(indices), dtype=np.bool_)

    def frame_files(self) -> list[tuple[str, int, int] | None]:
        return [(f"{frame % len(self._files)}.jpg", 0, 0) for frame in range(self.n_frames)]


_ENOUGH = 1_000_000
"""Batches that no measurement reaches the end of."""


def measure_loaded(
    network: ClipNetwork, clip: Clip, device: torch.device, batch: int, workers: int, seconds: float
) -> float:
    """Return frames per second of batches that so many processes decode, 0 for this one, while the network computes.

    The images are smooth noise of the size of aligned faces; resizing and normalising are part of it. The first batch,
    for which the processes start, does not count.
    """
    faces = _Faces(batch * clip.length)
    images = LiveImages([faces], ImageRules(clip))
    inputs = Inputs([faces], {"frames": images}, images.log, workers)
    clips = cut_clips(0, faces.n_frames, replace(clip, stride=clip.length))
    largest = inputs.batch_bytes(batch, clip.length)
    loader = build_loader(range(_ENOUGH), partial(_read, inputs, clips), workers, largest, batch_size=1)
    module = BatchNetwork(network, clip).eval()
    start, done = 0.0, 0
    with closing_workers(loader), torch.inference_mode():
        for raw, index in iterate(loader):
            module(inputs.finish(raw, device), {name: one.to(device) for name, one in index.items()})
            finish(device)
            if not start:
                start = perf_counter()
                continue
            done += 1
            if done >= MINIMUM and perf_counter() - start >= seconds:
                break
    return done * batch * clip.length / (perf_counter() - start)


def _read(inputs: Inputs, clips: list[ClipIndex], _: Any) -> Any:
    return inputs.read(clips)


POWERCAP = Path("/sys/class/powercap")


class Joules:
    """Energy used since ``energy`` was entered; ``value`` is None until it ends and where nothing tells it."""

    value: float | None = None


@contextmanager
def energy(device: torch.device, root: Path = POWERCAP) -> Iterator[Joules]:
    """Give the joules that all processor packages, and the GPU in use, take inside; other work is in it too."""
    found = Joules()
    packages = _packages(root)
    before = [_microjoules(one / "energy_uj") for one in packages]
    gpu = _gpu_joules(device)
    yield found
    parts = [
        _grown(start, _microjoules(one / "energy_uj"), _microjoules(one / "max_energy_range_uj"))
        for one, start in zip(packages, before, strict=True)
    ]
    if device.type != "cpu":
        after = _gpu_joules(device)
        parts.append(after - gpu if gpu is not None and after is not None else None)
    known = [part for part in parts if part is not None]
    # a part that cannot be read would make the sum too small
    if known and len(known) == len(parts):
        found.value = sum(known)


def _packages(root: Path) -> list[Path]:
    """Return the folders of whole packages; those below them, such as ``intel-rapl:0:1``, are parts of theirs."""
    try:
        return sorted(path for path in root.glob("*-rapl:*") if path.name.count(":") == 1)
    except OSError:
        return []


def _microjoules(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _grown(before: int | None, after: int | None, limit: int | None) -> float | None:
    """Return the joules between two readings of a counter that starts again at its limit."""
    if before is None or after is None:
        return None
    if after < before:
        if limit is None:
            return None
        after += limit
    return (after - before) / 1e6


def _gpu_joules(device: torch.device) -> float | None:
    return gpu_joules(str(torch.cuda.get_device_properties(device).uuid)) if device.type == "cuda" else None
