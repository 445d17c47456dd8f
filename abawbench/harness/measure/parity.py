"""A runtime beside eager execution on real clips: how far outputs and the metric move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.contracts import Clip, Inputs, Labels, Metric, Runtime, Task, Track, UsageError
from abawbench.harness.data.clips import clips_of, distinct
from abawbench.harness.data.features import LiveImages, Reading, normalise
from abawbench.harness.data.images import track_images
from abawbench.harness.learn.prediction import predict
from abawbench.harness.measure.counting import evaluating
from abawbench.harness.request.protocol import OFFICIAL, Protocol
from abawbench.harness.score.scoring import official
from abawbench.nn import gather
from abawbench.progress import Progress
from abawbench.records.parity import Parity

BATCH = 4
"""Clips per call."""
CALIBRATION = 32
"""Training clips that ranges are taken from, spread over all of them."""

CPU = torch.device("cpu")

Scores = dict[int, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A network and the clips on which runtimes are compared."""

    network: nn.Module
    clip: Clip
    task: Task
    metric: Metric
    training: Sequence[Track]
    """What a runtime may take ranges from."""
    scored: Sequence[Track]
    labels: Sequence[Labels]
    """Of the scored tracks, in their order; none where the metric would mean nothing."""
    protocol: Protocol = OFFICIAL
    device: torch.device = CPU
    progress: Progress

    def example(self, batch: int = BATCH) -> Inputs:
        """Return an input of zeros."""
        clip = self.clip
        return (torch.zeros(batch, clip.length, 3, clip.size, clip.size, device=self.device),)

    def calibration(self, batch: int = BATCH) -> list[Inputs]:
        """Return the clips that ranges are taken from, ``batch`` of them at a time."""
        source = _images(self.training, self.clip)
        clips = clips_of(range(len(self.training)), source, self.clip)
        chosen = [clips[i] for i in np.linspace(0, len(clips) - 1, CALIBRATION, dtype=int)] if clips else []
        found: list[Inputs] = []
        for start in range(0, len(chosen), batch):
            pairs, index = distinct(chosen[start : start + batch], source)
            images = normalise(source.gather(pairs)[0], self.clip).contiguous()
            found.append((gather(images, torch.from_numpy(index)).to(self.device),))
        return [inputs for inputs in found if len(inputs[0]) == batch]

    def compiled(self, runtime: Runtime, batch: int = BATCH) -> Callable[..., Tensor]:
        """Return the network by a runtime, for ``batch`` clips a call. Raises UsageError where it cannot be."""
        if runtime.calibrates:
            return runtime.compile(self.network, self.example(batch), self.calibration(batch))
        return runtime.compile(self.network, self.example(batch))

    def eager(self, *inputs: Tensor) -> Tensor:
        """Return the network's logits as PyTorch computes them."""
        with evaluating(self.network), torch.inference_mode():
            logits: Tensor = self.network(*inputs)
            return logits

    def scores(self, call: Callable[..., Tensor]) -> Scores:
        """Return the scores of the scored tracks by a callable for ``BATCH`` clips."""
        return predict(
            _Halves(call),
            self.clip,
            self.task,
            _images(self.scored, self.clip, self.protocol.stand_in),
            range(len(self.scored)),
            batch=BATCH,
            device=self.device,
            progress=self.progress,
            protocol=self.protocol,
        )

    def value(self, scores: Scores) -> float | None:
        """Return the official metric, None where there are no labels."""
        if not self.labels:
            return None
        return official(self.metric, self.task, [t.id for t in self.scored], list(scores.values()), self.labels)


def parity(
    bench: Bench, runtime: Runtime, compiled: Callable[[int], Callable[..., Tensor]], eager: Scores | None = None
) -> Parity:
    """Return how far a runtime is from eager execution, both of them on whole clips.

    ``compiled(BATCH)`` is the network by the runtime; ``eager`` holds the scores to compare with, made here if absent.
    """
    if eager is None:
        eager = bench.scores(bench.eager)
    found = bench.scores(compiled(BATCH))
    gaps = np.concatenate([np.abs(found[n].astype(np.float64) - eager[n]).ravel() for n in eager])
    return Parity(
        runtime=runtime.name,
        precision=runtime.precision,
        threads=torch.get_num_threads(),
        largest_difference=float(gaps.max()),
        mean_difference=float(gaps.mean()),
        scores=len(gaps),
        eager_value=bench.value(eager),
        value=bench.value(found),
    )


def require_frames(inputs: frozenset[str], model: str) -> None:
    """Raise UsageError for a model that sees more than frames."""
    if inputs != {"frames"}:
        others = ", ".join(sorted(inputs - {"frames"})) or "no frames"
        raise UsageError(f"model '{model}' takes {others}: runtimes are compared on models that see frames alone")


class _Halves(nn.Module):
    """A whole network in the two halves that prediction calls: images as they are, then everything."""

    def __init__(self, call: Callable[..., Tensor]) -> None:
        super().__init__()
        self.embed, self.head = nn.Identity(), _Whole(call)


class _Whole(nn.Module):
    def __init__(self, call: Callable[..., Tensor]) -> None:
        super().__init__()
        self._call = call

    def forward(self, images: Tensor, index: Tensor) -> Tensor:
        clips = gather(images.contiguous(), index)
        # a runtime takes exactly the batch that it was compiled for
        full = clips.new_zeros(BATCH, *clips.shape[1:])
        full[: len(clips)] = clips
        return self._call(full)[: len(clips)]


def _images(tracks: Sequence[Track], clip: Clip, stand_in: str | None = None) -> LiveImages:
    shown = [track_images(track.frame_mask(), stand_in is not None) for track in tracks]
    return LiveImages(shown, Reading(), tracks, clip, zero=stand_in == "zero")
