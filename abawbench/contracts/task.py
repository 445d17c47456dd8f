"""What is predicted: a task's outputs, its level and its official metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import Labels

Level = Literal["frame", "track"]
Kind = Literal["regression", "multiclass", "multilabel", "multitask"]
Activation = Literal["tanh", "sigmoid", "softmax", "identity", "parts"]
MOST_OUTPUTS = 1_000
"""Of a task. An interval holds the statistics of all outputs for each of 10,000 resamples: some 400 MB for so many."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One ABAW task under one edition's protocol.

    ``kind`` fixes the shapes, for N frames (or N = 1 for a whole track) and K outputs:

    ============  =======================  ==========================  =======================
    kind          labels                   scores (network output      decisions (what is
                                           after the activation)       submitted and scored)
    ============  =======================  ==========================  =======================
    regression    float [N, K]             float [N, K]                float [N, K]
    multiclass    int [N], 0 to K-1        float [N, K], rows sum to 1 int [N]
    multilabel    int [N, K], 0 or 1       float [N, K] in [0, 1]      int [N, K]
    multitask     float [N, C]             float [N, K]                float [N, C]
    ============  =======================  ==========================  =======================

    A multitask task predicts several things at once, its ``parts``. Its K outputs are theirs, one part after the other.
    Its labels and decisions stand side by side in C columns, one for a multiclass part and one per output for any
    other; each part has a mask of its own. ``part_outputs`` and ``part_columns`` say where.
    """

    name: str = ""
    """What the declaration calls it; set when abawbench builds it. Parts of a multitask task name themselves."""
    level: Level
    kind: Kind
    outputs: tuple[str, ...]
    """Their names, at most ``MOST_OUTPUTS``."""
    metric: str
    """Name of the metric plugin that gives the official value."""
    database: str
    """Name of the database the task is scored on unless another is given."""
    label: str
    """Which label of a track the task reads."""
    edition: int
    """The ABAW edition whose protocol this is."""
    activation: Activation
    loss: str
    """Import path of ``loss(logits, target, mask, task, **options) -> scalar tensor``; a recipe may name another.

    Empty for a multitask task that is trained on the sum of the losses of its parts.
    """
    threshold: float = 0.5
    """Multilabel decisions are ``scores >= threshold``."""
    ranges: tuple[float, float] | None = None
    """Smallest and largest value of a regression output."""
    options: Mapping[str, Any] = field(default_factory=dict)
    submission: str | None = None
    """Import path of ``build(task) -> Submission``, the form of the official prediction file; None without one."""
    left_out: tuple[str, ...] = ()
    """Outputs that the scored database has no labels of (``Database.lacks``): they take no part in the metric's mean,
    though predicting one is still wrong."""
    parts: tuple["Task", ...] = ()
    """The tasks a multitask task consists of, on the same frames; their own parts, databases and labels are unused."""

    def __post_init__(self) -> None:
        if (self.kind == "multitask") != bool(self.parts):
            raise ValueError(f"task '{self.name}': a multitask task, and no other, has parts")
        if self.parts and self.outputs != tuple(name for part in self.parts for name in part.outputs):
            raise ValueError(f"task '{self.name}': the outputs must be those of its parts, one after the other")
        if len(self.outputs) > MOST_OUTPUTS:
            raise ValueError(
                f"task '{self.name}': {len(self.outputs):,} outputs; at most {MOST_OUTPUTS:,} are scored, so make it "
                "several tasks"
            )
        if not set(self.left_out) < set(self.outputs):
            raise ValueError(
                f"task '{self.name}': cannot leave out {', '.join(self.left_out)}: name some of its outputs"
            )

    def leave_out(self, outputs: Sequence[str]) -> Self:
        """Return the task scored without some outputs. Raises ValueError for names it does not have, and for all."""
        return replace(self, left_out=tuple(outputs))

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which outputs the metric counts, [K]: all that are not left out."""
        return np.array([name not in self.left_out for name in self.outputs])

    @property
    def part_outputs(self) -> tuple[slice, ...]:
        """Where the outputs of each part stand in scores [N, K]."""
        return _slices([len(part.outputs) for part in self.parts])

    @property
    def part_columns(self) -> tuple[slice, ...]:
        """Where the columns of each part stand in labels and decisions [N, C]."""
        return _slices([1 if part.kind == "multiclass" else len(part.outputs) for part in self.parts])

    def part_of(self, values: NDArray[Any], number: int) -> NDArray[Any]:
        """Return the labels or decisions [..., C] of one part, in the shape of its kind."""
        columns = self.part_columns[number]
        multiclass = self.parts[number].kind == "multiclass"
        return np.asarray(values[..., columns.start] if multiclass else values[..., columns])

    def part_labels(self, labels: Labels, number: int) -> Labels:
        """Return the labels of one part of a multitask task."""
        return Labels(self.part_of(labels.values, number), labels.mask[:, number])

    def decide(self, scores: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Return the decisions that scores [N, K] stand for; the official metrics see only these."""
        if self.kind == "multiclass":
            return np.asarray(np.argmax(scores, axis=-1))
        if self.kind == "multilabel":
            return (np.asarray(scores) >= self.threshold).astype(np.int64)
        if self.parts:
            decided = [p.decide(scores[:, at]) for p, at in zip(self.parts, self.part_outputs, strict=True)]
            return np.column_stack(decided).astype(np.float64)
        return np.asarray(scores, dtype=np.float64)


def _slices(widths: Sequence[int]) -> tuple[slice, ...]:
    ends = list(accumulate(widths))
    return tuple(slice(end - width, end) for end, width in zip(ends, widths, strict=True))
