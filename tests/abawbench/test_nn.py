"""The base of clip networks: embed and head together, frozen parts, and frames that clips share."""

import torch
from torch import Tensor, nn

from abawbench.nn import ClipNetwork, freeze, gather, is_frozen


class Mean(nn.Module):
    """A head that gives one output per clip."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        out: Tensor = self.linear(gather(features, index).mean(1))
        return out


def network(*, frozen: bool) -> ClipNetwork:
    torch.manual_seed(0)
    embed = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ClipNetwork(freeze(embed) if frozen else embed, Mean())


def test_a_clip_network_is_its_embed_and_its_head() -> None:
    module, clips = network(frozen=True).eval(), torch.randn(2, 5, 3, 8, 8)
    features = module.embed(clips.flatten(0, 1))
    torch.testing.assert_close(module(clips), module.head(features, torch.arange(10).view(2, 5)))


def test_frames_shared_by_clips_need_to_be_computed_once() -> None:
    module, images = network(frozen=True).eval(), torch.randn(6, 3, 8, 8)
    index = torch.tensor([[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 5, 5]])
    torch.testing.assert_close(module.head(module.embed(images), index), module(images[index]))


def test_gather_keeps_every_other_dimension_and_passes_gradients_on() -> None:
    features = torch.randn(4, 2, 3, requires_grad=True)
    index = torch.tensor([[0, 0, 3]])
    found = gather(features, index)
    assert torch.equal(found, features[index])
    found.sum().backward()
    assert features.grad is not None
    assert features.grad[:, 0, 0].tolist() == [2, 0, 0, 1]


def test_a_frozen_embed_keeps_its_statistics_while_the_head_trains() -> None:
    module = network(frozen=True).train()
    before = {name: value.clone() for name, value in module.embed.state_dict().items()}
    module(torch.randn(2, 5, 3, 8, 8)).sum().backward()
    assert module.head.training
    assert not any(part.training for part in module.embed.modules())
    assert all(torch.equal(before[name], value) for name, value in module.embed.state_dict().items())
    assert all(parameter.grad is None for parameter in module.embed.parameters())


def test_an_embed_that_trains_is_left_in_training_mode() -> None:
    assert network(frozen=False).train().embed.training


def test_only_a_frozen_embed_with_parameters_is_worth_keeping_results_of() -> None:
    assert is_frozen(network(frozen=True).embed)
    assert not is_frozen(network(frozen=False).embed)
    assert not is_frozen(nn.Identity())
    assert is_frozen(freeze(nn.Linear(1, 1)))
