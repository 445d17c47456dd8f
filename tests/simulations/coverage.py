"""How often nominal 95% intervals cover the truth: ``python tests/simulations/coverage.py [experiments] [replicates]``.

Prints one line per population, metric and number of tracks; the bootstrap over frames stands beside it to show why not.
"""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from population import FIRST, SECOND, TASKS, THIRD, Population, population

from abawbench.statistics.bootstrap import bca_shares, narrowness, track_weights
from abawbench.statistics.jackknife import degrees_of_freedom
from abawbench.statistics.student import widen_tail

POOL = 6_000
KINDS = ("percentile", "BCa", "widened")
FRAME_EXPERIMENTS, FRAME_REPLICATES, KEPT = 200, 300, 1_000


def tracks_cover(pool: Population, tracks: int, experiments: int, replicates: int) -> dict[str, float]:
    """Return the coverage of each kind of interval over tracks."""
    weights = track_weights(tracks, replicates, seed=1)
    random = np.random.default_rng(tracks)
    truth, hits = pool.truth, dict.fromkeys(KINDS, 0)
    for _ in range(experiments):
        units = pool.statistics[random.integers(0, len(pool.statistics), tracks)]
        total = units.sum(axis=0)
        values = pool.metric.value(np.concatenate([weights @ units, total - units, total[None]]))
        drawn, without, estimate = values[:replicates], values[replicates:-1], float(values[-1])
        tail = widen_tail(0.025, degrees_of_freedom(without), narrowness(drawn, without))
        wide = bca_shares(drawn, estimate, without, tail)
        shares = {
            "percentile": (0.025, 0.975),
            "BCa": bca_shares(drawn, estimate, without, 0.025),
            "widened": (min(tail, wide[0]), max(1 - tail, wide[1])),
        }
        ends = np.quantile(drawn, np.array(list(shares.values())).ravel()).reshape(-1, 2)
        for name, (low, high) in zip(shares, ends, strict=True):
            hits[name] += int(low <= truth <= high)
    return {name: count / experiments for name, count in hits.items()}


def frames_cover(pool: Population, tracks: int) -> float:
    """Return the coverage of the percentile interval when single frames are resampled."""
    random, hits, truth = np.random.default_rng(tracks), 0, pool.truth
    for _ in range(FRAME_EXPERIMENTS):
        chosen = random.integers(0, len(pool.frames), tracks)
        frames = np.concatenate([pool.frames[i] for i in chosen])
        low, high = np.quantile(pool.metric.value(_frame_totals(random, frames)), (0.025, 0.975))
        hits += int(low <= truth <= high)
    return hits / FRAME_EXPERIMENTS


def _frame_totals(random: np.random.Generator, frames: NDArray[np.float64]) -> NDArray[np.float64]:
    n = len(frames)
    counts = np.stack([np.bincount(random.integers(0, n, n), minlength=n) for _ in range(FRAME_REPLICATES)])
    return counts.astype(np.float64) @ frames


def main(experiments: int = 2_000, replicates: int = 2_000) -> None:
    """Print the table."""
    print(f"{experiments} experiments, {replicates} replicates; frames: {FRAME_EXPERIMENTS} x {FRAME_REPLICATES}")
    print(
        f"{'population':<12}{'metric':<10}{'tracks':>7}"
        + "".join(f"{kind:>13}" for kind in (*KINDS, "frames", "seconds"))
    )
    for law in (FIRST, SECOND, THIRD):
        for name in TASKS:
            pool = population(name, POOL, seed=0, law=law, kept=KEPT)
            for tracks in (30, 76, 160):
                start = perf_counter()
                found = tracks_cover(pool, tracks, experiments, replicates)
                frames = frames_cover(pool, tracks)
                cells = "".join(f"{100 * share:>13.1f}" for share in (*found.values(), frames))
                print(f"{law.name:<12}{name:<10}{tracks:>7}{cells}{perf_counter() - start:>13.1f}", flush=True)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
