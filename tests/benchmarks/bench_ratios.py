"""The parts that must stay fast, each beside the plainest code that gives the same: ``tox -e bench``."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from tabulate import tabulate

from abawbench.contracts import Clip, Track
from abawbench.harness.data.frames import CachedImages, ImageRules, Where, embed_images
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench.statistics.bootstrap import interval

RANDOM = np.random.default_rng(0)
FRAMES = 20_000


def group(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the mark that puts ``ours`` and ``plain`` of one thing side by side in the table."""
    return pytest.mark.benchmark(group=name, warmup=True, min_rounds=5)


def _aff_wild2(database: Any) -> Path:
    return next(path for path in database.folder.rglob("cropped_aligned") if "aff" in str(path)).parent


@group("indexing: open a database and list its tracks")
@pytest.mark.parametrize("how", ["ours", "plain"])
def bench_indexing(benchmark: Any, how: str, database: Any, plugins: Plugins) -> None:
    root = _aff_wild2(database)

    def ours() -> int:
        opened = plugins.get("database", "aff-wild2").build((root,))
        tracks = [one.track for one in opened.tracks("expr", "train")]
        return sum(track.n_frames + int(track.frame_mask().sum()) for track in tracks)

    def plain() -> int:
        files = sum(len(names) for _, _, names in os.walk(root / "cropped_aligned"))
        return files + sum(len(path.read_text().splitlines()) for path in root.rglob("*.txt"))

    assert benchmark(ours if how == "ours" else plain) > 0


@group("decoding: JPEG files to pixels")
@pytest.mark.parametrize("how", ["ours", "plain"])
def bench_decoding(benchmark: Any, how: str, tracks: list[Track], database: Any) -> None:
    root = _aff_wild2(database)
    files = [str(root / found[0]) for found in tracks[0].frame_files() if found is not None]
    indices = np.flatnonzero(tracks[0].frame_mask())

    def plain() -> int:
        return len([cv2.cvtColor(cv2.imread(file), cv2.COLOR_BGR2RGB) for file in files])

    assert benchmark((lambda: len(tracks[0].frames(indices)[0])) if how == "ours" else plain) == len(files)


@group("embedding: images through a frozen network")
@pytest.mark.parametrize("how", ["ours", "plain"])
def bench_embedding(
    benchmark: Any, how: str, tracks: list[Track], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    convolutions = [torch.nn.Conv2d(3, 32, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 3, 2)]
    network = torch.nn.Sequential(*convolutions, torch.nn.AdaptiveAvgPool2d(2))
    network.requires_grad_(False)
    rules, cpu = ImageRules(Clip(length=8, stride=8, size=112)), torch.device("cpu")
    caches = iter(range(1_000_000))

    def ours() -> None:
        monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / str(next(caches))))  # nothing is read back
        found = embed_images(network, tracks[:2], rules, Where(cpu, Progress()))
        assert isinstance(found, CachedImages)
        assert found.log.cached == 0

    def plain() -> None:
        with torch.inference_mode():
            for track in tracks[:2]:
                images, _ = track.frames(np.flatnonzero(track.frame_mask()))
                small = np.stack([cv2.resize(image, (112, 112)) for image in images])
                for batch in torch.from_numpy(small).permute(0, 3, 1, 2).split(32):
                    network(batch.float() / 255)

    benchmark(ours if how == "ours" else plain)


@group("scoring: macro F1 of 20,000 frames")
@pytest.mark.parametrize("how", ["ours", "plain"])
def bench_scoring(benchmark: Any, how: str, plugins: Plugins) -> None:
    task = plugins.get("task", "expr").build()
    metric = plugins.get("metric", "macro-f1").build(task)
    target, predicted = RANDOM.integers(0, 8, (2, FRAMES))
    mask = np.ones(FRAMES, dtype=bool)

    def ours() -> float:
        return float(metric.value(metric.statistics(predicted, target, mask)))

    def plain() -> float:
        return float(f1_score(target, predicted, average="macro"))

    assert benchmark(ours if how == "ours" else plain) == pytest.approx(plain())


@group("bootstrap: 100 replicates of CCC, 76 tracks")
@pytest.mark.parametrize("how", ["ours", "plain"])
def bench_bootstrap(benchmark: Any, how: str, plugins: Plugins) -> None:
    task = plugins.get("task", "va").build()
    metric = plugins.get("metric", "ccc").build(task)
    target = [RANDOM.uniform(-1, 1, (n, 2)) for n in RANDOM.integers(100, 500, 76)]
    predicted = [np.clip(y + 0.3 * RANDOM.normal(size=y.shape), -1, 1) for y in target]
    masks = [np.ones(len(y), dtype=bool) for y in target]
    statistics = np.stack([metric.statistics(*rows) for rows in zip(predicted, target, masks, strict=True)])

    def plain() -> None:
        values = []
        for _ in range(100):
            drawn = RANDOM.integers(0, 76, 76)
            x, y = (np.concatenate([side[i] for i in drawn]) for side in (predicted, target))
            gap = (x.mean(0) - y.mean(0)) ** 2
            ccc = 2 * ((x - x.mean(0)) * (y - y.mean(0))).mean(0) / (x.var(0) + y.var(0) + gap)
            values.append(ccc.mean())
        np.quantile(values, (0.025, 0.975))

    benchmark((lambda: interval(metric.value, statistics, replicates=100)) if how == "ours" else plain)


@group("table: 60 runs as Markdown")
@pytest.mark.parametrize("how", ["ours", "plain"])
def bench_table(benchmark: Any, how: str) -> None:
    from datetime import UTC, datetime

    from abawbench.records.record import DatabaseRecord, Record, Score
    from abawbench.report.table import table

    at = datetime(2026, 1, 1, tzinfo=UTC)
    on = DatabaseRecord(name="d", synthetic=True, fingerprint="", split="val")
    given = {"abawbench": "0", "job": "0" * 8, "started": at, "finished": at, "task": "va", "edition": 8}
    records = [
        Record(**given, level="frame", database=on, model=f"m{i}", seed=i, score=Score(metric="ccc", value=i / 60))
        for i in range(60)
    ]

    def plain() -> str:
        rows = [[r.model, r.task, r.score.metric, f"{r.score.value:.3f}"] for r in records if r.score]
        return tabulate(rows, headers=["model", "task", "metric", "value"], tablefmt="github", disable_numparse=True)

    assert "m59" in benchmark((lambda: table(records, "github")) if how == "ours" else plain)


@group("start: the command line's help in a new process")
@pytest.mark.parametrize("how", ["ours", "plain"])
def bench_start(benchmark: Any, how: str) -> None:
    command = ["-m", "abawbench", "--help"] if how == "ours" else ["-c", "import click"]

    def call() -> int:
        return subprocess.run([sys.executable, *command], capture_output=True, check=False).returncode

    assert benchmark.pedantic(call, rounds=5, warmup_rounds=1) == 0
