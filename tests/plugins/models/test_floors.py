"""The floors say what can be had without looking."""

from typing import Any

import numpy as np
import pytest

from abawbench.contracts import BaseSettings, LabelledTrack, Labels, Task, Track, UsageError
from abawbench.plugins import default_plugins
from abawbench_plugins.models.floors.predictors import Constant, Prior, Random

pytestmark = pytest.mark.slow


class Silent(Track):
    """A track that fails whoever looks at it."""

    def __init__(self, name: str, n_frames: int) -> None:
        self.id, self.n_frames = name, n_frames

    def frame_mask(self) -> Any:
        raise AssertionError("a floor looks at no frame")

    frames = frame_files = frame_mask


def task(name: str) -> Task:
    return default_plugins().get("task", name).build()


def labelled(values: Any) -> list[LabelledTrack]:
    """A track to learn from; the last of its labels is not annotated."""
    array = np.array(values)
    return [LabelledTrack(Silent("t", len(array)), Labels(array, np.arange(len(array)) != len(array) - 1))]


EXPR = labelled([1, 1, 2, 7, 0])


def test_the_constant_is_the_majority_the_mean_or_the_prevalence() -> None:
    model = Constant(BaseSettings())
    model.fit(task("expr"), EXPR, 0)
    assert model.predict(task("expr"), Silent("a", 3)).argmax(axis=1).tolist() == [1, 1, 1]
    model.fit(task("va"), labelled([[0.2, 0.0], [0.4, 1.0], [9, 9]]), 0)
    np.testing.assert_allclose(model.predict(task("va"), Silent("a", 2)), [[0.3, 0.5]] * 2)
    model.fit(task("au"), labelled([[1] * 12, [0] * 12, [1] * 12, [0] * 12]), 0)
    np.testing.assert_allclose(model.predict(task("au"), Silent("a", 1)), np.full((1, 12), 2 / 3))


def test_the_prior_draws_labels_as_often_as_they_are() -> None:
    model = Prior(BaseSettings())
    model.fit(task("expr"), EXPR, 0)
    drawn = model.predict(task("expr"), Silent("a", 4000)).mean(axis=0)
    np.testing.assert_allclose(drawn[[1, 2, 7]], [0.5, 0.25, 0.25], atol=0.03)
    assert drawn.sum() == 1


def test_random_learns_nothing_and_stays_in_range() -> None:
    model = Random(BaseSettings())
    for name, low, high in (("va", -1, 1), ("emi", 0, 1), ("au", 0, 1)):
        width = len(task(name).outputs)
        model.fit(task(name), labelled(np.full((3, width), 0.5)), 0)
        found = np.concatenate([model.predict(task(name), Silent(str(i), 500)) for i in range(100)])
        assert low <= found.min() < low + 0.1
        assert high - 0.1 < found.max() <= high


def test_a_track_has_draws_of_its_own_that_a_seed_repeats() -> None:
    model = Random(BaseSettings())
    model.fit(task("expr"), EXPR, 1)
    one, other = (model.predict(task("expr"), Silent(name, 5)) for name in ("a", "b"))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, model.predict(task("expr"), Silent("a", 5)))
    model.fit(task("expr"), EXPR, 2)
    assert not np.array_equal(one, model.predict(task("expr"), Silent("a", 5)))


def test_every_part_of_several_tasks_has_its_own() -> None:
    mtl = task("mtl")
    values = np.zeros((3, mtl.part_columns[-1].stop))
    model = Constant(BaseSettings())
    known = Labels(values, np.ones((3, len(mtl.parts)), dtype=np.bool_))
    model.fit(mtl, [LabelledTrack(Silent("t", 3), known)], 0)
    assert model.predict(mtl, Silent("a", 4)).shape == (4, len(mtl.outputs))


def test_weights_are_refused() -> None:
    with pytest.raises(UsageError, match="has no weights"):
        Constant(BaseSettings()).weights("imagenet", synthetic=True)
