"""Predictions of one large database in parts, by as many workers: the bits are those of one process.

A part is a row of the very batches that one process would make, for the outputs of a clip may depend in their last bits
on what else is in its batch; whoever asked adds all of them up in the same order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abawbench.contracts import Track, UsageError
from abawbench.harness.data.clips import ClipIndex, cut_clips
from abawbench.harness.data.frames import decide_caching_of
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.learn.prediction import Scores
from abawbench.harness.request.databases import Databases, Sources
from abawbench.harness.stored.load import StoredRun, find_run
from abawbench.plugins import default_plugins
from abawbench.progress import Progress
from abawbench.system.repeatable import make_repeatable

Logits = NDArray[np.float32]
"""Of one batch: [B, K] or [B, T, K]."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Who does the parts."""

    parts: int
    do: Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]
    """Given a function and what it is given for each part, returns what came of each."""
    sources: Sources
    """Where the database lies, for the workers."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a worker is to predict. Everything in it can be pickled."""

    run: Path
    weights: str | None
    assumptions: dict[str, str]
    sources: Sources
    split: str
    device: str


def predict_in_parts(
    run: StoredRun, learner: NetworkLearner, tracks: Sequence[Track], asked: Asked, spread: Spread, progress: Progress
) -> tuple[Inputs, list[Scores]]:
    """Return the inputs and the scores of tracks, the network at work wherever the parts are done.

    Raises UsageError where the features of a frozen part outgrow their cache: those of a part would be other bits.
    """
    caching = decide_caching_of(learner.network, learner.model, learner.setting.device, tracks)
    if caching is not None and caching.reason:
        raise UsageError(f"{run.folder}: {caching.reason}; raise the limit, or leave --shards out")
    found = spread.do(predict_part, [(asked, number, spread.parts) for number in range(spread.parts)])
    batches = iter([logits for part in found for logits in part])
    inputs = learner.embed(tracks, progress)

    def forward(clips: Sequence[ClipIndex]) -> Tensor:
        return torch.from_numpy(next(batches))

    return inputs, learner.predict(inputs, tracks, progress, forward)


def predict_part(asked: Asked, number: int, of: int) -> list[Logits]:
    """Return the logits of the batches of a part, in order."""
    plugins = default_plugins()
    run = find_run(asked.run, plugins, None, asked.weights, asked.assumptions)
    databases = Databases(plugins, asked.sources, Progress()).under(run.protocol.assumptions)
    _, database = databases.for_split(run.task, asked.split)
    tracks = [one.track for one in database.tracks(run.task.label, asked.split)]
    learner = run.learner(asked.device)
    batches = _cut_batches(learner, tracks)
    mine = batches[len(batches) * number // of : len(batches) * (number + 1) // of]
    needed = {track: place for place, track in enumerate(sorted({clip.track for one in mine for clip in one}))}
    with make_repeatable(run.record.seed), torch.inference_mode():
        inputs = learner.embed([tracks[track] for track in needed], Progress())
        forward = learner.forward_on(inputs)
        return [
            forward([replace(clip, track=needed[clip.track]) for clip in one]).to(torch.float32).cpu().numpy()
            for one in mine
        ]


def _cut_batches(learner: NetworkLearner, tracks: Sequence[Track]) -> list[list[ClipIndex]]:
    """Return the batches that one process makes of all tracks."""
    size = learner.model.settings.batch
    clips = [clip for at, track in enumerate(tracks) for clip in cut_clips(at, track.n_frames, learner.model.clip)]
    return [clips[at : at + size] for at in range(0, len(clips), size)]
