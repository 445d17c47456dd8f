"""From outputs of clips to scores of tracks, whatever the clip and stride."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, float32

from abawbench.contracts import PluginError, Task, Track
from abawbench.harness.data.clips import ClipIndex
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.learn.postprocessing import finish_scores
from abawbench.harness.request.protocol import Protocol
from abawbench.losses import scores_of

Forward = Callable[[Sequence[ClipIndex]], Tensor]
"""Clips to their logits [B, K] or [B, T, K]."""
Scores = NDArray[np.float32]
"""Of one track: [n_frames, K], or [1, K] for a track-level task."""


class TrackScores:
    """The scores of some tracks, added up clip by clip.

    A frame in several clips gets the mean of their outputs, a track-level task the mean over its clips; the frames that
    only pad a clip count in neither.
    """

    def __init__(self, tracks: Sequence[Track], inputs: Inputs, task: Task) -> None:
        self._tracks, self._inputs, self._task = tracks, inputs, task
        rows = {inputs.number_of(track): 1 if task.level == "track" else track.n_frames for track in tracks}
        self._sums = {number: np.zeros((count, len(task.outputs))) for number, count in rows.items()}
        self._counts = {number: np.zeros((count, 1)) for number, count in rows.items()}

    def add(self, clips: Sequence[ClipIndex], logits: Tensor) -> None:
        """Take in the logits of clips. Raises PluginError when they have another shape than the contract's."""
        length, outputs = len(clips[0].frames), len(self._task.outputs)
        each = (len(clips), length, outputs)
        if logits.shape not in (each, (each[0], each[2])):
            raise PluginError(
                f"the head gave logits of shape {list(logits.shape)} for {each[0]} clips of {each[1]} frames and "
                f"{each[2]} outputs of task '{self._task.name}'; [B, T, K] is {list(each)}"
            )
        scores = scores_of(logits.to(float32), self._task).cpu().numpy().astype(np.float64)
        for clip, output in zip(clips, scores, strict=True):
            per_frame = np.broadcast_to(output, (length, outputs))[clip.real]
            at = slice(0, 1) if self._task.level == "track" else clip.frames[clip.real]
            self._sums[clip.track][at] += per_frame.mean(axis=0) if self._task.level == "track" else per_frame
            self._counts[clip.track][at] += 1

    def finish(self, protocol: Protocol) -> list[Scores]:
        """Return the scores of the tracks in order, filled and smoothed as the protocol says."""
        effective = protocol.for_task(self._task)
        found = []
        for track in self._tracks:
            number = self._inputs.number_of(track)
            means = self._sums[number] / self._counts[number]
            found.append(finish_scores(means, self._inputs.images_of(track).rows, effective))
        return found
