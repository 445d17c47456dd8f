"""False alarms and power of paired comparisons: ``python tests/simulations/comparisons.py [pairs] [replicates]``.

False alarms: two models equal by construction (the population holds every track with the models exchanged too). Power:
the second model is truly worse; experiments are drawn until the true difference is the reported detectable one.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from population import TASKS, Population, population

from abawbench.statistics.paired import Difference, compare_paired

POOL = 4_000
TRACKS = (30, 76, 160)
GAP = {"ccc": 0.1, "macro-f1": 0.1, "pearson": 0.08}
"""How much worse the second model is made: near what 76 tracks can show."""


def drawn(pool: Population, tracks: int, random: np.random.Generator, replicates: int) -> Difference:
    """Return the comparison on tracks drawn at random."""
    rows = pool.statistics[random.integers(0, len(pool.statistics), tracks)]
    return compare_paired(
        pool.metric.value, rows[:, 0], rows[:, 1], replicates=replicates, seed=int(random.integers(2**31))
    )


def power(pool: Population, random: np.random.Generator, replicates: int, pairs: int) -> tuple[int, float, float]:
    """Return the number of tracks at which the true difference is the mean reported detectable one, and the power."""
    worse, better = pool.truth[1], pool.truth[0]
    true, tracks = abs(float(better - worse)), 60
    for _ in range(4):  # the detectable difference falls as 1 / sqrt(tracks)
        size = np.mean([drawn(pool, tracks, random, 100).detectable for _ in range(100)])
        tracks = max(8, round(tracks * (size / true) ** 2))
    found = [drawn(pool, tracks, random, replicates) for _ in range(pairs)]
    return tracks, float(np.mean([one.p_value < 0.05 for one in found])), float(np.mean([o.detectable for o in found]))


def main(pairs: int = 2_000, replicates: int = 1_000) -> None:
    """Print the tables."""
    print(f"{pairs} pairs, {replicates} replicates")
    random = np.random.default_rng(0)
    for name in TASKS:
        pool = population(name, POOL, seed=5, models=2)
        pool.statistics = np.concatenate([pool.statistics, pool.statistics[:, ::-1]])
        for tracks in TRACKS:
            rejected = np.mean([drawn(pool, tracks, random, replicates).p_value < 0.05 for _ in range(pairs)])
            print(f"{name:<10}{tracks:>5} tracks: {100 * rejected:.1f}% false alarms at 5%", flush=True)
        pool = population(name, POOL, seed=6, models=2, gap=GAP[name])
        tracks, found, size = power(pool, random, replicates, pairs)
        gap = abs(float(pool.truth[0] - pool.truth[1]))
        words = f"of a true difference of {gap:.4f} (reported detectable: {size:.4f})"
        print(f"{name:<10}{tracks:>5} tracks: {100 * found:.1f}% found {words}", flush=True)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
