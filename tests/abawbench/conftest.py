"""A toy world that takes milliseconds (one database in memory, one task, one network, as plugins), and records."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import Distribution, EntryPoint, entry_points
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
    Declaration,
    LabelledTrack,
    Labels,
    Model,
    ModelDeclaration,
    Recipe,
    Task,
    TaskDeclaration,
    Track,
    Weights,
)
from abawbench.hookspecs import hookimpl
from abawbench.nn import ClipNetwork, freeze, gather
from abawbench.plugins import Plugins
from abawbench.records import store
from abawbench.records.record import (
    Cost,
    Counts,
    DatabaseRecord,
    Epoch,
    Hardware,
    Latency,
    PluginRecord,
    Record,
    Seconds,
    Throughput,
    WeightsRecord,
)
from abawbench.records.scores import Floor, Interval, PartScore, Score
from abawbench.records.track_statistics import TrackStatistics

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


class ToyDatabase(Database):
    """Eight training and five validation tracks of 9 to 25 frames."""

    name, synthetic = "toy", True

    def splits(self, label: str) -> Sequence[str]:
        return ("train", "val") if label == "colour" else ()

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        random = np.random.default_rng(0 if split == "train" else 1)
        found = []
        for i in range(8 if split == "train" else 5):
            n = int(random.integers(9, 26))
            classes = np.repeat(random.integers(0, 3, n // 5 + 1), 5)[:n]
            subject = f"{split}{i // 2 if split == 'train' else i}"  # five are scored: from fewer nothing is claimed
            track = ToyTrack(f"{split}{i}", subject, classes, random.random(n) > 0.1)
            found.append(LabelledTrack(track, Labels(classes, np.arange(n) % 7 != 6)))
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
def abawbench_plugins() -> list[Declaration]:
    return [
        TaskDeclaration(name="colour", summary="a toy", build="abawbench_toy:toy_task"),
        ModelDeclaration(name="toy", summary="a toy", build="abawbench_toy:build_model"),
        ModelDeclaration(name="broken", summary="raises", build="abawbench_toy:build_broken"),
        DatabaseDeclaration(name="toy", summary="a toy", build="abawbench_toy:build_database", generated=True),
    ]


def build_database(**options: Any) -> ToyDatabase:
    return ToyDatabase()


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plugins:
    """The toy plugins beside the first-party ones; the cache lies in the test's own folder."""
    module = ModuleType("abawbench_toy")
    for name in (
        "abawbench_plugins",
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


class _Installed(Distribution):
    """A distribution that is nowhere on the disk."""

    def __init__(self, name: str, version: str) -> None:
        self._metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


@pytest.fixture
def entry_point() -> Callable[..., EntryPoint]:
    """Return a function that makes the entry point of a module as a distribution that was installed has it."""

    def make(module: str, distribution: str, version: str) -> EntryPoint:
        point = EntryPoint(module.replace("_", "-"), module, "abawbench")
        vars(point)["dist"] = _Installed(distribution, version)
        return point

    return make


@pytest.fixture
def toy_database() -> ToyDatabase:
    return ToyDatabase()


@pytest.fixture
def toy_model() -> ToyModel:
    return ToyModel(Recipe())


STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
INTERVAL = Interval(low=0.380, high=0.441, method="track bootstrap, percentile", replicates=10_000, units="tracks")
ON = {"threads": 2, "device": "cpu", "runtime": "eager"}


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """A full record; keywords replace fields, and ``synthetic``, ``value`` and ``source`` reach into them."""

    def make(
        *, synthetic: bool = False, value: float | None = 0.412, source: str = "imagenet", **fields: Any
    ) -> Record:
        complete: dict[str, Any] = {
            "abawbench": "0.1.0",
            "job": "0f3a" * 16,
            "started": STARTED,
            "finished": STARTED + timedelta(seconds=9),
            "model": "mnv4-tam",
            "task": "va",
            "edition": 8,
            "level": "frame",
            "database": DatabaseRecord(
                name="synthetic" if synthetic else "aff-wild2", synthetic=synthetic, fingerprint="ab" * 32, split="val"
            ),
            "seed": 0,
            "settings": {"epochs": 10, "lr": 1e-3},
            "weights": WeightsRecord(source=source, licence="Apache-2.0"),
            "plugins": [
                PluginRecord(kind="task", name="va", distribution="abawbench", version="0.1.0", digest="cd" * 32)
            ],
            "score": Score(metric="ccc", value=value, interval=INTERVAL, parts={"valence": PartScore(value=0.5)}),
            "floor": Floor(value=0.0, what="the mean of the training labels"),
            "counts": Counts(tracks=3, frames=100, annotated_frames=90, coverage=1.0, frames_without_image=4),
            "cost": Cost(
                parameters_total=4_328_138,
                parameters_trained=3_066_474,
                macs_per_clip={"flop_counter": 1_784_100_000, "fvcore": 1_810_200_000},
                macs_per_frame={"flop_counter": 223_012_500, "fvcore": 226_275_000},
                latency=Latency(p50_ms=123.4, p90_ms=130.2, samples=64, batch=1, **ON),
                throughput=Throughput(clips_per_second=10.0, frames_per_second=80.4, batch=8, **ON),
                peak_memory_bytes=512_000_000,
            ),
            "training": [Epoch(epoch=0, loss=0.9, held_out=0.2)],
            "seconds": Seconds(read=1.0, fit=5.5),
            "hardware": Hardware(cpu="a processor", cores=2, threads=2),
            "versions": {"python": "3.11.7", "torch": "2.12.0"},
        }
        return Record(**complete | fields)

    return make


@pytest.fixture
def make_run(tmp_path: Path, make_record: Callable[..., Record]) -> Callable[..., Path]:
    """Write a run of va on made-up tracks to a folder and return it; ``noise`` is how bad the predictions are."""
    plugins = Plugins()
    task = plugins.get("task", "va").build()
    metric = plugins.get("metric", "ccc").build(task)

    def make(folder: str, *, noise: float = 0.3, tracks: int = 24, seed: int = 0, **fields: Any) -> Path:
        shared = np.random.default_rng(7)  # the labels, and what every model gets wrong in the same way
        own = np.random.default_rng(int(1000 * noise) + seed)
        rows = []
        for n in range(tracks):
            target = np.clip(shared.normal(0, 0.3, (20 + n, 2)), -1, 1)
            predicted = np.clip(target + shared.normal(0, 0.1, 2) + noise * own.normal(0, 1, target.shape), -1, 1)
            rows.append(metric.statistics(predicted, target, np.ones(len(target), bool)))
        statistics = TrackStatistics(
            tuple(f"t{n:02d}" for n in range(tracks)), tuple(f"s{n // 2:02d}" for n in range(tracks)), np.array(rows)
        )
        score = Score(metric="ccc", value=float(metric.value(statistics.values.sum(axis=0))))
        record = make_record(**{"score": score, "seed": seed, **fields})
        store.write(tmp_path / folder, record, statistics=statistics)
        return tmp_path / folder

    return make
