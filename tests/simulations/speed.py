"""Time of 10,000 replicates on VA-validation-sized data, against resampling and recomputing, in the same run."""

import sys
from time import perf_counter

import numpy as np

from abawbench.plugins import Plugins
from abawbench.statistics.bootstrap import interval

TRACKS, FRAMES, LOOPS = 76, 330_000, 5


def main(rounds: int = 7) -> None:
    """Print the median of interleaved rounds."""
    plugins, random = Plugins(), np.random.default_rng(0)
    metric = plugins.get("metric", "ccc").build(plugins.get("task", "va").build())
    lengths = np.diff([0, *np.sort(random.choice(FRAMES, TRACKS - 1, replace=False)), FRAMES])
    target = [random.uniform(-1, 1, (n, 2)) for n in lengths]
    predicted = [np.clip(y + 0.3 * random.normal(size=y.shape), -1, 1) for y in target]
    masks = [np.ones(n, dtype=bool) for n in lengths]
    statistics = np.stack([metric.statistics(*rows) for rows in zip(predicted, target, masks, strict=True)])
    ours, plain = [], []
    for seed in range(rounds):
        start = perf_counter()
        interval(metric.value, statistics, seed=seed)
        ours.append(perf_counter() - start)
        start = perf_counter()
        for _ in range(LOOPS):
            drawn = random.integers(0, TRACKS, TRACKS)
            x, y = (np.concatenate([side[i] for i in drawn]) for side in (predicted, target))
            gap = (x.mean(0) - y.mean(0)) ** 2
            (2 * ((x - x.mean(0)) * (y - y.mean(0))).mean(0) / (x.var(0) + y.var(0) + gap)).mean()
        plain.append((perf_counter() - start) / LOOPS * 10_000)
    print(f"{TRACKS} tracks, {FRAMES} frames, 10,000 replicates, median of {rounds} interleaved rounds")
    print(
        f"one product {np.median(ours):.3f} s; resampling and recomputing {np.median(plain):.0f} s (from {LOOPS});",
        end=" ",
    )
    print(f"ratio {np.median(np.array(plain) / np.array(ours)):,.0f}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
