"""A toy world that takes milliseconds: one database in memory, one task, one network, as plugins."""

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.contracts import (
    Clip,
    Database,
    DatabaseDeclaration,
    Labels,
    Model,
    ModelDeclaration,
    Recipe,
    Task,
    TaskDeclaration,
    Track,
    Weights,
)
from abawbench.contracts.dataset import Problems
from abawbench.hookspecs import hookimpl
from abawbench.nn import ClipNetwork, freeze, gather
from abawbench.plugins import Plugins

COLOURS = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250]], dtype=np.uint8)


class ToyTrack(Track):
    """Frames whose colour is their class; one in ten has no image."""

    def __init__(self, name: str, subject: str, classes: NDArray[np.int64], exists: NDArray[np.bool_]) -> None:
        self.id, self.subject, self.classes, self.exists = name, subject, classes, exists
        self.n_frames, self.rate = len(classes), 30.0

    def frame_mask(self) -> NDArray[np.bool_]:
        return self.exists

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        images = np.broadcast_to(COLOURS[self.classes[indices]][:, None, None], (len(indices), 12, 12, 3)).copy()
        images[~self.exists[indices]] = 0
        return images, self.exists[indices]

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        return [(f"{self.id}/{i}", int(c), 0) if e else None
                for i, (c, e) in enumerate(zip(self.classes, self.exists, strict=True))]  # fmt: skip

    def labels(self, label: str) -> Labels | None:
        return Labels(self.classes, np.arange(self.n_frames) % 7 != 6)


class ToyDatabase(Database):
    """Eight training and five validation tracks of 9 to 25 frames."""

    name, synthetic = "toy", True

    def __init__(self) -> None:
        self.problems = Problems()

    def splits(self, label: str) -> Sequence[str]:
        return ("train", "val") if label == "colour" else ()

    def tracks(self, label: str, split: str) -> Sequence[Track]:
        random = np.random.default_rng(0 if split == "train" else 1)
        found = []
        for i in range(8 if split == "train" else 5):
            n = int(random.integers(9, 26))
            classes = np.repeat(random.integers(0, 3, n // 5 + 1), 5)[:n]
            found.append(ToyTrack(f"{split}{i}", f"{split}{i // 2}", classes, random.random(n) > 0.1))
        return found

    def fingerprint(self) -> str:
        return "toy"


class ToyHead(nn.Module):
    """One linear layer over the mean of a clip's frames."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(6, outputs)

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        logits: Tensor = self.linear(gather(features.mean(dim=(2, 3)), index).mean(dim=1))
        return logits


class ToyModel(Model):
    """A frozen random convolution and a trained linear layer."""

    name = "toy"

    def __init__(self, settings: Recipe) -> None:
        super().__init__(settings)
        self.clip = Clip(length=5, stride=5, size=16)

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        return Weights(source=spec or "toy", sha256="0" * 64)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        return ClipNetwork(freeze(nn.Conv2d(3, 6, 3, stride=2)), ToyHead(len(task.outputs)))


def toy_task() -> Task:
    return Task(
        name="colour",
        summary="",
        level="frame",
        kind="multiclass",
        outputs=("red", "green", "blue"),
        metric="macro-f1",
        database="toy",
        label="colour",
        edition=1,
        activation="softmax",
        loss="abawbench.losses:cross_entropy",
    )


def build_model(settings: Recipe) -> Model:
    return ToyModel(settings)


build_model.Settings = Recipe  # type: ignore[attr-defined]


def build_broken(settings: Recipe) -> Model:
    raise RuntimeError("this plugin is broken")


build_broken.Settings = Recipe  # type: ignore[attr-defined]


@hookimpl
def abawbench_tasks() -> list[TaskDeclaration]:
    return [TaskDeclaration(name="colour", summary="a toy", build="abawbench_toy:toy_task")]


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    return [
        ModelDeclaration(name="toy", summary="a toy", build="abawbench_toy:build_model"),
        ModelDeclaration(name="broken", summary="raises", build="abawbench_toy:build_broken"),
    ]


@hookimpl
def abawbench_databases() -> list[DatabaseDeclaration]:
    return [DatabaseDeclaration(name="toy", summary="a toy", build="abawbench_toy:build_database", generated=True)]


def build_database(**options: Any) -> ToyDatabase:
    return ToyDatabase()


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plugins:
    """The toy plugins beside the first-party ones; the cache lies in the test's own folder."""
    module = ModuleType("abawbench_toy")
    for name in (
        "abawbench_tasks",
        "abawbench_models",
        "abawbench_databases",
        "build_model",
        "build_broken",
        "build_database",
        "toy_task",
    ):
        setattr(module, name, globals()[name])
    monkeypatch.setitem(sys.modules, "abawbench_toy", module)
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    return Plugins([*entry_points(group="abawbench"), EntryPoint("toy", "abawbench_toy", "abawbench")], strict=True)


@pytest.fixture
def toy_database() -> ToyDatabase:
    return ToyDatabase()


@pytest.fixture
def toy_model() -> ToyModel:
    return ToyModel(Recipe())
