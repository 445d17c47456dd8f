"""What a network learns from: class weights from the labels, and what a model or its head adds to the loss."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from abawbench.contracts import ImageBatch, LabelledTrack, Labels, LossOn, PluginError, Recipe, Task, UsageError
from abawbench.harness.data.inputs import no_inputs
from abawbench.harness.learn import optimisation
from abawbench.harness.learn.learner import NetworkLearner, Setting
from abawbench.harness.learn.optimisation import Optimisation, cut_annotated
from abawbench.harness.learn.recipe import loss_of
from abawbench.harness.request.protocol import OFFICIAL
from abawbench.losses import balance_classes
from abawbench.plugins import Plugins
from abawbench.progress import Progress


def make_task(kind: str, outputs: int = 3, **more: Any) -> Task:
    return Task(
        name="t",
        level="frame",
        kind=kind,  # type: ignore[arg-type]
        outputs=tuple("abcdef"[:outputs]),
        metric="",
        database="",
        label="",
        edition=8,
        activation="softmax" if kind == "multiclass" else "sigmoid",
        loss="abawbench.losses:cross_entropy" if kind == "multiclass" else "abawbench.losses:binary_cross_entropy",
        **more,
    )


def test_balanced_weights_are_those_of_the_publication() -> None:
    # largest count / count for classes, negatives / positives for labels; frames that are not annotated do not count
    classes = Labels(np.array([0, 0, 0, 0, 1, 1, 2, 2, 2]), np.array([True] * 7 + [False] * 2))
    assert balance_classes(make_task("multiclass"), [classes]) == [1.0, 2.0, 4.0]
    units = Labels(np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]), np.ones(4, dtype=np.bool_))
    assert balance_classes(make_task("multilabel"), [units]) == pytest.approx([3.0, 1.0, 1 / 3])
    with pytest.raises(UsageError, match="balanced needs"):
        balance_classes(make_task("regression"), [units])


def test_a_recipe_may_ask_for_balanced_weights() -> None:
    known = Labels(np.array([0, 0, 0, 1, 2]), np.ones(5, dtype=np.bool_))
    recipe = Recipe(loss_options={"multiclass": {"class_weights": "balanced"}})
    logits, target, mask = torch.randn(5, 3), torch.tensor([0, 0, 0, 1, 2]), torch.ones(5, dtype=torch.bool)
    found = loss_of(make_task("multiclass"), recipe, [known])(logits, target, mask)
    expected = nn.functional.cross_entropy(logits, target, weight=torch.tensor([1.0, 3.0, 3.0]))
    torch.testing.assert_close(found, expected)


@pytest.fixture
def learner(toys: Plugins, toy_model: Any) -> Callable[..., NetworkLearner]:
    """Build a learner of ``colour`` whose network stays as it is while it learns for an epoch."""
    task = toys.get("task", "colour").build()
    metric = toys.get("metric", task.metric).build(task)
    setting = Setting(task=task, metric=metric, protocol=OFFICIAL, accelerator=Accelerator(cpu=True))

    def build(network: nn.Module | None = None) -> NetworkLearner:
        torch.manual_seed(0)
        toy_model.settings = Recipe(epochs=1, lr=0.0, schedule="constant")
        return NetworkLearner(toy_model, network or toy_model.network(task, None), setting)

    return build


def loss_of_an_epoch(learner: NetworkLearner, toy_database: Any) -> float:
    found = toy_database.tracks("colour", "train")
    inputs = learner.embed([one.track for one in found], Progress())
    (row,) = learner.fit(inputs, found, 0, Progress())
    return row["loss"]


class Untrained(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 2, 1).requires_grad_(False)
        self.head = nn.Linear(2, 2).requires_grad_(False)


def test_a_network_without_a_trained_part_is_left_as_it_is(learner: Callable[..., NetworkLearner]) -> None:
    network = Untrained()
    before = network.head.weight.clone()
    assert learner(network).fit(no_inputs([]), [], 0, Progress()) == []
    assert torch.equal(network.head.weight, before)


@pytest.mark.slow
def test_the_loss_that_a_model_adds_is_on_images_and_labels(
    learner: Callable[..., NetworkLearner], toy_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, seen = learner(), []

    def again(batch: ImageBatch, loss_on: LossOn) -> Tensor:
        seen.append(batch)
        return loss_on(batch)

    alone = loss_of_an_epoch(plain, toy_database)
    monkeypatch.setattr(type(plain.model), "extra_loss", lambda self, seed: again)
    assert loss_of_an_epoch(learner(), toy_database) == pytest.approx(2 * alone, rel=1e-2)  # kept features are float16
    assert {batch.images.dtype for batch in seen} == {torch.uint8}
    assert all(batch.target.shape == batch.mask.shape == batch.index.shape for batch in seen)


@pytest.mark.slow
def test_a_head_may_add_a_penalty(
    learner: Callable[..., NetworkLearner], toy_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = learner()
    alone = loss_of_an_epoch(plain, toy_database)
    monkeypatch.setattr(type(plain.network.head), "penalty", lambda self: torch.tensor(3.0), raising=False)
    assert loss_of_an_epoch(learner(), toy_database) == pytest.approx(alone + 3)


def test_a_model_of_several_inputs_adds_no_loss_on_images(
    learner: Callable[..., NetworkLearner], toy_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = learner()
    monkeypatch.setattr(several.model, "extra_loss", lambda seed: lambda batch, loss_on: torch.zeros(()))
    monkeypatch.setattr(several.model, "inputs", frozenset({"frames", "audio"}))
    with pytest.raises(PluginError, match="'toy' adds a loss on images and sees more than frames"):
        loss_of_an_epoch(several, toy_database)


def optimise(learner: NetworkLearner, tracks: Sequence[LabelledTrack], **settings: Any) -> Optimisation:
    learner.model.settings = replace(learner.model.settings, **settings)
    return Optimisation(learner, learner.embed([one.track for one in tracks], Progress()), tracks, 0)


@pytest.mark.slow
def test_an_epoch_takes_the_share_of_the_batches_that_is_asked_for(
    learner: Callable[..., NetworkLearner], toy_database: Any
) -> None:
    tracks = toy_database.tracks("colour", "train")
    whole = optimise(learner(), tracks, batch=2)
    half = optimise(learner(), tracks, batch=2, epoch_share=0.5)
    assert half.steps == whole.steps // 2
    assert [clips for _, clips in half.run_epoch(1, 0)] == [2] * half.steps
    assert optimise(learner(), tracks, epoch_share=1e-9).steps == 1


def test_clips_of_annotated_frames_hold_no_other(learner: Callable[..., NetworkLearner], toy_database: Any) -> None:
    tracks = toy_database.tracks("colour", "train")
    one = learner()
    inputs = one.embed([one.track for one in tracks], Progress())
    clips = cut_annotated(inputs, tracks, one.model.clip)
    for number, (track, known) in enumerate((one.track, one.known) for one in tracks):
        mine = [clip for clip in clips if clip.track == number]
        frames = np.concatenate([clip.frames[clip.real] for clip in mine])
        assert frames.tolist() == np.flatnonzero(known.annotated & track.frame_mask()).tolist()
        assert all(clip.real.all() for clip in mine[:-1])


def test_augmentation_gives_the_network_images_of_its_own(
    learner: Callable[..., NetworkLearner], toy_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(optimisation, "augment", lambda images, how: seen.append((images.dtype, how)) or images)
    tracks = toy_database.tracks("colour", "train")
    found = optimise(learner(), tracks, augmentation={"flip": 0.5})
    assert len(list(found.run_epoch(1, 0))) == len(seen)
    assert set(map(str, seen)) == {"(torch.uint8, {'flip': 0.5})"}


def test_a_model_of_several_inputs_has_no_augmentation(
    learner: Callable[..., NetworkLearner], toy_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = learner()
    monkeypatch.setattr(several.model, "inputs", frozenset({"frames", "audio"}))
    with pytest.raises(UsageError, match="leave augmentation out"):
        optimise(several, toy_database.tracks("colour", "train"), augmentation={"flip": 0.5})
