"""What is predicted: a task's outputs, its level and its official metric."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["frame", "track"]
Kind = Literal["regression", "multiclass", "multilabel"]
Activation = Literal["tanh", "sigmoid", "softmax", "identity"]


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
    ============  =======================  ==========================  =======================
    """

    name: str
    summary: str
    level: Level
    kind: Kind
    outputs: tuple[str, ...]
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
    """Import path of ``loss(logits, target, mask, task, **options) -> scalar tensor``; a recipe may name another."""
    threshold: float = 0.5
    """Multilabel decisions are ``scores >= threshold``."""
    ranges: tuple[float, float] | None = None
    """Smallest and largest value of a regression output."""
    options: Mapping[str, Any] = field(default_factory=dict)
    submission: str | None = None
    """Import path of ``build(task) -> Submission``, the form of the official prediction file; None without one."""

    def decide(self, scores: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Return the decisions that scores [N, K] stand for; the official metrics see only these."""
        if self.kind == "multiclass":
            return np.asarray(np.argmax(scores, axis=-1))
        if self.kind == "multilabel":
            return (np.asarray(scores) >= self.threshold).astype(np.int64)
        return np.asarray(scores, dtype=np.float64)
