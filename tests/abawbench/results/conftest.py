"""Records to write, read and print."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abawbench.plugins import Plugins
from abawbench.results import store
from abawbench.results.record import (
    Cost,
    Counts,
    DatabaseRecord,
    Epoch,
    Floor,
    Hardware,
    Interval,
    Latency,
    PartScore,
    PluginRecord,
    Record,
    Score,
    Seconds,
    Throughput,
    WeightsRecord,
)
from abawbench.results.track_statistics import TrackStatistics

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
            "score": Score(
                metric="concordance", value=value, interval=INTERVAL, parts={"valence": PartScore(value=0.5)}
            ),
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
