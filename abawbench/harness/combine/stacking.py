"""Stacking: a small linear model over what the members say, by ridge or logistic regression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from abawbench.contracts import Labels, Task, UsageError
from abawbench.harness.combine.apply import predict_linear
from abawbench.harness.request.splits import assign_folds

PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Of ridge regression, per example; that with the smallest error on subjects held out is taken."""
LOGISTIC_PENALTY = 0.01
"""Of logistic regression, per example, on standardised scores."""
INNER_FOLDS = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Linear:
    """Standardised features times coefficients."""

    kind: str
    centre: Floats
    scale: Floats
    coefficients: Floats
    """[D + 1, K], the intercept last."""

    def apply(self, features: Floats, task: Task) -> Floats:
        """Return scores [N, K] of one task for features [N, D]."""
        return np.asarray(predict_linear(self.parameters(task), features))

    def parameters(self, task: Task) -> dict[str, Any]:
        """Return what ``predict_linear`` applies."""
        return {
            "kind": self.kind,
            "task": task.kind,
            "ranges": None if task.ranges is None else list(task.ranges),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "coefficients": self.coefficients.tolist(),
        }


@dataclass(frozen=True)
class Stacked:
    """A linear model for a task, or for each part of one."""

    task: Task
    parts: tuple[_Linear, ...]

    def apply(self, scores: Floats) -> Floats:
        """Return [N, K] for the scores of the members [M, N, K]."""
        features = _features(scores)
        found = [
            part.apply(features, task) for part, task in zip(self.parts, self.task.parts or (self.task,), strict=True)
        ]
        return np.concatenate(found, axis=1)

    def parameters(self) -> dict[str, Any]:
        """Return the coefficients."""
        tasks = self.task.parts or (self.task,)
        return {"parts": [part.parameters(task) for part, task in zip(self.parts, tasks, strict=True)]}

    @classmethod
    def read(cls, parameters: dict[str, Any], task: Task) -> "Stacked":
        """Return what ``parameters`` gave."""
        arrays = ("centre", "scale", "coefficients")
        parts = [_Linear(one["kind"], *(np.array(one[name]) for name in arrays)) for one in parameters["parts"]]
        return cls(task, tuple(parts))


def fit_stack(
    kind: str, task: Task, scores: Sequence[Floats], labels: Sequence[Labels], groups: Sequence[str]
) -> Stacked:
    """Return the linear model of a kind, ``ridge`` or ``logistic``, fitted to annotated frames.

    ``scores`` are [M, N, K] for each track. Raises UsageError for logistic regression of numbers.
    """
    parts = []
    for number, part in enumerate(task.parts or (task,)):
        if kind == "logistic" and part.kind == "regression":
            raise UsageError(f"logistic regression stacks classes and units; for '{part.name or task.name}' use ridge")
        own = [task.part_labels(one, number) for one in labels] if task.parts else list(labels)
        masks = [one.annotated for one in own]
        x = np.concatenate([_features(one)[mask] for one, mask in zip(scores, masks, strict=True)])
        y = np.concatenate([one.values[mask] for one, mask in zip(own, masks, strict=True)])
        if not len(x):
            raise UsageError(f"no frame is annotated for '{part.name or task.name}', so nothing can be stacked")
        owner = np.repeat(np.arange(len(masks)), [int(mask.sum()) for mask in masks])
        parts.append(_fit_linear(kind, part, x, y, [groups[i] for i in owner.tolist()]))
    return Stacked(task, tuple(parts))


def _features(scores: Floats) -> Floats:
    """Return the scores of the members side by side, [N, M * K]."""
    return np.asarray(scores.transpose(1, 0, 2).reshape(scores.shape[1], -1), dtype=np.float64)


def _fit_linear(kind: str, task: Task, x: Floats, y: NDArray[Any], groups: Sequence[str]) -> _Linear:
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    design = np.column_stack([(x - centre) / scale, np.ones(len(x))])
    if kind == "logistic":
        return _Linear(kind, centre, scale, _fit_logistic(task, design, y))
    target = np.eye(len(task.outputs))[y.astype(np.int64)] if task.kind == "multiclass" else y.astype(np.float64)
    return _Linear(kind, centre, scale, _fit_ridge(design, target, groups))


def _fit_ridge(design: Floats, target: Floats, groups: Sequence[str]) -> Floats:
    """Return ridge coefficients, the penalty chosen on subjects held out; the intercept is not penalised."""
    folds = min(INNER_FOLDS, len(set(groups)))
    penalty = 1.0
    if folds > 1:
        fold = assign_folds(groups, [1] * len(groups), folds)
        parts = [design[fold == k] for k in range(folds)], [target[fold == k] for k in range(folds)]
        grams = [d.T @ d for d in parts[0]]
        crosses = [d.T @ t for d, t in zip(*parts, strict=True)]
        errors = []
        for tried in PENALTIES:
            error = 0.0
            for d, t, gram, cross in zip(*parts, grams, crosses, strict=True):
                beta = _solve(sum(grams) - gram, sum(crosses) - cross, tried * (len(design) - len(d)))
                error += float(((d @ beta - t) ** 2).sum())
            errors.append(error)
        penalty = PENALTIES[int(np.argmin(errors))]
    return _solve(design.T @ design, design.T @ target, penalty * len(design))


def _solve(gram: Any, cross: Any, penalty: float) -> Floats:
    ridge = np.full(len(gram), penalty)
    ridge[-1] = 1e-9
    return np.asarray(np.linalg.solve(gram + np.diag(ridge), cross))


def _fit_logistic(task: Task, design: Floats, y: NDArray[Any]) -> Floats:
    """Return the coefficients of logistic regression, multinomial for classes, with a penalty on all but intercepts."""
    x = torch.from_numpy(design)
    beta = torch.zeros((x.shape[1], len(task.outputs)), dtype=torch.float64, requires_grad=True)
    if task.kind == "multiclass":
        classes = torch.from_numpy(y.astype(np.int64))

        def loss() -> torch.Tensor:
            return torch.nn.functional.cross_entropy(x @ beta, classes)
    else:
        units = torch.from_numpy(y.astype(np.float64))

        def loss() -> torch.Tensor:
            return torch.nn.functional.binary_cross_entropy_with_logits(x @ beta, units)

    search = torch.optim.LBFGS([beta], max_iter=200, tolerance_grad=1e-8, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        search.zero_grad()
        value = loss() + LOGISTIC_PENALTY * (beta[:-1] ** 2).sum() / 2
        value.backward()  # type: ignore[no-untyped-call]
        return value

    search.step(step)  # type: ignore[no-untyped-call]
    return np.asarray(beta.detach().numpy())
