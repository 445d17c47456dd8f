"""Training from cached features beside the same training without a cache, and beside one where nothing can be kept.

    python tests/benchmarks/training_speed.py --threads 2

Wall time of an epoch after the first, taken from the steps of training; the three take turns, and a ratio is the median
over turns. Limits: 3.5 times as fast as without the cache, 10 times as fast as ``freeze=code``, and the metric of both
ways of the same training within the other's interval. Exit status 1: one of them is missed.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from time import perf_counter
from typing import Any

import click
import torch
from tabulate import tabulate

import abawbench
from abawbench.progress import Advance, Progress
from abawbench.records.record import Record

WAYS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "cached": ({}, {}),
    "uncached": ({}, {"ABAWBENCH_CACHE_LIMIT": "0"}),
    "freeze=code": ({"freeze": "code"}, {}),
}
LIMITS = {"uncached": 3.5, "freeze=code": 10.0}


class Steps(Progress):
    """Notes when each step of training ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.total = 0

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[Advance]:
        if not what.startswith("fit"):
            yield lambda steps: None
            return
        self.total, self.ends = total, [perf_counter()]
        yield lambda steps: self.ends.append(perf_counter())


def train(way: str, model: str, task: str, preset: str, epochs: int) -> tuple[list[float], Record]:
    """Return the seconds of each epoch after the first, and the record."""
    settings, environment = WAYS[way]
    kept = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    progress = Steps()
    try:
        with tempfile.TemporaryDirectory() as out:
            (record,) = abawbench.run(
                model, task, abawbench.Sources({"synthetic": ()}, preset), settings={"epochs": epochs, **settings},
                out=out, machine=abawbench.Machine(device="cpu", latency_seconds=0), progress=progress)  # fmt: skip
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    if record.status != "ok":
        raise SystemExit(f"{way}: {record.reason}")
    each = progress.total // epochs
    marks = progress.ends[::each]
    return [after - before for before, after in pairwise(marks[1:])], record


@click.command()
@click.option("--model", default="mnv4-tam", show_default=True)
@click.option("--task", default="va", show_default=True)
@click.option("--preset", default="small", show_default=True)
@click.option("--epochs", default=3, show_default=True, type=click.IntRange(2))
@click.option("--turns", default=2, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(model: str, task: str, preset: str, epochs: int, turns: int, threads: int) -> None:
    """Print seconds per epoch of each way, and the ratios to cached training."""
    torch.set_num_threads(threads)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    records: dict[str, Record] = {}
    for turn in range(turns):
        for way in WAYS:
            found, records[way] = train(way, model, task, preset, epochs)
            seconds[way].append(statistics.median(found))
            print(f"turn {turn + 1}: {way} {seconds[way][-1]:.2f} s an epoch", file=sys.stderr, flush=True)
    rows, missed = [], []
    for way in WAYS:
        ratio = statistics.median(s / c for s, c in zip(seconds[way], seconds["cached"], strict=True))
        score = records[way].score
        assert score is not None
        assert score.interval is not None
        rows.append([way, statistics.median(seconds[way]), ratio, LIMITS.get(way), score.value, score.interval.low,
                     score.interval.high])  # fmt: skip
        missed += [way] if ratio < LIMITS.get(way, 0) else []
    print(f"{model} on {task}, {preset}, {threads} threads, {turns} turns of {epochs} epochs")
    print(
        tabulate(
            rows, headers=["training", "s/epoch", "times cached", "at least", "metric", "low", "high"], floatfmt=".3g"
        )
    )
    cached, uncached = records["cached"].score, records["uncached"].score
    if not (cached and uncached and cached.interval and uncached.value is not None):
        raise SystemExit("no interval to compare the metrics by")
    if not (cached.interval.low or 0) <= uncached.value <= (cached.interval.high or 0):
        missed.append("the metric without the cache, which is outside the interval")
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
