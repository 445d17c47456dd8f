"""What every metric keeps, whatever it measures; each test runs for each of the six tasks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abawbench.contracts import Metric, UsageError

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 60)
quick = settings(max_examples=30, deadline=None)


def same(left: Any, right: Any) -> None:
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)


@quick
@given(seed=seeds, n=sizes, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_statistics_add_up_however_the_frames_are_chunked(metric: Metric, frames: Any, seed: int, n: int, cuts) -> None:
    drawn = frames(metric.task, n, seed)
    chunks = zip(*(np.split(values, sorted(cut for cut in cuts if cut <= n)) for values in drawn), strict=True)
    same(sum(metric.statistics(*chunk) for chunk in chunks), metric.statistics(*drawn))


@quick
@given(seed=seeds, n=sizes)
def test_the_order_of_frames_does_not_matter(metric: Metric, frames: Any, seed: int, n: int) -> None:
    drawn = frames(metric.task, n, seed)
    order = np.random.default_rng(seed).permutation(n)
    same(metric.statistics(*(values[order] for values in drawn)), metric.statistics(*drawn))


@quick
@given(seed=seeds, n=sizes)
def test_a_masked_frame_does_not_matter(metric: Metric, frames: Any, seed: int, n: int) -> None:
    drawn = frames(metric.task, n, seed, masked=0.4)
    kept = metric.statistics(*(values[drawn.mask] for values in drawn))
    np.testing.assert_array_equal(metric.statistics(*drawn), kept)


@quick
@given(seed=seeds, n=sizes, times=st.integers(2, 5))
def test_weights_mean_repetition(metric: Metric, frames: Any, seed: int, n: int, times: int) -> None:
    drawn = frames(metric.task, n, seed)
    repeated = metric.statistics(*(np.concatenate([values] * times) for values in drawn))
    same(times * metric.statistics(*drawn), repeated)
    same(metric.value(times * metric.statistics(*drawn)), metric.value(metric.statistics(*drawn)))


@quick
@given(seed=seeds, n=sizes)
def test_the_value_and_every_part_stay_in_range(metric: Metric, frames: Any, seed: int, n: int) -> None:
    statistics = metric.statistics(*frames(metric.task, n, seed, masked=0))
    low = -1.0 if metric.task.kind == "regression" else 0.0
    for value in (metric.value(statistics), *metric.parts(statistics).values()):
        assert low <= value <= 1.0


@pytest.mark.parametrize("n", [300, 3000])
def test_a_perfect_prediction_scores_one(metric: Metric, frames: Any, n: int) -> None:
    _, target, mask = frames(metric.task, n)
    statistics = metric.statistics(target, target, mask)
    assert metric.value(statistics) == pytest.approx(1.0, abs=1e-15)
    for value in metric.parts(statistics).values():
        assert value == pytest.approx(1.0, abs=1e-15)


def test_the_value_is_computed_for_many_replicates_at_once(metric: Metric, frames: Any) -> None:
    tracks = np.stack([metric.statistics(*frames(metric.task, 40, seed)) for seed in range(6)]).reshape(2, 3, -1)
    values, parts = metric.value(tracks), metric.parts(tracks)
    assert values.shape == (2, 3)
    for i in np.ndindex(2, 3):
        assert values[i] == metric.value(tracks[i])
        assert {name: part[i] for name, part in parts.items()} == metric.parts(tracks[i])


def test_statistics_are_float64_of_the_announced_size(metric: Metric, frames: Any) -> None:
    statistics = metric.statistics(*frames(metric.task, 5))
    assert (statistics.dtype, statistics.shape) == (np.float64, (metric.size,))


def test_parts_are_named_by_the_outputs_of_the_task(metric: Metric, frames: Any) -> None:
    parts = metric.parts(metric.statistics(*frames(metric.task, 5)))
    assert tuple(parts)[: len(metric.task.outputs)] == metric.task.outputs


def test_without_an_annotated_frame_there_is_no_value(metric: Metric, frames: Any) -> None:
    for n in (0, 7):
        statistics = metric.statistics(*frames(metric.task, n, masked=1.1))
        assert not statistics.any()
        assert np.isnan(metric.value(statistics))
        assert np.isnan(list(metric.parts(statistics).values())).all()


def test_a_replicate_without_frames_does_not_harm_its_neighbours(metric: Metric, frames: Any) -> None:
    statistics = metric.statistics(*frames(metric.task, 40))
    values = metric.value(np.stack([statistics, 0 * statistics]))
    assert values[0] == metric.value(statistics)
    assert np.isnan(values[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1], ids=["prediction", "target"])
def test_nan_and_infinity_under_the_mask_are_counted_and_located(
    metric: Metric, frames: Any, bad: float, which: int
) -> None:
    drawn = [values.astype(float) if i < 2 else values for i, values in enumerate(frames(metric.task, 9, masked=0))]
    drawn[which][4] = drawn[which][7] = bad
    drawn[2][0] = False
    name = ("prediction", "target")[which]
    with pytest.raises(ValueError, match=rf"{name} is NaN or infinite in 2 of 8 annotated frames, first at index 4"):
        metric.statistics(*drawn)


def test_nan_and_infinity_outside_the_mask_are_never_looked_at(metric: Metric, frames: Any) -> None:
    prediction, target, mask = frames(metric.task, 30, masked=0.5)
    prediction, target = prediction.astype(float), target.astype(float)
    prediction[~mask], target[~mask] = np.nan, np.inf
    np.testing.assert_array_equal(
        metric.statistics(prediction, target, mask), metric.statistics(prediction[mask], target[mask], mask[mask])
    )


def test_another_shape_is_refused(metric: Metric, frames: Any) -> None:
    prediction, target, mask = frames(metric.task, 6)
    wrong = [
        (prediction[:5], target, mask),
        (prediction, target[:5], mask),
        (prediction, target, mask[:5]),
        (prediction[..., None], target, mask),
        (prediction, target, mask[:, None]),
        (prediction, target, mask.astype(int)),
        (prediction.astype(str), target, mask),
        (prediction.ravel()[0], target, mask),
    ]
    for case in wrong:
        with pytest.raises(ValueError, match=metric.task.name):
            metric.statistics(*case)


def test_statistics_of_another_size_are_refused(metric: Metric) -> None:
    for wrong in (np.zeros(metric.size + 1), np.zeros((3, metric.size - 1)), np.float64(0)):
        with pytest.raises(ValueError, match=rf"\[\.\.\., {metric.size}\]"):
            metric.value(wrong)
        with pytest.raises(ValueError, match=rf"\[\.\.\., {metric.size}\]"):
            metric.parts(wrong)


def test_the_arrays_given_are_left_alone(metric: Metric, frames: Any) -> None:
    drawn, again = frames(metric.task, 20), frames(metric.task, 20)
    metric.statistics(*drawn)
    for before, after in zip(again, drawn, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("ccc", "expr"),
        ("ccc", "au"),
        ("pearson", "ah"),
        ("macro-f1", "va"),
        ("weighted-f1", "emi"),
        ("weighted-f1", "au"),
    ],
)
def test_a_metric_refuses_a_task_of_another_kind(
    name: str, task: str, metrics: dict[str, Callable[..., Metric]], tasks: Any
) -> None:
    with pytest.raises(UsageError, match=f"metric '{name}': it needs a .* task, but task '{task}' is"):
        metrics[name](tasks[task])
