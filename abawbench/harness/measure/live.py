"""Live: a camera feeds overlapping clips, and what works frame by frame is computed once per frame and kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abawbench.contracts import Clip
from abawbench.harness.data.frames import normalise
from abawbench.harness.data.images import resize
from abawbench.harness.measure.counting import evaluation_mode
from abawbench.harness.measure.examples import FRAME_RATE
from abawbench.harness.measure.timing import EARNED, circumstances, finish, noise_advice, noise_of, percentiles_of
from abawbench.nn import ClipNetwork, as_tuple
from abawbench.records.cost import Live

TOLERANCE = 1e-3
"""Largest difference of a live prediction from that of the whole clip."""
CHECKED = 8
"""Live predictions that are compared with whole clips."""


@dataclass
class Camera:
    """Frames as JPEG files, one after the other at a rate; only the newest that has arrived can be taken."""

    frames: Sequence[bytes]
    rate: float
    clock: Any = perf_counter
    sleep: Any = sleep
    start: float = 0.0
    next: int = 0
    dropped: int = 0

    def open(self) -> None:
        """Let frame 0 arrive now."""
        self.start, self.next, self.dropped = self.clock(), 0, 0

    def take(self) -> tuple[bytes, float]:
        """Return the newest frame and when it arrived, after waiting for it if it was taken before."""
        newest = int((self.clock() - self.start) * self.rate)
        if newest > self.next:
            self.dropped += newest - self.next
            self.next = newest
        arrives = self.start + self.next / self.rate
        while (wait := arrives - self.clock()) > 0:
            self.sleep(wait)
        frame = self.frames[self.next % len(self.frames)]
        self.next += 1
        return frame, arrives


class Stream:
    """A network fed one frame at a time. What it computed for the last frames is kept in a ring."""

    def __init__(self, network: ClipNetwork, clip: Clip, device: torch.device, clock: Any = perf_counter) -> None:
        self._network, self._clip, self._device, self._clock = network, clip, device, clock
        self._ring: tuple[Tensor, ...] = ()
        self._filled = 0
        self.embedded = 0
        self.seconds: dict[str, float] = dict.fromkeys(("decoding", "preparing", "per frame", "per clip"), 0.0)

    def frame(self, jpeg: bytes, predict: bool = True) -> Tensor | None:
        """Take a frame and return the logits of the clip it ends; None before there are enough frames for one."""
        began = self._clock()
        decoded = decode(jpeg)
        began = self._spent("decoding", began)
        image = prepare(decoded, self._clip).to(self._device)
        began = self._spent("preparing", began)
        with torch.inference_mode():
            self._keep(as_tuple(self._network.per_frame(image)))
            self.embedded += len(image)
            finish(self._device)
            began = self._spent("per frame", began)
            if not predict or self._filled < self._clip.length:
                return None
            logits = self._network.over_clip(self._features(), self._index()).cpu()
        self._spent("per clip", began)
        return logits

    def _spent(self, stage: str, began: float) -> float:
        now = self._clock()
        self.seconds[stage] += now - began
        return float(now)

    def _keep(self, features: tuple[Tensor, ...]) -> None:
        if not self._ring:
            self._ring = tuple(_places(x, self._clip.length) for x in features)
        for places, x in zip(self._ring, features, strict=True):
            places[self._filled % self._clip.length] = x[0]
        self._filled += 1

    def _features(self) -> Any:
        return self._ring[0] if len(self._ring) == 1 else self._ring

    def _index(self) -> Tensor:
        """Return which place holds each frame of the clip, oldest first, [1, T]."""
        length = self._clip.length
        return ((torch.arange(length) + self._filled) % length).view(1, length).to(self._device)


def _places(features: Tensor, length: int) -> Tensor:
    """Return room for the features of so many frames, laid out in memory as these are."""
    room = features.new_empty(length, *features.shape[1:])
    if features.ndim == 4 and features.is_contiguous(memory_format=torch.channels_last):
        return room.contiguous(memory_format=torch.channels_last)
    return room


def decode(jpeg: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a JPEG file, RGB [H, W, 3]."""
    found = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def prepare(image: NDArray[np.uint8], clip: Clip) -> Tensor:
    """Return an image as the network sees it, [1, 3, size, size]."""
    return normalise(resize(torch.from_numpy(image[None]).permute(0, 3, 1, 2), clip.size), clip)


