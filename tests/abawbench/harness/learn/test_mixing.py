"""MixAugment, class weights from the labels, and what a network adds to its loss."""

from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from abawbench.contracts import Clip, Labels, Recipe, Task, UsageError
from abawbench.harness.learn.balance import balanced
from abawbench.harness.learn.mixing import Mixer, mixed
from abawbench.harness.learn.training import fit, loss_of
from abawbench.progress import Progress


def task(kind: str, outputs: int = 3, **more: Any) -> Task:
    return Task(
        name="t",
        summary="",
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


def test_a_mixture_is_the_weighted_mean_of_two_clips_frame_by_frame() -> None:
    images = torch.tensor([0, 100, 200, 40], dtype=torch.uint8).view(4, 1, 1, 1)
    found, places = mixed(images, torch.tensor([[0, 1], [2, 3]]), torch.tensor([1, 0]), 0.75)
    assert found[places].flatten(1).tolist() == [[50, 85], [150, 55]]


def test_the_loss_on_a_mixture_is_that_on_the_mixed_label() -> None:
    logits, target = torch.randn(4, 1, 3), torch.tensor([[0], [1], [2], [1]])
    batch = {
        "inputs": (torch.zeros(4, 3, 2, 2, dtype=torch.uint8),),
        "index": torch.arange(4).view(4, 1),
        "target": target,
        "mask": torch.ones(4, 1, dtype=torch.bool),
    }
    seen: list[Tensor] = []

    def loss_on(inputs: Any, index: Any, labels: Tensor, mask: Tensor) -> Tensor:
        seen.append(labels)
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())

    found = Mixer(0.4, 3).loss(batch, loss_on)
    one_hot = [nn.functional.one_hot(labels.flatten(), 3).float() for labels in seen]
    shares = torch.linspace(0, 1, 10_001)[:, None, None]
    soft = shares * one_hot[0] + (1 - shares) * one_hot[1]
    losses = -(soft * logits.flatten(0, 1).log_softmax(-1)).sum(-1).mean(-1)
    assert (losses - found).abs().min() < 1e-4
    assert sorted(seen[0].flatten().tolist()) == sorted(seen[1].flatten().tolist())


def test_the_same_seed_mixes_alike_and_leaves_the_runs_own_numbers_alone() -> None:
    torch.manual_seed(5)
    shares = [[mixer._share() for _ in range(3)] for mixer in (Mixer(0.1, 1), Mixer(0.1, 1), Mixer(0.1, 2))]
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
    assert shares[0] == shares[1] != shares[2]
    assert all(0 <= share <= 1 for share in shares[0])


def test_features_cannot_be_mixed() -> None:
    batch = {"inputs": (torch.zeros(2, 4),), "index": torch.zeros(2, 1), "target": None, "mask": None}
    with pytest.raises(UsageError, match="mix needs images"):
        Mixer(0.1, 0).loss(batch, lambda *_: torch.zeros(()))
    with pytest.raises(UsageError, match="mix=-1"):
        Mixer(-1, 0)


def test_balanced_weights_are_those_of_the_publication() -> None:
    # largest count / count for classes, negatives / positives for labels; frames that are not annotated do not count
    classes = Labels(np.array([0, 0, 0, 0, 1, 1, 2, 2, 2]), np.array([True] * 7 + [False] * 2))
    assert balanced(task("multiclass"), [classes]) == [1.0, 2.0, 4.0]
    units = Labels(np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]), np.ones(4, dtype=np.bool_))
    assert balanced(task("multilabel"), [units]) == pytest.approx([3.0, 1.0, 1 / 3])
    with pytest.raises(UsageError, match="balanced needs"):
        balanced(task("regression"), [units])


def test_a_recipe_may_ask_for_balanced_weights() -> None:
    known = Labels(np.array([0, 0, 0, 1, 2]), np.ones(5, dtype=np.bool_))
    recipe = Recipe(loss_options={"multiclass": {"class_weights": "balanced"}})
    logits, target, mask = torch.randn(5, 3), torch.tensor([0, 0, 0, 1, 2]), torch.ones(5, dtype=torch.bool)
    found = loss_of(task("multiclass"), recipe, [known])(logits, target, mask)
    expected = nn.functional.cross_entropy(logits, target, weight=torch.tensor([1.0, 3.0, 3.0]))
    torch.testing.assert_close(found, expected)


class Untrained(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 2, 1).requires_grad_(False)
        self.head = nn.Linear(2, 2).requires_grad_(False)


def test_a_network_without_a_trained_part_is_left_as_it_is() -> None:
    network: Any = Untrained()
    before = network.head.weight.clone()
    unused: Any = None
    fitted = fit(
        network,
        Clip(length=1, stride=1, size=8),
        task("multiclass", 2),
        Recipe(),
        unused,
        [],
        [],
        [],
        accelerator=Accelerator(cpu=True),
        seed=0,
        evaluate=lambda _: 0.0,
        progress=Progress(),
    )
    assert fitted.log == []
    assert torch.equal(network.head.weight, before)
