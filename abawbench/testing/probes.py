"""Small tasks, labels and tracks that plugins are tried on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import LabelledTrack, Labels, Task, Track
from abawbench.contracts.task import Activation, Kind, Level


def _task(name: str, kind: Kind, outputs: int, activation: Activation, loss: str, level: Level = "frame") -> Task:
    return Task(
        name=name,
        level=level,
        kind=kind,
        outputs=tuple(f"output{i}" for i in range(outputs)),
        metric="ccc" if kind == "regression" else "macro-f1",
        database="none",
        label=name,
        edition=1,
        activation=activation,
        loss=f"abawbench.losses:{loss}",
        ranges=(-1.0, 1.0) if kind == "regression" else None,
    )


PROBES = (
    _task("probe-regression", "regression", 2, "tanh", "concordance"),
    _task("probe-classes", "multiclass", 3, "softmax", "cross_entropy"),
    _task("probe-labels", "multilabel", 4, "sigmoid", "binary_cross_entropy"),
    _task("probe-tracks", "multiclass", 2, "softmax", "cross_entropy", "track"),
)


class Frames(NamedTuple):
    """Scores and decisions beside labels of N frames, [N, ...] each; see ``Task``."""

    scores: NDArray[Any]
    prediction: NDArray[Any]
    target: NDArray[Any]
    mask: NDArray[np.bool_]

    def take(self, which: Any) -> "Frames":
        """Return some of the frames."""
        return Frames(*(values[which] for values in self))


def scores_like(task: Task, n: int, seed: int) -> NDArray[np.float64]:
    """Return random scores [n, K] that the task's activation could have given."""
    random = np.random.default_rng(seed)
    if task.parts:
        return np.concatenate([scores_like(part, n, seed + i) for i, part in enumerate(task.parts)], axis=1)
    shape = (n, len(task.outputs))
    if task.kind == "multiclass":
        raw = random.random(shape) + 1e-3
        return np.asarray(raw / raw.sum(axis=1, keepdims=True))
    low, high = task.ranges or ((-1.0, 1.0) if task.kind == "regression" else (0.0, 1.0))
    return random.uniform(low, high, shape)


def labels_like(task: Task, n: int, seed: int) -> NDArray[Any]:
    """Return random labels in the shape of the task's kind, every class there where n allows it."""
    if task.parts:
        columns = [labels_like(part, n, seed + i) for i, part in enumerate(task.parts)]
        return np.column_stack(columns).astype(np.float64)
    random = np.random.default_rng(seed)
    if task.kind == "regression":
        return scores_like(task, n, seed)
    if task.kind == "multiclass":
        return random.permutation(np.arange(n) % len(task.outputs))
    return random.integers(0, 2, (n, len(task.outputs)))


def draw(task: Task, n: int, seed: int = 0, masked: float = 0.2) -> Frames:
    """Return n frames of a task; about a share ``masked`` of them is not annotated, but holds plausible labels."""
    random = np.random.default_rng(seed + 1000)
    scores = scores_like(task, n, seed)
    shape = (n, len(task.parts)) if task.parts else (n,)
    return Frames(scores, task.decide(scores), labels_like(task, n, seed + 1), random.random(shape) >= masked)


class ProbeTrack(Track):
    """A track in memory: noise for images, one in eight missing."""

    def __init__(self, number: int, task: Task, n_frames: int = 24, seed: int = 0) -> None:
        self.id, self.subject, self.n_frames, self.rate = f"probe{number}", f"probe{number}", n_frames, 30.0
        self._task, self._seed = task, seed + number

    def frame_mask(self) -> NDArray[np.bool_]:
        """Return which images are there."""
        return np.asarray(np.arange(self.n_frames) % 8 != 5)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the images asked for."""
        random = np.random.default_rng(self._seed)
        every = random.integers(0, 256, (self.n_frames, 32, 32, 3), dtype=np.uint8)
        exists = self.frame_mask()
        every[~exists] = 0
        return every[indices], exists[indices]

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        """Return keys of the images."""
        return [(f"{self.id}/{i}", 1, 0) if there else None for i, there in enumerate(self.frame_mask())]


def probe_tracks(task: Task, count: int) -> list[LabelledTrack]:
    """Return tracks in memory with labels of a task."""
    found = []
    for number in range(count):
        track = ProbeTrack(number, task)
        rows = 1 if task.level == "track" else track.n_frames
        drawn = draw(task, rows, number, masked=0.0 if rows == 1 else 0.2)
        found.append(LabelledTrack(track, Labels(drawn.target, drawn.mask)))
    return found


@contextmanager
def seed_inside(seed: int) -> Iterator[None]:
    """Seed torch and numpy inside, on one thread; the state of before comes back."""
    import torch

    state, threads, numpy_state = torch.get_rng_state(), torch.get_num_threads(), np.random.get_state()
    torch.manual_seed(seed)
    np.random.seed(seed)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_rng_state(state)
        torch.set_num_threads(threads)
        np.random.set_state(numpy_state)
