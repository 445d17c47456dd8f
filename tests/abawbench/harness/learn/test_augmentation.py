"""Augmentation, all images of a batch at once, against torchvision's operations image by image."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional

from abawbench.harness.learn.augmentation import augment, blur, erased, jitter

OPERATIONS = (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation)


def images(count: int, seed: int = 0, size: int = 20) -> Tensor:
    return torch.randint(0, 256, (count, 3, size, size), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_colours_change_as_torchvision_changes_them(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    given, factors = images(6, seed), torch.rand(6, 3, generator=generator) * 1.5 + 0.25
    order = torch.rand(6, 3, generator=generator).argsort(dim=1)
    found = jitter(given.float(), factors, order).to(torch.uint8)
    for image, own, places, changed in zip(given, factors.tolist(), order.tolist(), found, strict=True):
        for place in places:
            image = OPERATIONS[place](image, own[place])
        # a mean of float32 may round to the other side: one level, which what follows makes up to 1.75 * 1.75 of
        assert (image.int() - changed.int()).abs().max() <= 4
        assert (image == changed).float().mean() > 0.99


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_blurred_images_are_torchvisions(seed: int) -> None:
    given = images(4, seed)
    sigma = torch.rand(4, generator=torch.Generator().manual_seed(seed)) * 0.9 + 0.1
    found = blur(given.float(), sigma).to(torch.uint8)
    for image, own, changed in zip(given, sigma.tolist(), found, strict=True):
        wanted = functional.gaussian_blur(image, [3, 3], [own, own])
        assert (wanted.int() - changed.int()).abs().max() <= 1
        assert (wanted == changed).float().mean() > 0.99


def test_a_tenth_of_an_image_is_erased_in_one_piece() -> None:
    hidden = erased(torch.rand(500, 3, generator=torch.Generator().manual_seed(0)), 112, 112)
    assert hidden.float().mean((1, 2)).sub(0.1).abs().max() < 0.003
    places = Counter()
    for one in hidden.numpy():
        rows, columns = np.flatnonzero(one.any(1)), np.flatnonzero(one.any(0))
        assert one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert one.sum() == len(rows) * len(columns)
        assert 0.69 < len(rows) / len(columns) < 1.31
        places[rows[0] < 39, columns[0] < 39] += 1
    assert min(places.values()) > 80


def test_each_image_is_changed_by_itself() -> None:
    same = images(1).expand(64, -1, -1, -1)
    how = {"flip": 0.5, "brightness": 0.5, "contrast": 0.25, "saturation": 0.25, "erase": 0.5, "blur": 1.0}
    torch.manual_seed(0)
    found = augment(same, how)
    assert found.dtype == torch.uint8
    assert len({one.numpy().tobytes() for one in found}) == 64
    torch.manual_seed(0)
    assert torch.equal(augment(same, how), found)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_that_is_mirrored_is_the_one_asked_for(share: float) -> None:
    given = images(400, size=4)
    torch.manual_seed(0)
    found = augment(given, {"flip": share})
    mirrored = (found == given.flip(-1)).flatten(1).all(1)
    assert (mirrored | (found == given).flatten(1).all(1)).all()
    assert mirrored.float().mean() == pytest.approx(share, abs=0.08)


def test_nothing_asked_for_leaves_images_as_they_are() -> None:
    given = images(5)
    assert torch.equal(augment(given, {"flip": 0, "blur": 0, "erase": 0, "contrast": 0}), given)
