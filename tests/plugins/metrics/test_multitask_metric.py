"""P_MTL is the sum of the three official metrics, each over the frames annotated for it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from abawbench.contracts import Labels, Task, UsageError
from abawbench.statistics.floor import floor
from abawbench_plugins.metrics.concordance import Concordance
from abawbench_plugins.metrics.f1 import MacroF1
from abawbench_plugins.metrics.multitask import SumOfParts
from abawbench_plugins.tasks import au, expr, mtl, va

TASK = replace(mtl.task(), name="mtl")
METRIC = SumOfParts(TASK)
PARTS = (Concordance(va.task()), MacroF1(expr.task()), MacroF1(au.task()))


def draw(frames: Any, n: int, seed: int = 0) -> tuple[Any, Any, Any]:
    """Frames of the three tasks side by side, each with ignore codes of its own."""
    drawn = [frames(part, n, seed + i, masked=0.3) for i, part in enumerate(TASK.parts)]
    prediction, target = (np.column_stack([d[i] for d in drawn]).astype(float) for i in (0, 1))
    return prediction, target, np.stack([d.mask for d in drawn], axis=1)


def ccc(x: Any, y: Any) -> float:
    covariance = stats.pearsonr(x, y).statistic * x.std() * y.std()
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


def test_it_agrees_with_the_formula_on_independent_metrics(frames: Any) -> None:
    prediction, target, mask = draw(frames, 4000)
    assert not np.array_equal(mask[:, 0], mask[:, 1])
    known = mask[:, 0]
    p_va = np.mean([ccc(prediction[known, k], target[known, k]) for k in (0, 1)])
    known = mask[:, 1]
    p_expr = f1_score(target[known, 2], prediction[known, 2], average="macro", labels=range(8), zero_division=0)
    known = mask[:, 2]
    p_au = f1_score(target[known, 3:], prediction[known, 3:], average="macro", zero_division=0)
    tracks = zip(*(np.array_split(values, 7) for values in (prediction, target, mask)), strict=True)
    total = sum(METRIC.statistics(*track) for track in tracks)
    assert float(METRIC.value(total)) == pytest.approx(p_va + p_expr + p_au, abs=1e-12)
    parts = METRIC.parts(total)
    assert [parts[name] for name in ("va", "expr", "au")] == pytest.approx([p_va, p_expr, p_au], abs=1e-12)
    assert set(TASK.outputs) < set(parts)


def test_a_perfect_prediction_scores_three(frames: Any) -> None:
    _, target, mask = draw(frames, 3000)
    assert METRIC.value(METRIC.statistics(target, target, mask)) == pytest.approx(3.0, abs=1e-12)


def test_many_replicates_at_once(frames: Any) -> None:
    rows = np.stack([METRIC.statistics(*draw(frames, 60, seed)) for seed in range(6)]).reshape(2, 3, -1)
    values, parts = METRIC.value(rows), METRIC.parts(rows)
    assert all(values[i] == METRIC.value(rows[i]) for i in np.ndindex(2, 3))
    assert all(part.shape == (2, 3) for part in parts.values())


def test_a_task_without_an_annotated_frame_leaves_no_value(frames: Any) -> None:
    prediction, target, mask = draw(frames, 50)
    mask[:, 1] = False
    statistics = METRIC.statistics(prediction, target, mask)
    assert np.isnan(METRIC.value(statistics))
    assert np.isfinite(METRIC.parts(statistics)["va"])


def test_another_shape_or_task_is_refused(frames: Any) -> None:
    prediction, target, mask = draw(frames, 9)
    for case in ((prediction[:, 1:], target, mask), (prediction, target[:5], mask), (prediction, target, mask[:, 0])):
        with pytest.raises(ValueError, match="mtl: the"):
            METRIC.statistics(*case)
    with pytest.raises(UsageError, match="multitask"):
        SumOfParts(va.task())
    odd = replace(TASK, parts=(replace(va.task(), metric="accuracy"), *TASK.parts[1:]))
    with pytest.raises(UsageError, match="cannot add up accuracy"):
        SumOfParts(odd)


def test_the_floor_is_the_sum_of_the_floors_of_the_parts(frames: Any) -> None:
    labels = [Labels(target, mask) for _, target, mask in (draw(frames, 80, seed) for seed in range(3))]
    statistics, words = floor(METRIC, TASK, labels)
    expected = 0.0
    for number, metric in enumerate(PARTS):
        own, said = floor(metric, TASK.parts[number], [TASK.part_labels(one, number) for one in labels])
        expected += float(metric.value(own.sum(axis=0)))
        assert said in words
    assert METRIC.value(statistics.sum(axis=0)) == pytest.approx(expected, abs=1e-12)


def parts_of(**changes: Any) -> Task:
    return replace(TASK, **changes)


def test_a_task_whose_outputs_are_not_those_of_its_parts_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="outputs must be those of its parts"):
        parts_of(outputs=TASK.outputs[1:])
    with pytest.raises(ValueError, match="has parts"):
        parts_of(kind="regression")
    with pytest.raises(ValueError, match="has parts"):
        replace(va.task(), kind="multitask")
