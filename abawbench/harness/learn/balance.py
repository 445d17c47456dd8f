"""Weights of classes by how rare they are among the training labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from abawbench.contracts import Labels, Task, UsageError

BALANCED = "balanced"


def balanced(task: Task, labels: Sequence[Labels]) -> list[float]:
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


def with_weights(options: Mapping[str, Any], task: Task, labels: Sequence[Labels]) -> Mapping[str, Any]:
    """Return the options of a loss, ``class_weights=balanced`` replaced by what it stands for."""
    if options.get("class_weights") != BALANCED:
        return options
    return {**options, "class_weights": balanced(task, labels)}
