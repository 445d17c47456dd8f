"""The classical floor: gradients are counted by orientation, in blocks of length 1."""

import inspect

import pytest
import torch

from abawbench import losses
from abawbench.contracts import UsageError
from abawbench_plugins.models.floors.hog import HOG, HOGSettings, OrientedGradients
from abawbench_plugins.tasks import expr


def stripes(angle: float) -> torch.Tensor:
    """An image [1, 3, 32, 32] whose grey changes along one direction only, given in degrees."""
    row, column = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    way = torch.deg2rad(torch.tensor(angle))
    return ((column * way.cos() + row * way.sin()) / 64 + 0.3).expand(1, 3, 32, 32)


@pytest.mark.parametrize("bin_", range(9))
def test_a_ramp_votes_for_its_own_orientation_alone(bin_: int) -> None:
    blocks = OrientedGradients(8)(stripes(20 * bin_ + 10)).view(4 * 9, 3, 3)[:, 1, 1].view(4, 9)
    assert blocks.argmax(dim=1).tolist() == [bin_] * 4


def test_contrast_and_light_change_nothing_and_blocks_have_length_one() -> None:
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    features = OrientedGradients(8)(image)
    torch.testing.assert_close(OrientedGradients(8)(0.5 * image + 0.2), features, atol=1e-3, rtol=0)
    lengths = features.view(2, 36, 9).square().sum(dim=1).sqrt()
    torch.testing.assert_close(lengths, torch.ones(2, 9), atol=1e-3, rtol=0)


def test_only_the_linear_layer_is_trained_and_there_are_no_weights() -> None:
    model = HOG(HOGSettings(image=32))
    network = model.network(expr.task(), model.weights(None, synthetic=False))
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained == {"head.body.weight", "head.body.bias"}
    with pytest.raises(UsageError, match="no weights"):
        model.weights("imagenet", synthetic=False)


def test_an_image_that_its_cells_do_not_fill_is_refused() -> None:
    with pytest.raises(UsageError, match="multiple of the cell"):
        HOGSettings(image=100, cell=8)


def test_its_losses_take_the_options_it_gives_them() -> None:
    settings = HOGSettings()
    for kind, options in settings.loss_options.items():
        loss = getattr(losses, settings.loss[kind].partition(":")[2])
        assert options.keys() <= inspect.signature(loss).parameters.keys()
