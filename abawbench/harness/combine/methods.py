"""Ways to make one score of several members': each is fitted to some tracks and applied to others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Labels, Metric, Task, UsageError
from abawbench.harness.combine.apply import average, average_ranks
from abawbench.harness.combine.stacking import Stacked, fit_stack
from abawbench.harness.score.scoring import official_value

Method = Literal["mean", "weights", "rank", "ridge", "logistic", "greedy"]
METHODS: tuple[Method, ...] = get_args(Method)
LEVELS = 101
"""Quantiles by which scores become ranks."""
STEPS = (0.25, 0.125, 0.0625)
"""How much weight is moved between two members at a time."""
PICKS = 25
"""Members drawn, with replacement, by greedy selection; it ends sooner where ``PATIENCE`` of them did not help."""
PATIENCE = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """What members say of some tracks, and what is true."""

    scores: Sequence[Floats]
    """Per track [M, N, K]."""
    labels: Sequence[Labels]
    groups: Sequence[str]
    """The subject of each track."""

    def pick(self, places: Sequence[int]) -> "Examples":
        """Return some of the tracks."""
        return Examples(
            [self.scores[i] for i in places], [self.labels[i] for i in places], [self.groups[i] for i in places]
        )


class Combination(Protocol):
    """What makes one score of several."""

    def apply(self, scores: Floats) -> Floats:
        """Return [N, K] for the scores of the members [M, N, K]."""

    def parameters(self) -> dict[str, Any]:
        """Return what JSON can hold of it, for ``read_combination``."""


@dataclass(frozen=True)
class Weighted:
    """A weighted mean; weights [M] are not negative and sum to 1."""

    weights: Floats

    def apply(self, scores: Floats) -> Floats:
        """Return the weighted mean of the members."""
        return np.asarray(average(self.weights, scores))

    def parameters(self) -> dict[str, Any]:
        """Return the weights."""
        return {"weights": self.weights.tolist()}


@dataclass(frozen=True)
class Ranked:
    """The mean of ranks, put back on the scale of the mean score, so that thresholds and ranges keep their sense."""

    quantiles: Floats
    """[M, K, Q], ascending: of each member's scores."""
    scale: Floats
    """[K, Q]: of the mean score."""
    sums_to_one: tuple[tuple[int, int], ...]
    """Outputs from and to, that are shares of one."""

    def apply(self, scores: Floats) -> Floats:
        """Return the mean rank of the members as a score."""
        return np.asarray(average_ranks(self.quantiles, self.scale, self.sums_to_one, scores))

    def parameters(self) -> dict[str, Any]:
        """Return the quantiles."""
        return {
            "quantiles": self.quantiles.tolist(),
            "scale": self.scale.tolist(),
            "sums_to_one": [list(part) for part in self.sums_to_one],
        }


def fit_combination(method: Method, task: Task, metric: Metric, examples: Examples) -> Combination:
    """Return the combination of a method, fitted to tracks.

    Sources: greedy selection with replacement: Caruana et al. (2004), Ensemble Selection from Libraries of
    Models, ICML; stacking: Wolpert (1992), Neural Networks 5. Raises UsageError where a method does not suit the task.
    """
    members = len(examples.scores[0])
    if method == "mean":
        return Weighted(np.full(members, 1 / members))
    if method == "rank":
        return _fit_ranks(task, examples)
    if method in ("ridge", "logistic"):
        return fit_stack(method, task, examples.scores, examples.labels, examples.groups)

    # statistics of pooled frames are the sum of those of their tracks, and one call instead of many
    pooled = np.concatenate(list(examples.scores), axis=1)
    values, masks = zip(*((one.values, one.mask) for one in examples.labels), strict=True)
    labels = Labels(np.concatenate(values), np.concatenate(masks))

    def merit(weights: Floats) -> float:
        combined = Weighted(weights).apply(pooled).astype(np.float32)
        found = float(metric.merit(official_value(metric, task, ["all"], [combined], [labels])))
        return -np.inf if np.isnan(found) else found

    return Weighted((_climb if method == "weights" else _pick)(merit, members))


def read_combination(parameters: dict[str, Any], task: Task) -> Combination:
    """Return the combination that ``parameters()`` gave."""
    if "weights" in parameters:
        return Weighted(np.array(parameters["weights"], dtype=np.float64))
    if "quantiles" in parameters:
        parts = tuple((int(a), int(b)) for a, b in parameters["sums_to_one"])
        return Ranked(np.array(parameters["quantiles"]), np.array(parameters["scale"]), parts)
    if "parts" in parameters:
        return Stacked.read(parameters, task)
    raise UsageError("the record holds no combination that this abawbench knows; make the ensemble again")


def _climb(merit: Callable[[Floats], float], members: int) -> Floats:
    """Return weights from equal ones by moving weight from one member to another while that helps."""
    weights = np.full(members, 1 / members)
    best = merit(weights)
    for step in STEPS:
        for _ in range(2 * members):
            tried = []
            for giver in range(members):
                for taker in range(members):
                    if giver != taker and weights[giver] > 0:
                        moved = weights.copy()
                        share = min(step, float(moved[giver]))
                        moved[giver], moved[taker] = max(0.0, moved[giver] - share), moved[taker] + share
                        tried.append((merit(moved), moved))
            found = max(tried, key=lambda one: one[0], default=(best, weights))
            if found[0] <= best:
                break
            best, weights = found
    return np.asarray(weights / weights.sum())


def _pick(merit: Callable[[Floats], float], members: int) -> Floats:
    """Return the shares of members drawn one by one, each the one that helps most, up to the best number of them."""
    counts = np.zeros(members)
    best, chosen, last = -np.inf, counts, 0
    for drawn in range(1, PICKS + 1):
        tried = [merit((counts + np.eye(members)[m]) / drawn) for m in range(members)]
        counts = counts + np.eye(members)[int(np.argmax(tried))]
        if max(tried) > best:
            best, chosen, last = max(tried), counts, drawn
        if drawn - last >= PATIENCE:
            break
    if not chosen.any():  # the metric has no value on these tracks
        chosen = np.ones(members)
    return np.asarray(chosen / chosen.sum())


def _fit_ranks(task: Task, examples: Examples) -> Ranked:
    joined = np.concatenate(list(examples.scores), axis=1)
    levels = np.linspace(0, 1, LEVELS)
    quantiles = np.quantile(joined, levels, axis=1).transpose(1, 2, 0)
    scale = np.quantile(joined.mean(axis=0), levels, axis=0).T
    parts = zip(task.parts, task.part_outputs, strict=True) if task.parts else [(task, slice(0, len(task.outputs)))]
    shares = tuple((at.start, at.stop) for part, at in parts if part.kind == "multiclass")
    return Ranked(quantiles, scale, shares)
