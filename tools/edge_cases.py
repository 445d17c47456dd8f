"""Writes ``docs/edge-cases.md``: what the official rule and three libraries say where metrics disagree.

``python tools/edge_cases.py`` writes it anew; a test fails while it is stale.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import audmetric
import numpy as np
import torch
import torchmetrics.classification
import torchmetrics.regression
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from abawbench.contracts import Task
from abawbench.plugins import Plugins

FILE = Path(__file__).parents[1] / "docs" / "edge-cases.md"
NONE = "–"
N = 24
Array = NDArray[Any]

HEAD = """\
# Edge cases of the metrics

What the official rule of ABAW gives where libraries disagree, and what scikit-learn, torchmetrics and audmetric return
for the same arrays, called the way most code calls them (macro F1, default arguments). Every value is computed by
`tools/edge_cases.py`, which writes this page; a test fails while it is stale. "refused" is an error with its
type; – means that the library has no such metric.

The first column of values is what abawbench gives for the arrays with annotated frames marked; the libraries have no
such mark and get the arrays as they are.

| case | metric | ABAW rule | scikit-learn | torchmetrics | audmetric | why |
| --- | --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Case:
    """Arrays on which metrics differ, and the reason for the rule."""

    name: str
    task: Task
    prediction: Array
    target: Array
    why: str
    mask: Array | None = field(default=None)


PLUGINS = Plugins(third_party=False)
VA, EXPR, AU, EMI, AH = (PLUGINS.get("task", name).build() for name in ("va", "expr", "au", "emi", "ah"))


def cases() -> list[Case]:
    """Return the cases in the order of the page."""
    t = np.arange(N)
    traces = np.stack([0.6 * np.sin(t / 3), 0.5 * np.cos(t / 4)], axis=1)
    guess = 0.7 * traces + 0.1
    moods = 0.5 + 0.5 * np.sin(t[:, None] / np.arange(2, 8))
    flat = 0.2 + 0.5 * moods
    flat[:, 2] = 0.25
    classes = t % 8
    six = t % 6
    bits = (t[:, None] * (np.arange(12) + 1) % 5 < 2).astype(int)
    never = bits.copy()
    never[:, 9] = 0
    alarmed = never.copy()
    alarmed[:3, 9] = 1
    codes, code_class, code_bits = traces.copy(), classes.copy(), bits.copy()
    codes[5], code_class[5], code_bits[5] = -5, -1, -1
    annotated = t != 5
    hole = guess.copy()
    hole[7, 0] = np.nan
    half = np.full((N, 2), 0.3)
    return [
        Case("constant prediction", VA, half, traces, "No agreement beyond the mean: 0."),
        Case("constant target, hit exactly", VA, half, half, "0 / 0 is set to 0."),
        Case("constant prediction of one output", EMI, flat, moods, "Its r is 0 and it stays in the mean of 6."),
        Case("absent class, all else right", EXPR, six, six, "Always 8 classes in the mean; absent ones are 0."),
        Case(
            "class only in the prediction",
            EXPR,
            np.where(t < 3, 7, six),
            six,
            "Its F1 is 0; still 8 classes in the mean.",
        ),
        Case("never-active unit, never predicted", AU, never, never, "Its F1 is 0; always 12 units in the mean."),
        Case("never-active unit, predicted in 3 frames", AU, alarmed, never, "Its F1 is 0; no worse than silence."),
        Case("one class everywhere", AH, 0 * t, (t < 6).astype(int), "Weighted F1: each class by its frames."),
        Case("ignore code -5 in one row", VA, guess, codes, "The row does not count.", annotated),
        Case("ignore code -1 in one row", EXPR, classes, code_class, "The row does not count.", annotated),
        Case("ignore codes -1 in one row", AU, bits, code_bits, "The row does not count.", annotated),
        Case("ignore code left in", VA, guess, codes, "Outside the range of labels: refused."),
        Case("ignore code left in", EXPR, classes, code_class, "Not a class: refused."),
        Case(
            "one-frame track, alone",
            VA,
            guess[:1],
            traces[:1],
            "No variance, so 0; pooled with others it is a frame like any.",
        ),
        Case("one-frame track, alone, right", EXPR, classes[3:4], classes[3:4], "One class of 8 is right."),
        Case("NaN in the prediction", VA, hole, traces, "A frame must be predicted: refused."),
        Case("missing frame", VA, guess[1:], traces, "Every annotated frame counts: refused."),
        Case("missing frame", EXPR, classes[1:], classes, "Every annotated frame counts: refused."),
        Case("no annotated frame", VA, guess, traces, "There is no value.", np.zeros(N, bool)),
    ]


def ours(case: Case) -> float:
    """Return the value under the official rule."""
    metric = PLUGINS.get("metric", case.task.metric).build(case.task)
    mask = np.ones(len(case.target), bool) if case.mask is None else case.mask
    return float(metric.value(metric.statistics(case.prediction, case.target, mask)))


def scikit_learn(case: Case) -> float | None:
    """Return what scikit-learn gives."""
    if case.task.kind == "regression":
        return None
    average = "weighted" if case.task.metric == "weighted-f1" else "macro"
    return float(sklearn_metrics.f1_score(case.target, case.prediction, average=average))


def torchmetrics_(case: Case) -> float:
    """Return what torchmetrics gives."""
    prediction, target = torch.as_tensor(case.prediction), torch.as_tensor(case.target)
    k = len(case.task.outputs)
    average = "weighted" if case.task.metric == "weighted-f1" else "macro"
    metric = {
        "ccc": lambda: torchmetrics.regression.ConcordanceCorrCoef(num_outputs=k),
        "pearson": lambda: torchmetrics.regression.PearsonCorrCoef(num_outputs=k),
        "multiclass": lambda: torchmetrics.classification.MulticlassF1Score(num_classes=k, average=average),
        "multilabel": lambda: torchmetrics.classification.MultilabelF1Score(num_labels=k, average=average),
    }[case.task.metric if case.task.kind == "regression" else case.task.kind]()
    return float(metric(prediction, target).mean())


def audmetric_(case: Case) -> float | None:
    """Return what audmetric gives; it knows no multilabel F1."""
    if case.task.kind == "multilabel":
        return None
    if case.task.kind == "multiclass":
        average = "weighted" if case.task.metric == "weighted-f1" else "macro"
        if average == "weighted":
            return None
        return float(audmetric.unweighted_average_fscore(case.target, case.prediction))
    function = audmetric.concordance_cc if case.task.metric == "ccc" else audmetric.pearson_cc
    values = [function(case.target[:, k], case.prediction[:, k]) for k in range(case.target.shape[1])]
    return float(np.mean(values))


def shown(function: Callable[[Case], float | None], case: Case) -> str:
    """Return a value with four decimals, or the error that stands for it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = function(case)
    except Exception as error:
        return f"refused ({type(error).__name__})"
    if value is None:
        return NONE
    return "NaN" if np.isnan(value) else f"{value + 0.0:.4f}".replace("-0.0000", "0.0000")


def text() -> str:
    """Return the page."""
    rows = []
    for case in cases():
        values = [shown(function, case) for function in (ours, scikit_learn, torchmetrics_, audmetric_)]
        rows.append(f"| {' | '.join([case.name, f'{case.task.name}: {case.task.metric}', *values, case.why])} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
