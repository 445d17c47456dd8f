"""MixAugment of the official baselines: clips are mixed in pairs, and so are their labels."""

import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import ImageBatch, UsageError
from abawbench_plugins.models.official.mixing import Mixer, mix_images


def test_a_mixture_is_the_weighted_mean_of_two_clips_frame_by_frame() -> None:
    images = torch.tensor([0, 100, 200, 40], dtype=torch.uint8).view(4, 1, 1, 1)
    found, places = mix_images(images, torch.tensor([[0, 1], [2, 3]]), torch.tensor([1, 0]), 0.75)
    assert found[places].flatten(1).tolist() == [[50, 85], [150, 55]]


def test_the_loss_on_a_mixture_is_that_on_the_mixed_label() -> None:
    logits, target = torch.randn(4, 1, 3), torch.tensor([[0], [1], [2], [1]])
    batch = ImageBatch(
        torch.zeros(4, 3, 2, 2, dtype=torch.uint8),
        torch.arange(4).view(4, 1),
        target,
        torch.ones(4, 1, dtype=torch.bool),
    )
    seen: list[Tensor] = []

    def loss_on(mixed: ImageBatch) -> Tensor:
        seen.append(mixed.target)
        return nn.functional.cross_entropy(logits.flatten(0, 1), mixed.target.flatten())

    found = Mixer(0.4, 3)(batch, loss_on)
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


def test_mixing_goes_on_from_a_state() -> None:
    undisturbed, killed, resumed = Mixer(0.1, 1), Mixer(0.1, 1), Mixer(0.1, 1)
    undisturbed._share()
    killed._share()
    resumed.load_state_dict(killed.state_dict())
    assert resumed._share() == undisturbed._share()


def test_a_share_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UsageError, match="mix=-1"):
        Mixer(-1, 0)
