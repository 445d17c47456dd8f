"""The predictor ``colour-ridge``: fitted to whole tracks, it predicts whole tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from abawbench.contracts import BaseSettings, LabelledTrack, Labels, Predictor, Task, Track
from numpy.typing import NDArray

Rows = NDArray[np.float64]
CHUNK = 256
"""Images that are read at once."""


@dataclass(kw_only=True)
class ColourRidgeModelSettings(BaseSettings):
    """Its numbers; ``--set name=value`` overrides each."""

    ridge: float = 1.0
    """How strongly large coefficients are held back."""


class ColourRidgeModel(Predictor):
    """Ridge regression on the mean colours of the quarters of each face."""

    inputs = frozenset({"frames"})
    Settings = ColourRidgeModelSettings
    settings: ColourRidgeModelSettings

    def fit(self, task: Task, tracks: Sequence[LabelledTrack], seed: int) -> None:
        """Learn from tracks and their labels; only annotated rows count."""
        colours = [colours_of(task, one.track) for one in tracks]
        self.coefficients: list[Rows] = []
        for number in range(len(parts_of(task))):
            labels = [labels_of(task, one.known, number) for one in tracks]
            x = np.concatenate([own[one.mask] for own, one in zip(colours, labels, strict=True)])
            y = np.concatenate([targets(parts_of(task)[number], one) for one in labels])
            squares = x.T @ x + self.settings.ridge * np.eye(x.shape[1])
            self.coefficients.append(np.linalg.solve(squares, x.T @ y))

    def predict(self, task: Task, track: Track) -> Rows:
        """Return the scores of a track, [n_frames, K], or [1, K] for a track-level task."""
        x = colours_of(task, track)
        found = [
            np.clip(x @ own, -1 if part.kind == "regression" else 0, 1)
            for part, own in zip(parts_of(task), self.coefficients, strict=True)
        ]
        return np.concatenate(found, axis=1)


def parts_of(task: Task) -> Sequence[Task]:
    """Return the tasks that a multi-task one is made of, or the task itself."""
    return task.parts or (task,)


def labels_of(task: Task, labels: Labels, number: int) -> Labels:
    """Return the labels of one part."""
    return task.part_labels(labels, number) if task.parts else labels


def targets(task: Task, labels: Labels) -> Rows:
    """Return the annotated labels as the scores that would be right, [N, K]."""
    values = labels.values[labels.mask]
    if task.kind == "multiclass":
        return np.eye(len(task.outputs))[values.astype(np.intp)]
    return values.reshape(len(values), -1).astype(np.float64)


def colours_of(task: Task, track: Track) -> Rows:
    """Return the mean colours of every frame and a 1, [n_frames, 13]; of a track-level task their mean, [1, 13]."""
    rows = []
    for start in range(0, track.n_frames, CHUNK):
        images, there = track.frames(np.arange(start, min(start + CHUNK, track.n_frames)))
        middle, centre = images.shape[1] // 2, images.shape[2] // 2
        quarters = [
            images[:, y, x].mean(axis=(1, 2)) / 255
            for y in (slice(middle), slice(middle, None))
            for x in (slice(centre), slice(centre, None))
        ]
        rows.append(np.where(there[:, None], np.concatenate(quarters, axis=1), 0.5))
    colours = np.concatenate(rows)
    colours = np.concatenate([colours, np.ones((len(colours), 1))], axis=1)
    return colours.mean(axis=0, keepdims=True) if task.level == "track" else colours
