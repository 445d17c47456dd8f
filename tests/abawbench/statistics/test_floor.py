"""The best constant prediction: it is constant, nothing constant is better, and it is named."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from abawbench.contracts import DataError, Labels, Metric, Task
from abawbench.statistics.floor import floor
from abawbench_plugins.metrics.concordance import Concordance
from abawbench_plugins.metrics.f1 import MacroF1, WeightedF1
from abawbench_plugins.metrics.pearson import Pearson
from abawbench_plugins.tasks import ah, au, emi, expr, va


def tracks(task: Task, lengths: tuple[int, ...] = (40, 1, 0, 25), seed: int = 0) -> list[Labels]:
    random = np.random.default_rng(seed)
    k, labels = len(task.outputs), []
    for n in lengths:
        values: Any
        if task.kind == "regression":
            values = random.uniform(0, 1, (n, k))
        elif task.kind == "multiclass":
            values = random.integers(0, k, n)
        else:
            values = (random.random((n, k)) < np.linspace(0.1, 0.9, k)).astype(int)
        mask = random.random(n) < 0.8
        values[~mask] = -5
        labels.append(Labels(values, mask))
    labels[0].mask[0] = True
    labels[0].values[0] = 0
    return labels


def score(metric: Metric, constant: Any, labels: list[Labels]) -> float:
    total = sum(
        metric.statistics(np.broadcast_to(constant, (len(t.mask), *np.shape(constant))), t.values, t.mask)
        for t in labels
    )
    return float(metric.value(np.asarray(total)))


@pytest.mark.parametrize(("metric", "task"), [(MacroF1, expr.task()), (WeightedF1, ah.task())])
def test_no_class_is_better_than_the_floor(metric: Any, task: Task) -> None:
    measure, labels = metric(task), tracks(task)
    statistics, words = floor(measure, task, labels)
    scores = [score(measure, k, labels) for k in range(len(task.outputs))]
    assert measure.value(statistics.sum(axis=0)) == max(scores) > 0
    assert words == f"always {task.outputs[int(np.argmax(scores))]}"


def test_no_choice_of_constant_bits_is_better_than_the_floor() -> None:
    task = Task(**{**vars(au.task()), "outputs": ("AU1", "AU2", "AU4")})
    measure, labels = MacroF1(task), tracks(task)
    statistics, words = floor(measure, task, labels)
    assert measure.value(statistics.sum(axis=0)) == max(
        score(measure, np.array(bits), labels) for bits in product((0, 1), repeat=3)
    )
    assert words == "every output always 1"


def test_each_output_takes_its_better_bit_when_the_metric_rewards_zeros() -> None:
    class Accuracy(MacroF1):
        def scores(self, statistics: Any) -> Any:
            return 1 - statistics[..., -2 * 12 :].reshape(*statistics.shape[:-1], 2, 12).sum(-2) / statistics[..., :1]

    task = au.task()
    measure, labels = Accuracy(task), tracks(task, (400,))
    statistics, words = floor(measure, task, labels)
    ones = labels[0].values[labels[0].mask].mean(axis=0) >= 0.5
    assert words == "always 1: " + ", ".join(np.array(task.outputs)[ones])
    assert measure.value(statistics.sum(axis=0)) == pytest.approx(score(measure, ones.astype(int), labels))


@pytest.mark.parametrize(("metric", "task"), [(Concordance, va.task()), (Pearson, emi.task())])
def test_the_floor_of_a_correlation_is_the_mean_label_and_scores_0(metric: Any, task: Task) -> None:
    measure, labels = metric(task), tracks(task)
    statistics, words = floor(measure, task, labels)
    assert measure.value(statistics.sum(axis=0)) == 0.0
    mean = np.concatenate([t.values[t.mask] for t in labels]).mean(axis=0)
    assert words == "the mean label: " + ", ".join(f"{n} {v:.3f}" for n, v in zip(task.outputs, mean, strict=True))


def test_the_floor_has_statistics_for_every_track() -> None:
    measure = MacroF1(expr.task())
    labels = tracks(expr.task())
    statistics, _ = floor(measure, expr.task(), labels)
    assert statistics.shape == (4, measure.size)
    assert statistics[:, 0].tolist() == [t.mask.sum() for t in labels]


@pytest.mark.parametrize("labels", [[], [Labels(np.zeros(3, dtype=int), np.zeros(3, dtype=bool))]])
def test_without_an_annotated_frame_there_is_no_floor(labels: list[Labels]) -> None:
    task = replace(expr.task(), name="expr")
    with pytest.raises(DataError, match="task 'expr' has no annotated frame"):
        floor(MacroF1(task), task, labels)


class Missed(MacroF1):
    """One minus macro F1: an error, of which less is better."""

    higher_is_better = False

    def value(self, statistics: Any) -> Any:
        return 1 - super().value(statistics)

    def parts(self, statistics: Any) -> Any:
        return {name: 1 - part for name, part in super().parts(statistics).items()}


@pytest.mark.parametrize("task", [expr.task(), au.task()], ids=["multiclass", "multilabel"])
def test_the_floor_of_an_error_is_the_constant_of_least_error(task: Task) -> None:
    labels = tracks(task)
    (error, said), (right, words) = (floor(metric(task), task, labels) for metric in (Missed, MacroF1))
    np.testing.assert_array_equal(error, right)
    assert said == words
