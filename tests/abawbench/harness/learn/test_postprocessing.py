import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import gaussian_filter1d

from abawbench.contracts import Labels, Task
from abawbench.harness.learn.postprocessing import (
    finish_scores,
    interpolate,
    rescale_to_threshold,
    smooth,
    tune_thresholds,
)
from abawbench.harness.request.protocol import Protocol

unit = st.floats(0, 1, width=32)
tables = arrays.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=unit)


@given(tables, st.integers(1, 50))
def test_a_box_is_the_mean_of_the_frames_at_most_d_away_cut_at_the_borders(scores: np.ndarray, d: int) -> None:
    wanted = [scores[max(i - d, 0) : i + d + 1].mean(axis=0) for i in range(len(scores))]
    np.testing.assert_allclose(smooth(scores, f"box:{d}"), wanted, atol=1e-12)


@given(tables, st.floats(0.1, 10))
def test_gaussian_weights_fall_with_the_distance_and_sum_to_one(scores: np.ndarray, sigma: float) -> None:
    frames = np.arange(len(scores))
    distance = np.abs(frames[:, None] - frames)
    weights = np.where(distance <= np.ceil(4 * sigma), np.exp(-0.5 * (distance / sigma) ** 2), 0)
    wanted = (weights / weights.sum(axis=1, keepdims=True)) @ scores
    np.testing.assert_allclose(smooth(scores, f"gaussian:{sigma}"), wanted, atol=1e-12)


def test_far_from_the_borders_the_gaussian_is_that_of_scipy() -> None:
    scores = np.random.default_rng(0).random((200, 2))
    ours = smooth(scores, "gaussian:3")[40:-40]
    np.testing.assert_allclose(ours, gaussian_filter1d(scores, 3, axis=0, truncate=4)[40:-40], atol=1e-12)


@given(tables, st.sampled_from(["none", "box:3", "gaussian:2"]))
def test_smoothing_keeps_constants_and_probabilities(scores: np.ndarray, smoothing: str) -> None:
    assert np.allclose(smooth(np.full_like(scores, 0.25), smoothing), 0.25)
    rows = (scores + 0.1) / (scores + 0.1).sum(axis=1, keepdims=True)
    assert np.allclose(smooth(rows, smoothing).sum(axis=1), 1)


@pytest.mark.slow
@given(tables, st.data())
def test_scores_of_frames_without_a_face_lie_on_the_line_between_their_neighbours(scores, data) -> None:
    exists = data.draw(arrays.arrays(bool, len(scores)).filter(lambda mask: mask.any()))
    filled = interpolate(scores, np.flatnonzero(exists))
    assert (filled[exists] == scores[exists]).all()
    for i in np.flatnonzero(~exists):
        before, after = np.flatnonzero(exists[:i]), np.flatnonzero(exists[i:]) + i
        if before.size and after.size:
            a, b = before[-1], after[0]
            wanted = scores[a] + (scores[b] - scores[a]) * (i - a) / (b - a)
        else:
            wanted = scores[before[-1] if before.size else after[0]]
        np.testing.assert_allclose(filled[i], wanted, atol=1e-12)


def test_without_any_face_the_scores_stay() -> None:
    scores = np.random.default_rng(0).random((5, 3))
    assert interpolate(scores, np.array([], dtype=int)) is scores


def test_frames_are_filled_before_they_are_smooth() -> None:
    scores = np.array([[0.0], [9.0], [1.0]])
    done = finish_scores(scores, np.array([0, 2]), Protocol(no_face="interpolate", smoothing="box:1"))
    assert done[:, 0].tolist() == [0.25, 0.5, 0.75]
    assert finish_scores(scores, np.array([0, 2]), Protocol())[:, 0].tolist() == [0, 9, 1]


THREE = Task(
    name="three", level="frame", kind="multilabel", outputs=("a", "b", "c"), metric="macro-f1", database="",
    label="", edition=1, activation="sigmoid", loss="",
)  # fmt: skip
thresholds = st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


@given(arrays.arrays(np.float32, (20, 3), elements=unit), st.tuples(thresholds, thresholds, thresholds))
def test_rescaled_scores_decide_at_one_half_as_the_others_at_their_thresholds(scores, own) -> None:
    # the numbers just above, at and just below a threshold are where rounding could turn a decision
    edges = np.array(own, dtype=np.float32)
    scores[:3] = [np.nextafter(edges, np.float32(0)), edges, np.nextafter(edges, np.float32(1))]
    done = rescale_to_threshold(THREE, scores, dict(zip(THREE.outputs, own, strict=True)))
    assert ((done >= 0.5) == (scores >= np.array(own))).all()
    assert done.min() >= 0
    assert done.max() <= 1
    for k in range(3):
        assert (np.diff(done[np.argsort(scores[:, k]), k]) >= 0).all()


@pytest.fixture
def au(toys):
    task = toys.get("task", "au").build()
    return task, toys.get("metric", task.metric).build(task)


def test_each_output_gets_the_threshold_that_is_best_for_it(au) -> None:
    task, metric = au
    random = np.random.default_rng(0)
    truth = random.random((400, 12)) > 0.6
    best = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.5, 0.3, 0.7])
    # positives just above their threshold, negatives just below
    scores = np.where(truth, best + 0.04, best - 0.04) + random.uniform(-0.03, 0.03, truth.shape)
    labels = Labels(truth.astype(int), np.ones(400, dtype=bool))
    assert tune_thresholds(metric, task, [scores[:150], scores[150:]], split(labels, 150)) == dict(
        zip(task.outputs, best, strict=True)
    )


def split(labels: Labels, at: int) -> list[Labels]:
    return [Labels(labels.values[:at], labels.mask[:at]), Labels(labels.values[at:], labels.mask[at:])]


def test_an_output_that_is_never_active_keeps_one_half(au) -> None:
    task, metric = au
    labels = Labels(np.zeros((9, 12), dtype=int), np.ones(9, dtype=bool))
    assert tune_thresholds(metric, task, [np.full((9, 12), 0.3)], [labels]) == dict.fromkeys(task.outputs, 0.5)


def test_the_action_units_of_a_multitask_task_get_theirs_and_nothing_else_moves(toys) -> None:
    task = toys.get("task", "mtl").build()
    metric = toys.get("metric", task.metric).build(task)
    random = np.random.default_rng(1)
    labels = Labels(np.hstack([np.zeros((50, 3)), random.integers(0, 2, (50, 12))]), np.ones((50, 3), dtype=bool))
    labels.mask[25:, 2] = False  # not annotated for action units: what stands there must not matter
    scores = np.full((50, 22), 0.1, dtype=np.float32)
    scores[:25, 10:] = np.where(labels.values[:25, 3:] == 1, 0.38, 0.22)
    found = tune_thresholds(metric, task, [scores], [labels])
    assert found == dict.fromkeys(task.parts[2].outputs, 0.3)
    done = rescale_to_threshold(task, scores, found)
    assert (done[:, :10] == scores[:, :10]).all()
    assert (task.decide(done)[:25, 3:] == labels.values[:25, 3:]).all()
