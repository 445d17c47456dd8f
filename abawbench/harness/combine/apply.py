"""How a combination is applied: with numpy alone, for an exported ensemble holds a copy of this file."""

from typing import Any

import numpy as np


def combine_scores(parameters: dict[str, Any], scores: Any) -> Any:
    """Return one score [N, K] of those of the members [M, N, K], by the parameters of a combination."""
    if "weights" in parameters:
        return average(np.asarray(parameters["weights"]), scores)
    if "quantiles" in parameters:
        quantiles, scale = np.asarray(parameters["quantiles"]), np.asarray(parameters["scale"])
        return average_ranks(quantiles, scale, parameters["sums_to_one"], scores)
    features = scores.transpose(1, 0, 2).reshape(scores.shape[1], -1)
    return np.concatenate([predict_linear(part, features) for part in parameters["parts"]], axis=1)


def average(weights: Any, scores: Any) -> Any:
    """Return the weighted mean of the members."""
    return np.tensordot(weights, scores, axes=1)


def average_ranks(quantiles: Any, scale: Any, sums_to_one: Any, scores: Any) -> Any:
    """Return the mean rank of the members, by the quantiles [M, K, Q] of each, on a scale [K, Q].

    ``sums_to_one`` are outputs from and to, that are shares of one.
    """
    levels = np.linspace(0, 1, scale.shape[1])
    found = np.empty(scores.shape[1:])
    for k in range(scores.shape[2]):
        ranks = [rank(one[:, k], own[k]) for one, own in zip(scores, quantiles, strict=True)]
        found[:, k] = np.interp(np.mean(ranks, axis=0), levels, scale[k])
    for start, stop in sums_to_one:
        total = found[:, start:stop].sum(axis=1, keepdims=True)
        found[:, start:stop] = np.where(total > 0, found[:, start:stop] / np.maximum(total, 1e-12), 1 / (stop - start))
    return found


def rank(values: Any, quantiles: Any) -> Any:
    """Return the share of a distribution below values, 0 to 1; of equal ones the middle."""
    distinct, first, count = np.unique(quantiles, return_index=True, return_counts=True)
    return np.interp(values, distinct, (first + (count - 1) / 2) / (len(quantiles) - 1))


def predict_linear(part: dict[str, Any], features: Any) -> Any:
    """Return scores [N, K] of a linear model for features [N, D]; the last row of its coefficients is added."""
    coefficients = np.asarray(part["coefficients"])
    raw = (features - np.asarray(part["centre"])) / np.asarray(part["scale"]) @ coefficients[:-1] + coefficients[-1]
    if part["kind"] == "logistic":
        if part["task"] == "multilabel":
            return 1 / (1 + np.exp(-np.clip(raw, -500, 500)))
        raw = np.exp(raw - raw.max(axis=1, keepdims=True))
        return raw / raw.sum(axis=1, keepdims=True)
    if part["task"] == "regression":
        return raw if part["ranges"] is None else np.clip(raw, *part["ranges"])
    shares = np.clip(raw, 0, 1)
    if part["task"] == "multilabel":
        return shares
    # where all are cut off at 0 the largest still wins
    shares = np.maximum(shares, 1e-6 * (raw == raw.max(axis=1, keepdims=True)))
    return shares / shares.sum(axis=1, keepdims=True)


def rescale(scores: Any, thresholds: Any, to: float | None) -> Any:
    """Return scores [N, K] of which each output's own threshold [K] comes to lie at ``to``; as they are without any."""
    if not thresholds or to is None:
        return scores
    own = np.asarray(thresholds)
    below = np.minimum(scores / own * to, np.nextafter(np.float32(to), np.float32(0)))
    above = np.maximum(to + (scores - own) / (1 - own) * (1 - to), to)
    return np.where(scores >= own, above, below).astype(np.float32)