def noise_frames(count: int = 64, size: int = 112) -> list[bytes]:
    """Return frames of smooth noise as JPEG files, the same each time: as large as the aligned faces of Aff-Wild2."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        small = random.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8)
        _, data = cv2.imencode(".jpg", cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC))
        found.append(data.tobytes())
    return found


@dataclass
class _Taken:
    """What happened to the frames under the clock."""

    latencies: list[float] = field(default_factory=list)
    busy: float = 0.0
    frames: int = 0
    kept: list[tuple[list[bytes], Tensor]] = field(default_factory=list)
    """Clips of the stream, and what it predicted for them."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a camera shows, how often a prediction is made, and the clock."""

    rate: float = FRAME_RATE
    every: int = 1
    """Frames from one prediction to the next."""
    predictions: int = EARNED[99]
    frames: Sequence[bytes] = ()
    """JPEG files; noise where there are none."""
    clock: Any = perf_counter
    wait: Any = sleep


def measure_live(
    network: ClipNetwork,
    clip: Clip,
    device: torch.device,
    stage: Stage | None = None,
    advance: Any = lambda samples: None,
) -> Live:
    """Return how a network keeps up with a camera, in real time.

    A frame that is not taken before the next arrives is lost, as with a camera whose driver keeps the newest one.
    """
    stage = stage or Stage()
    camera = Camera(list(stage.frames or noise_frames()), stage.rate, stage.clock, stage.wait)
    with evaluation_mode(network):
        stream = Stream(network, clip, device, stage.clock)
        # enough frames for a clip, and to be warm
        warm = max(clip.length, 30)
        history = [camera.frames[i % len(camera.frames)] for i in range(warm)]
        for jpeg in history:
            stream.frame(jpeg)
        stream.seconds, stream.embedded = dict.fromkeys(stream.seconds, 0.0), 0
        camera.open()
        began = stage.clock()
        taken = _follow(stream, camera, stage, history[-clip.length :], advance)
        seconds = stage.clock() - began
        gap = max((_gap(network, clip, device, *one) for one in taken.kept), default=None)
    noise = noise_of(taken.latencies)
    broken = _broken(taken, camera, stream, gap)
    return Live(
        frame_rate=stage.rate,
        every=stage.every,
        frames=taken.frames,
        dropped=camera.dropped,
        embedded=stream.embedded,
        **percentiles_of(taken.latencies),
        max_ms=max(taken.latencies),
        real_time_factor=taken.busy * stage.rate / taken.frames,
        stage_ms={stage: 1e3 * spent / taken.frames for stage, spent in stream.seconds.items()},
        whole_clip_difference=gap,
        seconds=seconds,
        noise=noise,
        valid=not broken,
        advice=(*broken, *noise_advice(noise)),
        **circumstances(device, "eager"),
    )


def _follow(stream: Stream, camera: Camera, stage: Stage, history: list[bytes], advance: Any) -> _Taken:
    """Take frames until enough predictions are made."""
    predictions, every, clock = stage.predictions, stage.every, stage.clock
    taken = _Taken()
    spread = max(predictions // CHECKED, 1)
    while len(taken.latencies) < predictions:
        jpeg, arrived = camera.take()
        began = clock()
        logits = stream.frame(jpeg, predict=taken.frames % every == 0)
        done = clock()
        taken.frames += 1
        taken.busy += done - began
        history = [*history[1:], jpeg]
        if logits is None:
            continue
        if len(taken.latencies) % spread == 0:
            taken.kept.append((history, logits))
        taken.latencies.append(1e3 * (done - arrived))
        advance(1)
    return taken


def _gap(network: ClipNetwork, clip: Clip, device: torch.device, jpegs: list[bytes], logits: Tensor) -> float:
    """Return the largest difference of live logits from those of the whole clip."""
    images = torch.cat([prepare(decode(jpeg), clip) for jpeg in jpegs]).to(device)
    with torch.inference_mode():
        return float((network(images[None]).cpu() - logits).abs().max())


def _broken(taken: _Taken, camera: Camera, stream: Stream, gap: float | None) -> list[str]:
    found = []
    if stream.embedded != taken.frames:
        found.append(f"{stream.embedded} images were embedded for {taken.frames} frames")
    if gap is not None and gap > TOLERANCE:
        found.append(f"a live prediction is {gap:.3g} from that of its whole clip")
    if camera.dropped:
        found.append(f"{camera.dropped} frames were dropped: it does not keep up with {camera.rate:g} frames a second")
    if len(taken.latencies) < EARNED[99]:
        found.append(f"{len(taken.latencies)} of the {EARNED[99]} predictions that a 99th percentile takes")
    return found
