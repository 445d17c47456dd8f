"""What every metric checks before it counts a frame."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Task, UsageError
from abawbench.contracts.metric import Statistics

Array = NDArray[Any]

LABEL_SLACK = 1e-6
"""How far a regression label may lie outside the task's range: what float32 rounding can do, far less than a code."""


def require_kind(task: Task, *kinds: str) -> None:
    """Return nothing. Raises UsageError unless the task is of one of ``kinds``."""
    if task.kind not in kinds:
        raise UsageError(
            f"it needs a {' or '.join(kinds)} task, but task '{task.name}' is {task.kind}: name another metric in the "
            "task"
        )


def select_annotated(task: Task, prediction: Array, target: Array, mask: Array) -> tuple[Array, Array]:
    """Return the rows of ``prediction`` and ``target`` whose frame is annotated.

    Both must have the decision shape of the task's kind ([N] for multiclass, else [N, K]) and ``mask`` must be bool
    [N]. What stands under a false mask is never looked at. Raises ValueError on another shape or type, on NaN or
    infinity, on a class or bit that does not exist, and on a regression label outside the task's range (an ignore
    code that was not masked).
    """
    prediction, target, mask = np.asarray(prediction), np.asarray(target), np.asarray(mask)
    if mask.dtype != np.bool_ or mask.ndim != 1:
        raise ValueError(f"{task.name}: the mask must be bool [N], not {mask.dtype} {list(mask.shape)}")
    shape = mask.shape if task.kind == "multiclass" else (*mask.shape, len(task.outputs))
    frames = np.flatnonzero(mask)
    rows = []
    for name, values in (("prediction", prediction), ("target", target)):
        if values.shape != shape:
            raise ValueError(f"{task.name}: the {name} must have shape {list(shape)}, not {list(values.shape)}")
        if values.dtype.kind not in "biuf":
            raise ValueError(f"{task.name}: the {name} must be numbers, not {values.dtype}")
        kept = values[frames]
        _refuse(~np.isfinite(kept), frames, f"{task.name}: the {name} is NaN or infinite")
        if task.kind != "regression":
            top = len(task.outputs) - 1 if task.kind == "multiclass" else 1
            wrong = (kept < 0) | (kept > top) | (kept != np.floor(kept))
            _refuse(wrong, frames, f"{task.name}: the {name} is not a whole number from 0 to {top}")
            kept = kept.astype(np.int64)
        elif name == "target" and task.ranges is not None:
            low, high = task.ranges
            wrong = (kept < low - LABEL_SLACK) | (kept > high + LABEL_SLACK)
            _refuse(wrong, frames, f"{task.name}: the target is outside {low:g} to {high:g}")
        rows.append(kept)
    return rows[0], rows[1]


def check_size(statistics: Statistics, size: int) -> Statistics:
    """Return the statistics as float64 [..., size]. Raises ValueError when the last axis has another length."""
    statistics = np.asarray(statistics, dtype=np.float64)
    if statistics.ndim == 0 or statistics.shape[-1] != size:
        raise ValueError(f"statistics must have shape [..., {size}], not {list(statistics.shape)}")
    return statistics


def _refuse(wrong: Array, frames: Array, what: str) -> None:
    if wrong.any():
        bad = frames[np.flatnonzero(wrong.reshape(len(frames), -1).any(axis=1))]
        raise ValueError(f"{what} in {len(bad)} of {len(frames)} annotated frames, first at index {bad[0]}")
