"""Losses over rows of outputs, named by tasks and recipes as import paths.

Every loss is ``loss(logits, target, mask, task, **options)``: ``logits`` float [N, K] before the activation, ``target``
as the task's kind says (float [N, K], int [N] or 0/1 [N, K]), ``mask`` bool [N], false where a row is not annotated.
It returns a scalar: over the annotated rows only, computed in float32, and zero with a zero gradient where there are
none. Logits may be large; they must be finite.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from abawbench.contracts import Labels, Task, UsageError

EPSILON = 1e-8
BALANCED = "balanced"


def activate(logits: Tensor, activation: str) -> Tensor:
    """Return the scores [..., K] that logits [..., K] stand for: tanh, sigmoid, softmax or identity."""
    if activation == "tanh":
        return torch.tanh(logits)
    if activation == "sigmoid":
        return torch.sigmoid(logits)
    if activation == "softmax":
        return torch.softmax(logits, dim=-1)
    if activation == "identity":
        return logits
    raise UsageError(f"unknown activation {activation!r}; give tanh, sigmoid, softmax or identity")


def scores_of(logits: Tensor, task: Task) -> Tensor:
    """Return the scores [..., K] that logits [..., K] stand for in a task, part by part where it has several."""
    if not task.parts:
        return activate(logits, task.activation)
    parts = zip(task.parts, task.part_outputs, strict=True)
    return torch.cat([scores_of(logits[..., outputs], part) for part, outputs in parts], dim=-1)


def concordance(logits: Tensor, target: Tensor, mask: Tensor, task: Task) -> Tensor:
    """Return 1 - the mean over outputs of the concordance correlation coefficient of this batch.

    Population moments throughout, so that a perfect prediction gives 0. A batch's value is not the official one, which
    pools all tracks: it only guides training.
    """
    scores, target = _regression(logits, target, mask, task)
    if not len(scores):
        return scores.sum()
    x, y, mean_x, mean_y = _centre(scores, target)
    spread = x.square().mean(0) + y.square().mean(0) + (mean_x - mean_y).square()
    return (1 - 2 * (x * y).mean(0) / (spread + EPSILON)).mean()


def sample_concordance(logits: Tensor, target: Tensor, mask: Tensor, task: Task) -> Tensor:
    """Return ``concordance`` with the variances of a sample (N - 1) over the covariance of a population (N).

    So it stands in the published code of MobileNetV4 + TAM (arXiv 2503.10530). A perfect prediction of N rows gives
    about 1 / N.
    """
    scores, target = _regression(logits, target, mask, task)
    if not len(scores):
        return scores.sum()
    x, y, mean_x, mean_y = _centre(scores, target)
    spread = (x.square().sum(0) + y.square().sum(0)) / max(len(x) - 1, 1) + (mean_x - mean_y).square()
    return (1 - 2 * (x * y).mean(0) / (spread + EPSILON)).mean()


def pearson(logits: Tensor, target: Tensor, mask: Tensor, task: Task) -> Tensor:
    """Return 1 - the mean over outputs of the Pearson correlation of this batch; a constant output counts 0."""
    scores, target = _regression(logits, target, mask, task)
    if not len(scores):
        return scores.sum()
    x, y, _, _ = _centre(scores, target)
    # epsilon inside the root: its slope at zero is infinite
    scale = (x.square().mean(0) * y.square().mean(0) + EPSILON**2).sqrt()
    return (1 - (x * y).mean(0) / scale).mean()


def mean_squared_error(logits: Tensor, target: Tensor, mask: Tensor, task: Task) -> Tensor:
    """Return the mean squared difference of scores and targets."""
    scores, target = _regression(logits, target, mask, task)
    return (scores - target).square().mean() if len(scores) else scores.sum()


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    mask: Tensor,
    task: Task,
    *,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of class numbers [N], the mean weighted by ``class_weights`` [K] where given."""
    logits, target = logits[mask].float(), target[mask].long()
    if not len(logits):
        return logits.sum()
    weight = None if class_weights is None else _weights(class_weights, logits, task)
    return functional.cross_entropy(logits, target, weight=weight, label_smoothing=label_smoothing)


def focal_cross_entropy(
    logits: Tensor,
    target: Tensor,
    mask: Tensor,
    task: Task,
    *,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    kl_weight: float = 0.0,
) -> Tensor:
    """Return ``(1 - kl_weight) focal + kl_weight KL(q || p)`` for softmax p and the smoothed one-hot target q.

    ``focal`` is ``- sum_k q_k (1 - p_k)^gamma log p_k``: every class has a focus of its own. With gamma 0 it is the
    cross-entropy. The mean runs over rows.
    """
    logits, target = logits[mask].float(), target[mask].long()
    if not len(logits):
        return logits.sum()
    log_p, q, divergence = _smoothed(logits, target, label_smoothing)
    # the clamp keeps the slope finite where p is 1 and gamma below 1
    focus = (1 - log_p.exp()).clamp_min(EPSILON) ** gamma
    focal = -(q * focus * log_p).sum(-1).mean()
    return (1 - kl_weight) * focal + kl_weight * divergence


