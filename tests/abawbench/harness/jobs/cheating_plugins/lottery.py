"""A task that nobody can learn: labels are drawn at random, and an image tells only which one it is."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from abawbench.contracts import (
    Database,
    DatabaseDeclaration,
    Declaration,
    LabelledTrack,
    Labels,
    Task,
    TaskDeclaration,
    Track,
)
from abawbench.hookspecs import hookimpl

FRAMES = 20


class Ticket(Track):
    """A track whose images tell which track and which frame they are, and nothing else."""

    rate, n_frames = 30.0, FRAMES

    def __init__(self, split: str, number: int) -> None:
        self.id, self.subject = f"{split}{number}", f"{split}{number // 2}"
        self.number = number + 100 * (split == "val")
        self.exists = np.ones(FRAMES, dtype=bool)

    def frame_mask(self) -> Any:
        return self.exists

    def frames(self, indices: Any) -> Any:
        images = np.zeros((len(indices), 8, 8, 3), dtype=np.uint8)
        images[..., 0], images[..., 1] = self.number, np.asarray(indices)[:, None, None]
        return images, np.ones(len(indices), dtype=bool)

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        return [(f"{self.id}/{n}", 1, 1) for n in range(FRAMES)]


class Lottery(Database):
    """Six tracks to learn from and six to predict."""

    synthetic = True

    def splits(self, label: str) -> Sequence[str]:
        return ("train", "val") if label == "luck" else ()

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        random = np.random.default_rng(len(split))
        every = np.ones(FRAMES, dtype=bool)
        return [
            LabelledTrack(Ticket(split, n), Labels(random.choice(3, FRAMES, p=(0.5, 0.3, 0.2)), every))
            for n in range(6)
        ]

    def fingerprint(self) -> str:
        return "lottery"


class Leaking(Lottery):
    """Gives tracks that know their labels."""

    class Told(Ticket):
        def labels(self, label: str) -> Labels:
            return Labels(np.zeros(FRAMES, dtype=int), np.ones(FRAMES, dtype=bool))

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        return [LabelledTrack(self.Told(split, n), one.labels) for n, one in enumerate(super().tracks(label, split))]


def luck() -> Task:
    return Task(
        level="frame",
        kind="multiclass",
        outputs=("a", "b", "c"),
        metric="macro-f1",
        database="lottery",
        label="luck",
        edition=1,
        activation="softmax",
        loss="abawbench.losses:cross_entropy",
    )


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    return [
        TaskDeclaration(name="luck", summary="which class was drawn", build=f"{__name__}:luck"),
        *(
            DatabaseDeclaration(name=name, summary="drawn at random", build=f"{__name__}:{build}", generated=True)
            for name, build in (("lottery", "build_lottery"), ("leaking", "build_leaking"))
        ),
    ]


def build_lottery(**options: Any) -> Database:
    return Lottery()


def build_leaking(**options: Any) -> Database:
    return Leaking()
