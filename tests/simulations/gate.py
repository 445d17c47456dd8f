"""The gate on three planted changes: ``python tests/simulations/gate.py [no-ops] [seconds]``.

A model made 3 points worse, one made slower by half, and a refactoring that changes nothing, measured again and again
while other processes keep the machine busy. Every measurement is a process of its own, as in CI.
"""

import multiprocessing as mp
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))
from population import population

from abawbench.compare.comparison import Speed
from abawbench.compare.gate import Check, check_speed
from abawbench.harness.measure.reference import relative_time
from abawbench.harness.measure.timing import Conditions
from abawbench.records.record import RelativeTime
from abawbench.statistics.paired import compare_paired

LIMIT = 1.25
SHIPPED = 5.0
"""Seconds that ``abawbench run`` gives each clock, a twelfth of --latency-seconds."""


def measure(extra: int, seconds: float) -> RelativeTime:
    """Return the timing of a small network; ``extra`` of its 6 blocks are run twice."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    blocks = [nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.Hardswish()) for _ in range(6)]
    network = nn.Sequential(nn.Conv2d(3, 32, 3, 2), *blocks, *blocks[:extra]).eval()

    def call(x: Tensor) -> Tensor:
        with torch.inference_mode():
            found: Tensor = network(x)
            return found

    return relative_time(call, torch.zeros(4, 3, 112, 112), Conditions(seconds=seconds))


def burn(stop: float) -> None:
    """Keep a core busy in bursts of random length."""
    random = np.random.default_rng(os.getpid())
    while time.time() < stop:
        busy = time.perf_counter() + random.exponential(0.05)
        while time.perf_counter() < busy:
            np.ones((200, 200)) @ np.ones((200, 200))
        time.sleep(random.exponential(0.05))


def accuracy() -> None:
    """Print what the gate's interval says of a model made about 3 points worse, on 76 tracks."""
    for name, share in (("ccc", 0.16), ("macro-f1", 0.11), ("pearson", 0.17)):
        pool = population(name, 2_000, seed=6, spoilt=share)
        random, failed = np.random.default_rng(0), 0
        for seed in range(200):
            rows = pool.statistics[random.integers(0, len(pool.statistics), 76)]
            found = compare_paired(pool.metric.value, rows[:, 0], rows[:, 1], replicates=1_000, seed=seed)
            failed += found.high < 0
        drop = float(pool.truth[0] - pool.truth[1])
        print(
            f"{name}: a model {drop:.3f} worse, allowed drop 0: fails in {failed} of 200 samples of 76 tracks",
            flush=True,
        )


def main(repeats: int = 100, seconds: float = SHIPPED) -> None:
    """Print the figures."""
    accuracy()
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["gate"])  # torch is imported once; every measurement is still a process of its own

    def apart(extra: int) -> RelativeTime:
        with context.Pool(1) as pool:
            return pool.apply(measure, (extra, seconds))

    def judged(base: RelativeTime, extra: int, times: int) -> list[Check]:
        return [check_speed("", Speed(a=base, b=apart(extra)), LIMIT) for _ in range(times)]

    def show(what: str, found: list[Check]) -> None:
        counts = {kind: sum(check.outcome == kind for check in found) for kind in ("pass", "fail", "unsure")}
        times = sorted(float(check.words.split(" ")[0]) for check in found)
        clock = sum("processor" in check.words for check in found)
        print(f"{what}: {counts}; ratios {times[0]} to {times[-1]}; {clock} by processor time", flush=True)

    print(f"latency, limit {LIMIT}, one unloaded baseline, {seconds:g} s each")
    base = apart(0)
    show("half of the blocks run twice", judged(base, 3, 3))
    loads = [context.Process(target=burn, args=(time.time() + 3600,)) for _ in range(os.cpu_count() or 1)]
    for load in loads:
        load.start()
    try:
        show("the same under load", judged(base, 3, max(1, repeats // 10)))
        show("no-op under load", judged(base, 0, repeats))
    finally:
        for load in loads:
            load.terminate()


if __name__ == "__main__":
    main(*(type_(word) for type_, word in zip((int, float), sys.argv[1:], strict=False)))