def target_focal_cross_entropy(
    logits: Tensor,
    target: Tensor,
    mask: Tensor,
    task: Task,
    *,
    alpha: float = 0.75,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    kl_weight: float = 0.0,
) -> Tensor:
    """Return ``(1 - kl_weight) focal + kl_weight KL(q || p)`` for softmax p and the smoothed one-hot target q.

    ``focal`` is ``- alpha (1 - p_t)^gamma sum_k q_k log p_k``: the probability p_t of the target's class alone gives
    the focus of the whole row. The mean runs over rows. So it stands in the published code of MobileNetV4 + TAM (arXiv
    2503.10530), with alpha 0.75, gamma 2, label_smoothing 0.1 and kl_weight 0.2.
    """
    logits, target = logits[mask].float(), target[mask].long()
    if not len(logits):
        return logits.sum()
    log_p, q, divergence = _smoothed(logits, target, label_smoothing)
    p_target = log_p.gather(-1, target[:, None]).squeeze(-1).exp()
    focus = (1 - p_target).clamp_min(EPSILON) ** gamma
    focal = -(alpha * focus * (q * log_p).sum(-1)).mean()
    return (1 - kl_weight) * focal + kl_weight * divergence


def binary_cross_entropy(
    logits: Tensor,
    target: Tensor,
    mask: Tensor,
    task: Task,
    *,
    class_weights: Sequence[float] | None = None,
) -> Tensor:
    """Return the mean binary cross-entropy of labels [N, K]; ``class_weights`` [K] multiply the positive terms."""
    logits, target = logits[mask].float(), target[mask].float()
    if not len(logits):
        return logits.sum()
    weight = None if class_weights is None else _weights(class_weights, logits, task)
    return functional.binary_cross_entropy_with_logits(logits, target, pos_weight=weight)


def focal_sigmoid(
    logits: Tensor, target: Tensor, mask: Tensor, task: Task, *, alpha: float = 0.75, gamma: float = 2.0
) -> Tensor:
    """Return the mean of ``- alpha_t (1 - p_t)^gamma log p_t`` over labels [N, K] (Lin et al. 2017).

    p_t is the probability of the label that is true; alpha_t is ``alpha`` for positive labels and ``1 - alpha`` for
    negative ones.
    """
    logits, target = logits[mask].float(), target[mask].float()
    if not len(logits):
        return logits.sum()
    signed = logits * (2 * target - 1)
    balance = alpha * target + (1 - alpha) * (1 - target)
    focus = (gamma * functional.logsigmoid(-signed)).exp()
    return -(balance * focus * functional.logsigmoid(signed)).mean()


def _smoothed(logits: Tensor, target: Tensor, label_smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return log p [N, K] of softmax p, the smoothed one-hot target q [N, K], and the mean of KL(q || p) over rows."""
    one_hot = functional.one_hot(target, logits.shape[-1]).float()
    q = one_hot * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
    log_p = torch.log_softmax(logits, dim=-1)
    return log_p, q, (torch.xlogy(q, q) - q * log_p).sum(-1).mean()


def _regression(logits: Tensor, target: Tensor, mask: Tensor, task: Task) -> tuple[Tensor, Tensor]:
    return activate(logits[mask].float(), task.activation), target[mask].float()


def _centre(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mean_x, mean_y = x.mean(0), y.mean(0)
    return x - mean_x, y - mean_y, mean_x, mean_y


def _weights(weights: Sequence[float], logits: Tensor, task: Task) -> Tensor:
    if len(weights) != logits.shape[-1]:
        raise UsageError(f"task {task.name} has {logits.shape[-1]} outputs; class_weights has {len(weights)} numbers")
    return logits.new_tensor(weights)


def balance_classes(task: Task, labels: Sequence[Labels]) -> list[float]:
    """Return a weight per output [K]: largest count / count of a class, negatives / positives of a label.

    Over all annotated frames of the training tracks; an output that never occurs weighs 1. Raises UsageError for a task
    without classes.
    """
    known = [one.values[one.mask] for one in labels]
    if task.kind == "multiclass":
        counts = np.bincount(np.concatenate(known).astype(np.int64), minlength=len(task.outputs))
        weights = counts.max() / np.maximum(counts, 1)
    elif task.kind == "multilabel":
        values = np.concatenate(known)
        counts = values.sum(axis=0)
        weights = (len(values) - counts) / np.maximum(counts, 1)
    else:
        raise UsageError(f"class_weights={BALANCED} needs a task of classes or labels, and '{task.name}' has none")
    return [float(weight) if count else 1.0 for weight, count in zip(weights, counts, strict=True)]


def resolve_options(options: Mapping[str, Any], task: Task, labels: Sequence[Labels]) -> Mapping[str, Any]:
    """Return the options of a loss with ``class_weights="balanced"`` replaced by the weights of the training labels."""
    if options.get("class_weights") != BALANCED:
        return options
    return {**options, "class_weights": balance_classes(task, labels)}
