"""A network on the bench: as whole clips, with the tracks it was fitted to and those it is scored on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch import Tensor, nn

from abawbench.contracts import Example, Runtime
from abawbench.harness.data.clips import ClipIndex
from abawbench.harness.data.inputs import Inputs, no_inputs
from abawbench.harness.data.steps import ReadLog
from abawbench.harness.data.whole import WholeClips
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.measure.counting import evaluation_mode
from abawbench.harness.measure.timing import Call
from abawbench.harness.request.splits import Split
from abawbench.progress import Progress
from abawbench.records.parity import Parity

BATCH = 4
"""Clips per call where a runtime predicts the scored split."""
CALIBRATION = 32
"""Training clips that ranges are taken from, spread over all of them."""
TIMED_CLIPS = 16
"""Clips of the scored split that take turns under the clock."""


@dataclass(frozen=True)
class ScoredClips:
    """Clips of the scored split as the network is called with them, and the logits they were scored by."""

    examples: list[Example]
    answers: list[Tensor] | None
    """None where a run's answers to these clips are not known."""


class Bench:
    """What runtimes are compared on. ``inputs`` are those that the run scored from, where it is at hand."""

    def __init__(self, learner: NetworkLearner, split: Split, inputs: Inputs | None = None) -> None:
        self.learner, self.split, self._inputs = learner, split, inputs
        self._compiled: dict[tuple[str, int, int], Call] = {}
        tracks = [one.track for one in split.score]
        self.whole = WholeClips(learner.model, tracks, learner.setting.protocol)
        shown = {"frames": self.whole.images} if self.whole.images else {}
        self._shown = Inputs(tracks, shown, ReadLog())
        self._clips = self._shown.clips(tracks, learner.model)

    @property
    def network(self) -> nn.Module:
        """The network itself."""
        return self.learner.network

    def scored_clips(self, most: int = TIMED_CLIPS) -> ScoredClips | None:
        """Return some clips of the scored split, spread over all of it; None where it has none or none is wanted."""
        if not self._clips or not most:
            return None
        chosen = [self._clips[at] for at in np.unique(np.linspace(0, len(self._clips) - 1, most, dtype=int))]
        examples = [self._example([clip]) for clip in chosen]
        if self._inputs is None or not self.whole.exact or self.learner.setting.protocol.stand_in == "zero":
            return ScoredClips(examples, None)
        own = self._inputs
        forward = self.learner.forward_on(own)
        with torch.inference_mode():
            answers = [
                forward([ClipIndex(own.number_of(self._shown.tracks[clip.track]), clip.frames, clip.real)])
                for clip in chosen
            ]
        return ScoredClips(examples, answers)

    def compile(self, runtime: Runtime, example: Example) -> Call:
        """Return the network by a runtime for such an example; compiled once for a batch and a number of threads.

        Raises UsageError where this machine cannot do it.
        """
        size = len(_first(example))
        key = (runtime.name, size, torch.get_num_threads())
        if key not in self._compiled:
            ranges = self._calibration(size) if runtime.calibrates else ()
            self._compiled[key] = runtime.compile(self.network, example, ranges)
        return self._compiled[key]

    def eager(self, *example: Tensor) -> Tensor:
        """Return the network's logits as PyTorch computes them."""
        with evaluation_mode(self.network), torch.inference_mode():
            logits: Tensor = self.network(*example)
            return logits

    def example(self, batch: int = BATCH) -> Example:
        """Return the first clips of the scored split, repeated where there are fewer."""
        return self._example([self._clips[n % len(self._clips)] for n in range(batch)])

    def predict(self, call: Callable[..., Tensor], progress: Progress | None = None) -> list[Scores]:
        """Return the scores of the scored tracks by a callable for ``BATCH`` clips."""

        def forward(clips: Sequence[ClipIndex]) -> Tensor:
            # a runtime takes exactly the batch that it was compiled for
            full = [*clips, *[clips[0]] * (BATCH - len(clips))]
            return call(*self._example(full))[: len(clips)]

        return self.learner.predict(self._shown, self._shown.tracks, progress, forward, BATCH)

    def value(self, scores: Sequence[Scores]) -> float | None:
        """Return the official value of scores, None where the scored tracks have no labels."""
        if any(one.labels is None for one in self.split.score):
            return None
        return self.learner.value(self.split.score, scores)

    def _calibration(self, batch: int) -> list[Example]:
        """Return training clips, ``batch`` of them at a time."""
        tracks = [one.track for one in self.split.fit]
        whole = WholeClips(self.learner.model, tracks, self.learner.setting.protocol)
        clips = no_inputs(tracks).clips(tracks, self.learner.model)
        # at least one batch: a large one has clips several times
        places = np.resize(np.linspace(0, len(clips) - 1, CALIBRATION, dtype=int), max(CALIBRATION, batch))
        chosen = [clips[i] for i in places] if clips else []
        groups = [chosen[start : start + batch] for start in range(0, len(chosen), batch)]
        return [self._to_device(whole.example(group)) for group in groups if len(group) == batch]

    def _example(self, clips: Sequence[ClipIndex]) -> Example:
        return self._to_device(self.whole.example(clips))

    def _to_device(self, example: Example) -> Example:
        return send_to_device(example, self.learner.setting.device)  # type: ignore[no-any-return]


def _first(example: Example) -> Tensor:
    return next(x for x in torch.utils._pytree.tree_leaves(example) if isinstance(x, Tensor))


def measure_parity(
    bench: Bench, runtime: Runtime, progress: Progress, call: Callable[..., Tensor] | None = None
) -> Parity:
    """Return how far a runtime is from eager execution; ``call`` is the network by the runtime, compiled if absent."""
    if call is None:
        progress.note(f"compile by {runtime.name}, {BATCH} clips a call, {torch.get_num_threads()} threads")
        call = bench.compile(runtime, bench.example(BATCH))
    eager = bench.predict(bench.eager, progress)
    return compare_scores(bench, runtime, eager, bench.predict(call, progress))


def compare_scores(bench: Bench, runtime: Runtime, eager: list[Scores], found: list[Scores]) -> Parity:
    """Return how far a runtime's scores of the tracks of a bench are from those of eager execution."""
    pairs = zip(found, eager, strict=True)
    gaps = np.concatenate([np.abs(one.astype(np.float64) - other).ravel() for one, other in pairs])
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
