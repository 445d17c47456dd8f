"""Predictions for every frame of every track, whatever the clip and stride."""

from collections.abc import Sequence

import numpy as np
import torch
from accelerate.utils import send_to_device
from numpy.typing import NDArray
from torch import nn

from abawbench.contracts import Clip, PluginError, Task
from abawbench.harness.data.clips import clips_of, given
from abawbench.harness.data.features import Features
from abawbench.harness.learn.postprocessing import finished
from abawbench.harness.learn.training import Trained
from abawbench.harness.request.protocol import OFFICIAL, Protocol
from abawbench.losses import scores_of
from abawbench.progress import Progress


def predict(
    network: nn.Module,
    clip: Clip,
    task: Task,
    features: Features,
    numbers: Sequence[int],
    *,
    batch: int,
    device: torch.device,
    progress: Progress | None = None,
    protocol: Protocol = OFFICIAL,
) -> dict[int, NDArray[np.float32]]:
    """Return the scores of each track by number: float32 [n_frames, K], or [1, K] for a track-level task.

    A frame in several clips gets the mean of their outputs, a track-level task the mean over its clips; the frames
    that only pad a clip count in neither. Then frames without an image are filled and scores smoothed, as the
    protocol says.
    """
    clips = clips_of(numbers, features, clip)
    rows = {n: 1 if task.level == "track" else len(features.images[n].shows) for n in numbers}
    sums = {n: np.zeros((rows[n], len(task.outputs))) for n in numbers}
    counts = {n: np.zeros((rows[n], 1)) for n in numbers}
    module = Trained(network, clip).eval()
    batches = [clips[i : i + batch] for i in range(0, len(clips), batch)]
    for chosen in (progress or Progress()).track(batches, f"predict {task.name}", len(batches), "batch"):
        with torch.inference_mode():
            logits = module(*send_to_device(given(chosen, features), device))
            each = (len(chosen), clip.length, len(task.outputs))
            if logits.shape not in (each, (each[0], each[2])):
                raise PluginError(
                    f"the head gave logits of shape {list(logits.shape)} for {each[0]} clips of {each[1]} frames and "
                    f"{each[2]} outputs of task '{task.name}'; [B, T, K] is {list(each)}"
                )
            outputs = scores_of(logits.to(torch.float32), task).cpu().numpy().astype(np.float64)
        for one, output in zip(chosen, outputs, strict=True):
            per_frame = np.broadcast_to(output, (len(one.frames), output.shape[-1]))[one.real]
            if task.level == "track":
                sums[one.track][0] += per_frame.mean(axis=0)
                counts[one.track][0] += 1
            else:
                sums[one.track][one.frames[one.real]] += per_frame
                counts[one.track][one.frames[one.real]] += 1
    effective = protocol.for_task(task)
    return {n: finished(sums[n] / counts[n], features.images[n].rows, effective) for n in numbers}
