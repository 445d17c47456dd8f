"""Do scores mean what they say? Calibration and risk-coverage as sums over tracks, so that tracks can be resampled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.metric import Statistics

BINS = 15
"""Of equal width; source: Guo et al. (2017), On Calibration of Modern Neural Networks, ICML."""
COVERAGES = tuple(k / 20 for k in range(1, 21))
"""Shares of the answers that are kept, the surest first."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What a track was answered: how sure each answer is, whether it is right, and the squared error of its shares."""

    confidence: Floats
    """[N], 0 to 1."""
    right: Floats
    """[N], 0 or 1."""
    brier: Floats
    """[N]: squared differences of shares and truth, summed over the classes of an answer."""


def calibration_statistics(tracks: Sequence[Answers], bins: int = BINS) -> Statistics:
    """Return the additive statistics [tracks, 3 * bins + 1]: answers, confidence and right ones by bin, and Brier."""
    rows = []
    for one in tracks:
        at = np.minimum((one.confidence * bins).astype(np.int64), bins - 1)
        sums = [np.bincount(at, weights, minlength=bins) for weights in (None, one.confidence, one.right)]
        rows.append(np.concatenate([*sums, [one.brier.sum()]]))
    return np.array(rows, dtype=np.float64)


def expected_error(statistics: Statistics, bins: int = BINS) -> Statistics:
    """Return the expected calibration error, [...], for statistics [..., S]: the mean of |confidence - right| by bin.

    It is never below 0, so that few answers make it too high.
    """
    sums = statistics[..., : 3 * bins].reshape(*statistics.shape[:-1], 3, bins)
    total = sums[..., 0, :].sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.abs(sums[..., 1, :] - sums[..., 2, :]).sum(axis=-1) / total)


def brier_score(statistics: Statistics, bins: int = BINS) -> Statistics:
    """Return the Brier score, [...]; source: Brier (1950), Monthly Weather Review 78."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(statistics[..., -1] / statistics[..., :bins].sum(axis=-1))


def bin_share(statistics: Statistics, number: int, bins: int = BINS) -> Statistics:
    """Return the share of right answers in a bin, [...]; NaN where it is empty."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(statistics[..., 2 * bins + number] / statistics[..., number])


def coverage_levels(tracks: Sequence[Answers]) -> Floats:
    """Return the confidence from which on each of ``COVERAGES`` of all answers is kept."""
    pooled = np.concatenate([one.confidence for one in tracks])
    return np.asarray(np.quantile(pooled, [1 - share for share in COVERAGES], method="lower"))


def coverage_statistics(tracks: Sequence[Answers], levels: Floats) -> Statistics:
    """Return the additive statistics [tracks, 2 * levels]: answers kept and wrong ones among them, at each level."""
    rows = []
    for one in tracks:
        kept = one.confidence[:, None] >= levels
        rows.append(np.concatenate([kept.sum(axis=0), (kept * (1 - one.right)[:, None]).sum(axis=0)]))
    return np.array(rows, dtype=np.float64)


def risk_at(statistics: Statistics, number: int) -> Statistics:
    """Return the share of wrong answers among those kept at a level, [...]."""
    half = statistics.shape[-1] // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(statistics[..., half + number] / statistics[..., number])


def area_under_risk(statistics: Statistics) -> Statistics:
    """Return the mean risk over ``COVERAGES``, [...]: low where the wrong answers are the unsure ones.

    Source: Geifman & El-Yaniv (2017), Selective Classification for Deep Neural Networks, NeurIPS.
    """
    half = statistics.shape[-1] // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nanmean(statistics[..., half:] / np.maximum(statistics[..., :half], 1e-12), axis=-1))
