"""Live: one embedding per frame, the predictions of whole clips, and a camera that does not wait."""

import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import Clip
from abawbench.harness.measure.live import Camera, Stage, Stream, measure_live, noise_frames
from abawbench.nn import ClipNetwork, SplitHead, gather
from abawbench.records.cost import Live

CPU = torch.device("cpu")
CLIP = Clip(length=4, stride=4, size=8)
FRAMES = noise_frames(7, 16)


class Clock:
    """A time of its own, which sleeping and work move on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def stage(clock: Clock, **options: int) -> Stage:
    """A camera of 10 frames a second on that clock."""
    return Stage(rate=10, frames=FRAMES, clock=clock, wait=clock.sleep, **options)


class Counting(nn.Conv2d):
    """A frozen convolution that counts its images and takes its time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(3, 4, 3)
        self.clock, self.cost, self.images = clock, seconds, 0
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        self.images += len(images)
        self.clock.sleep(self.cost)
        return super().forward(images)


class Order(SplitHead):
    """A head that tells the order of its frames, in two parts."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(20, 2)

    def each(self, features: Tensor) -> Tensor:
        out: Tensor = self.first(features.mean((2, 3)))
        return out

    def together(self, features: Tensor, index: Tensor) -> Tensor:
        logits: Tensor = self.last(gather(features, index).flatten(1))
        return logits


class Plain(nn.Module):
    """The same as one."""

    def __init__(self) -> None:
        super().__init__()
        self.order = Order()

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        logits: Tensor = self.order(features, index)
        return logits


@pytest.mark.parametrize("head", [Order, Plain])
def test_a_stream_embeds_frames_once_and_predicts_as_whole_clips(head: type[nn.Module]) -> None:
    clock = Clock()
    embed = Counting(clock, 0.0)
    network = ClipNetwork(embed, head()).eval()
    found = measure_live(network, CLIP, CPU, stage(clock, predictions=50))
    assert (found.frames, found.embedded, found.dropped) == (50, 50, 0)
    # once per frame, before the clock and under it, and the whole clips that it was compared with
    assert embed.images == 30 + 50 + 9 * CLIP.length
    assert found.whole_clip_difference is not None
    assert found.whole_clip_difference < 1e-6


def test_a_ring_of_the_wrong_order_would_show() -> None:
    clock = Clock()
    network = ClipNetwork(Counting(clock, 0.0), Order()).eval()
    stream = Stream(network, CLIP, CPU, clock)
    for jpeg in FRAMES[:3]:
        assert stream.frame(jpeg) is None
    logits = stream.frame(FRAMES[3])
    assert logits is not None
    swapped = Stream(network, CLIP, CPU, clock)
    for jpeg in (FRAMES[1], FRAMES[0], FRAMES[2]):
        swapped.frame(jpeg)
    other = swapped.frame(FRAMES[3])
    assert other is not None
    assert not torch.allclose(logits, other)


def live(seconds: float, **options: int) -> Live:
    clock = Clock()
    network = ClipNetwork(Counting(clock, seconds), Order())
    return measure_live(network, CLIP, CPU, stage(clock, **{"predictions": 100} | options))


def test_a_network_faster_than_the_camera_drops_nothing() -> None:
    found = live(0.04, predictions=662)
    assert (found.dropped, found.valid, found.advice) == (0, True, ())
    assert found.p99_ms == pytest.approx(40)
    assert found.real_time_factor == pytest.approx(0.4)
    assert found.seconds == pytest.approx(66.1 + 0.04)
    assert found.stage_ms["per frame"] == pytest.approx(40)


def test_a_network_slower_than_the_camera_drops_frames() -> None:
    found = live(0.25)
    assert found.real_time_factor == pytest.approx(2.5)
    # the work of 2.5 frames: of five frames two are taken
    assert found.dropped == pytest.approx(1.5 * found.frames, abs=2)
    assert not found.valid
    assert "does not keep up with 10 frames a second" in found.advice[0]
    # a frame waits for the one before, never for a queue
    assert found.max_ms <= 350


def test_predictions_can_be_made_less_often_than_frames_arrive() -> None:
    found = live(0.01, predictions=10, every=4)
    assert found.frames == found.embedded == 37


def test_the_camera_gives_the_newest_frame() -> None:
    clock = Clock()
    camera = Camera([b"0", b"1", b"2"], rate=10, clock=clock, sleep=clock.sleep)
    camera.open()
    assert camera.take() == (b"0", 100.0)
    clock.sleep(0.05)
    assert camera.take() == (b"1", pytest.approx(100.1))
    clock.sleep(0.35)
    assert camera.take() == (b"1", pytest.approx(100.4))
    assert camera.dropped == 2


def test_measuring_leaves_the_mode_of_the_network() -> None:
    network = ClipNetwork(nn.Conv2d(3, 4, 3), Order()).train()
    clock = Clock()
    measure_live(network, CLIP, CPU, stage(clock, predictions=2))
    assert network.training
