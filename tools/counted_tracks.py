"""For tests of scores: tracks without a picture, and the tasks as they are installed."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Task, Track
from abawbench.plugins import default_plugins


class Frames(Track):
    """A track that is only counted; its frames may be named by a pattern and a first number."""

    subject, rate = "somebody", 30.0

    def __init__(self, name: str, n_frames: int, pattern: str = "{:05d}.jpg", first: int = 1) -> None:
        self.id, self.n_frames, self._pattern, self._first = name, n_frames, pattern, first

    def frame_names(self) -> Sequence[str]:
        """Return the names of the official files, TRACK/FILE."""
        return [f"{self.id}/{self._pattern.format(i + self._first)}" for i in range(self.n_frames)]

    def frame_mask(self) -> NDArray[np.bool_]:
        """Fail: nobody who scores a file needs to know which images there are."""
        raise AssertionError("scoring a file looks at no image")

    frames = frame_files = frame_mask


@cache
def task(name: str) -> Task:
    """Return a task by its name."""
    found: Task = default_plugins().get("task", name).build()
    return found
