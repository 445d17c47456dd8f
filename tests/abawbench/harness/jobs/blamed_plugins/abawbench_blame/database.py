"""The database: videos in grey."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from faults import reach

from abawbench.contracts import Database, LabelledTrack, Labels, Track


class Video(Track):
    n_frames, rate = 12, 30.0

    def __init__(self, split: str, number: int) -> None:
        self.id = self.subject = f"{split}{number}"
        self.grey = np.random.default_rng([len(split), number]).integers(0, 256, self.n_frames)

    def frame_mask(self) -> Any:
        return np.ones(self.n_frames, dtype=bool)

    def frames(self, indices: Any) -> Any:
        reach("database")
        grey = self.grey[indices].astype(np.uint8)[:, None, None, None]
        return np.broadcast_to(grey, (len(indices), 8, 8, 3)).copy(), np.ones(len(indices), dtype=bool)

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        return [(f"{self.id}/{n}", int(grey), 0) for n, grey in enumerate(self.grey)]

    def frame_names(self) -> Sequence[str]:
        reach("database")
        return super().frame_names()


class Greys(Database):
    synthetic = True

    def splits(self, label: str) -> Sequence[str]:
        return ("train", "val")

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        reach("database")
        found = []
        for number in range(4):
            video = Video(split, number)
            bright = video.grey > 127
            found.append(LabelledTrack(video, Labels(np.stack([bright, ~bright], axis=1).astype(int), bright | True)))
        return found

    def fingerprint(self) -> str:
        return "greys"


def build(**options: Any) -> Database:
    return Greys()
