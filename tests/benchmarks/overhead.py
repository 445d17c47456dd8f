"""What the harness adds to prediction: beside a bare loop over the same clips and the same network.

    python tests/benchmarks/overhead.py --threads 2

Both read the images of the validation tracks from their files, prepare them and give the scores of every frame; they
take turns, and the ratio is the median over turns. Limit: 1.03. Exit status 1 beyond it. The scores must be the same.
"""

import random
import statistics
from collections.abc import Sequence
from time import perf_counter

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from abawbench.contracts import Clip, Metric, Model, Task, Track
from abawbench.harness.data.frames import ImageRules, LiveImages
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.learn.learner import NetworkLearner, Setting
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.protocol import OFFICIAL
from abawbench.plugins import default_plugins
from abawbench.system.repeatable import make_repeatable

LIMIT = 1.03
Scores = list[NDArray[np.float32]]


def by_harness(learner: NetworkLearner, tracks: Sequence[Track], batch: int) -> Scores:
    """Return the scores as a run makes them."""
    images = LiveImages(tracks, ImageRules(learner.model.clip))
    return learner.predict(Inputs(tracks, {"frames": images}, images.log), tracks, batch=batch)


def by_hand(learner: NetworkLearner, tracks: Sequence[Track], batch: int) -> Scores:
    """Return the scores by the plainest loop: clip after clip, a batch at a time, tanh of one output per clip."""
    network, clip, task = learner.network, learner.model.clip, learner.setting.task
    mean, std = (np.array(x, dtype=np.float32) for x in (clip.mean, clip.std))
    found = [np.zeros((track.n_frames, len(task.outputs)), dtype=np.float32) for track in tracks]
    waiting: list[tuple[int, int, NDArray[np.uint8]]] = []

    def flush() -> None:
        clips = np.stack([images for _, _, images in waiting]).astype(np.float32) / 255
        given = torch.from_numpy((clips - mean) / std).permute(0, 1, 4, 2, 3)
        with torch.inference_mode():
            scores = torch.tanh(network(given)).numpy()
        for (number, start, _), score in zip(waiting, scores, strict=True):
            found[number][start : start + clip.length] = score
        waiting.clear()

    for number, track in enumerate(tracks):
        nearest = shown_frames(track.frame_mask())
        for start in range(0, track.n_frames, clip.length):
            wanted = np.minimum(np.arange(start, start + clip.length), track.n_frames - 1)
            images, _ = track.frames(nearest[wanted])
            waiting.append((number, start, resized(images, clip)))
            if len(waiting) == batch:
                flush()
    if waiting:
        flush()
    return found


def shown_frames(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return for every frame the nearest one with an image, the later of two."""
    there = np.flatnonzero(mask)
    distance = np.abs(np.arange(len(mask))[:, None] - there[None, ::-1])
    return there[::-1][distance.argmin(axis=1)]


def resized(images: NDArray[np.uint8], clip: Clip) -> NDArray[np.uint8]:
    """Return images [T, size, size, 3]."""
    return np.stack([cv2.resize(image, (clip.size, clip.size)) for image in images])


@click.command()
@click.option("--model", "name", default="mnv4-tam", show_default=True)
@click.option("--preset", default="tiny", show_default=True)
@click.option("--batch", default=4, show_default=True)
@click.option("--turns", default=7, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(name: str, preset: str, batch: int, turns: int, threads: int) -> None:
    """Print the ratio of the harness's time to the bare loop's."""
    torch.set_num_threads(threads)
    plugins = default_plugins()
    task: Task = plugins.get("task", "va").build()
    builder = plugins.get("model", name).builder()
    model: Model = builder(builder.Settings())
    network = model.network(task, model.weights(None, synthetic=True)).eval()
    metric: Metric = plugins.get("metric", task.metric).build(task)
    setting = Setting(task=task, metric=metric, protocol=OFFICIAL, accelerator=accelerator_on("cpu", "no"))
    learner = NetworkLearner(model, network, setting)
    database = plugins.get("database", "synthetic").build(preset=preset, seed=0, progress=lambda *args: None)
    tracks = [one.track for one in database.tracks(task.label, "val") if one.track.frame_mask().any()]
    ways = {"harness": by_harness, "bare": by_hand}
    times: dict[str, list[float]] = {way: [] for way in ways}
    scores: dict[str, Scores] = {}
    for turn in range(-1, turns):
        order = list(ways)
        random.Random(turn).shuffle(order)
        for way in order:
            start = perf_counter()
            with make_repeatable(seed=0):  # as in a run
                scores[way] = ways[way](learner, tracks, batch)
            if turn >= 0:
                times[way].append(perf_counter() - start)
    gap = max(float(np.abs(a - b).max()) for a, b in zip(scores["harness"], scores["bare"], strict=True))
    ratios = [h / b for h, b in zip(times["harness"], times["bare"], strict=True)]
    frames = sum(track.n_frames for track in tracks)
    ratio = statistics.median(ratios)
    print(f"{name}, {frames} frames of {len(tracks)} tracks, batch {batch}, {threads} threads, {turns} turns")
    speeds = ", ".join(f"{way} {frames / statistics.median(found):.0f} frames/s" for way, found in times.items())
    print(f"{speeds}; harness/bare {ratio:.3f} [{min(ratios):.3f}, {max(ratios):.3f}], at most {LIMIT}")
    print(f"largest difference of a score {gap:.2g}")
    if gap > 1e-4:
        raise SystemExit("missed: the scores differ")
    if ratio > LIMIT:
        raise SystemExit(f"missed: the harness adds {ratio - 1:.1%}")


if __name__ == "__main__":
    main()
