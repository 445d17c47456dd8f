"""Images changed at random in training, each by itself, all of a batch at once on the device that has them.

The operations are torchvision's (``torchvision.transforms.v2``) on uint8 images, which a test holds them to; there an
image has a kernel call of its own for each.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import pad

COLOURS = ("brightness", "contrast", "saturation")
GREY = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in a grey value."""
ERASED = 0.1
"""Share of an image that is erased."""
RATIOS = (0.7, 1.3)
"""Smallest and largest height of the erased part over its width."""
SHARPEST = 0.1
"""Smallest sigma of the blur, in pixels."""


def augment(images: Tensor, how: Mapping[str, float]) -> Tensor:
    """Return images uint8 [U, 3, H, W] changed as ``Recipe.augmentation`` says.

    Numbers are drawn from torch's generator of the CPU: a seed gives the same changes on every device.
    """
    drawn = _draw(len(images), how, images.device)
    x = images.to(torch.float32)
    x = torch.where(_over_images(drawn["flip"] < how.get("flip", 0.0)), x.flip(-1), x)
    if any(how.get(name) for name in COLOURS):
        x = jitter(x, drawn["factors"], drawn["order"])
    if how.get("erase"):
        hidden = erased(drawn["erase"], *images.shape[-2:]) & (drawn["erased"] < how["erase"])[:, None, None]
        x = x.masked_fill(hidden[:, None], 0.0)
    if how.get("blur"):
        x = blur(x, SHARPEST + drawn["sigma"] * max(how["blur"] - SHARPEST, 0.0))
    return x.to(torch.uint8)


def _draw(count: int, how: Mapping[str, float], device: torch.device) -> dict[str, Tensor]:
    """Return what is drawn for each image, the same numbers whatever is asked for."""
    largest = torch.tensor([how.get(name, 0.0) for name in COLOURS])
    drawn = {
        "flip": torch.rand(count),
        "factors": 1 + (2 * torch.rand(count, 3) - 1) * largest,
        "order": torch.rand(count, 3).argsort(dim=1),
        "erased": torch.rand(count),
        "erase": torch.rand(count, 3),
        "sigma": torch.rand(count),
    }
    return {name: value.to(device) for name, value in drawn.items()}


def jitter(x: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Return images [U, 3, H, W] of whole numbers with brightness, contrast and saturation times ``factors`` [U, 3].

    ``order`` [U, 3] says which of the three comes first, second and third. Values are cut to [0, 255] and rounded down
    each time.
    """
    for place in range(3):
        now = order[:, place]
        factor = _over_images(factors.gather(1, now[:, None]).squeeze(1))
        grey = _grey(x)
        mean = grey.mean(dim=(-2, -1), keepdim=True)
        towards = torch.where(_over_images(now == 0), torch.zeros_like(mean), mean)
        other = torch.where(_over_images(now == 2), grey, towards)
        x = (x * factor + other * (1 - factor)).clamp(0, 255).floor()
    return x


def erased(numbers: Tensor, height: int, width: int) -> Tensor:
    """Return bool [U, H, W], true in a rectangle of a tenth of each image; ``numbers`` [U, 3] are uniform in [0, 1)."""
    low, high = (math.log(ratio) for ratio in RATIOS)
    ratio = (low + numbers[:, 0] * (high - low)).exp()
    tall = (ERASED * height * width * ratio).sqrt().round().clamp(max=height)
    wide = (ERASED * height * width / ratio).sqrt().round().clamp(max=width)
    top = (numbers[:, 1] * (height - tall + 1)).floor()
    left = (numbers[:, 2] * (width - wide + 1)).floor()
    rows, columns = (torch.arange(size, device=numbers.device) for size in (height, width))
    in_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    in_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    return in_rows[:, :, None] & in_columns[:, None, :]


def blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Return images [U, 3, H, W] under a Gaussian of 3 x 3 pixels with ``sigma`` [U], rounded; edges are mirrored."""
    side = (-0.5 / sigma.square()).exp()
    side, middle = (_over_images(one / (1 + 2 * side)) for one in (side, torch.ones_like(side)))
    x = pad(x, (1, 1, 1, 1), mode="reflect")
    x = side * (x[..., :-2] + x[..., 2:]) + middle * x[..., 1:-1]
    return (side * (x[..., :-2, :] + x[..., 2:, :]) + middle * x[..., 1:-1, :]).round()


def _grey(x: Tensor) -> Tensor:
    red, green, blue = x.unbind(dim=1)
    return (GREY[0] * red + GREY[1] * green + GREY[2] * blue).floor()[:, None]


def _over_images(values: Tensor) -> Tensor:
    return values[:, None, None, None]
