"""Faces in a picture: ``detect_faces(frame)`` gives boxes, landmarks and scores by the three networks of MTCNN.

Source: Zhang et al. (2016), Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks,
arXiv 1604.02878. The weights are read from the wheel of facenet-pytorch (MIT); none of its code is imported, and what
it depends on is not needed. Where the paper is silent the numbers are those under which these weights work: coordinates
count from 1 to the last pixel included, as in Matlab, and maps are flattened by columns.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.ops import nms

from abawbench.contracts.errors import UsageError
from abawbench.weights.detector import MTCNN, NAME
from abawbench.weights.obtain import fetch_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELL, STRIDE = 12, 2
"""Pixels that one place of the first network's map sees, and from one place to the next."""
SHRINK = 0.709
"""From one size of the picture to the next, so that the area halves."""
THRESHOLDS = (0.6, 0.7, 0.7)
"""From which score on a box passes the first, the second and the third network."""
BATCH = 512
"""Boxes that a network looks at together."""


class Faces(NamedTuple):
    """The faces of one frame, the surest first; N may be 0."""

    boxes: "NDArray[np.float32]"
    """[N, 4]: left, top, right, bottom in pixels of the frame; they may reach past its edge."""
    landmarks: "NDArray[np.float32]"
    """[N, 5, 2]: x and y of the eyes, the nose and the corners of the mouth, each pair from left to right."""
    scores: "NDArray[np.float32]"
    """[N], from 0.7 to 1."""


def detect_faces(frame: "NDArray[np.uint8]", *, smallest: int = 20) -> Faces:
    """Return the faces in a frame, RGB uint8 [H, W, 3].

    ``smallest`` is the side in pixels of the smallest face looked for; twice as large takes a quarter of the time.
    Raises UsageError for another kind of array, and with the command that installs the weights where they are missing.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != "uint8":
        raise UsageError(f"faces are found in RGB frames, uint8 [H, W, 3]; this is {frame.dtype} {list(frame.shape)}")
    if smallest < CELL:
        raise UsageError(f"smallest={smallest} is not possible; give {CELL} pixels or more")
    first, second, third = load_networks()
    image = torch.tensor(frame).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        boxes = _propose(image, first, smallest)
        boxes = _refine(image, boxes, second)
        boxes, points, scores = _locate(image, boxes, third)
    return Faces(boxes.numpy(), points.numpy(), scores.numpy())


@lru_cache(maxsize=1)
def load_networks() -> "tuple[Stage, Stage, Stage]":
    """Return the three networks with their weights, read once. Raises UsageError where these are missing or foreign."""
    path = fetch_weights(MTCNN, NAME)
    networks = build_networks()
    for network, file in zip(networks, MTCNN.files, strict=True):
        network.read(torch.load(path.with_name(file.rpartition("/")[2]), map_location="cpu", weights_only=True))
    return networks


def build_networks() -> "tuple[Stage, Stage, Stage]":
    """Return the three networks with random parameters, in eval mode; they see 12, 24 and 48 pixels square."""
    first = Stage(
        {
            **_convolution(1, 3, 10, 3), "pool1": _pool(2),
            **_convolution(2, 10, 16, 3), **_convolution(3, 16, 32, 3),
        },
        {"conv4_1": nn.Conv2d(32, 2, 1), "conv4_2": nn.Conv2d(32, 4, 1)},
    )  # fmt: skip
    second = Stage(
        {
            **_convolution(1, 3, 28, 3), "pool1": _pool(3), **_convolution(2, 28, 48, 3), "pool2": _pool(3),
            **_convolution(3, 48, 64, 2), "columns": Columns(), **_dense(4, 576, 128),
        },
        {"dense5_1": nn.Linear(128, 2), "dense5_2": nn.Linear(128, 4)},
    )  # fmt: skip
    third = Stage(
        {
            **_convolution(1, 3, 32, 3), "pool1": _pool(3), **_convolution(2, 32, 64, 3), "pool2": _pool(3),
            **_convolution(3, 64, 64, 3), "pool3": _pool(2), **_convolution(4, 64, 128, 2),
            "columns": Columns(), **_dense(5, 1152, 256),
        },
        {"dense6_1": nn.Linear(256, 2), "dense6_2": nn.Linear(256, 4), "dense6_3": nn.Linear(256, 10)},
    )  # fmt: skip
    return first, second, third


class Stage(nn.Module):
    """A network of the cascade: layers in order, then heads side by side.

    Images [U, 3, S, S] of pixels from 0 to 255 to the probability of a face [U, ...], then the corrections of its box
    [U, 4, ...] and, from the third network, its points [U, 10].
    """

    def __init__(self, trunk: Mapping[str, nn.Module], heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.trunk = nn.Sequential(OrderedDict(trunk))
        self.heads = nn.ModuleDict(heads)
        self.eval()

    def read(self, state: Mapping[str, Tensor]) -> None:
        """Take the parameters of a file, which names the layers without the two groups."""
        own = {
            f"{'heads' if name.partition('.')[0] in self.heads else 'trunk'}.{name}": value
            for name, value in state.items()
        }
        try:
            self.load_state_dict(own)
        except RuntimeError as error:
            raise UsageError(f"{MTCNN.what} has other layers than expected; install {MTCNN.package}") from error

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the probability of a face and what the other heads say."""
        seen = self.trunk((images - 127.5) / 128)
        face, *others = (head(seen) for head in self.heads.values())
        return [face.softmax(dim=1)[:, 1], *others]


class Columns(nn.Module):
    """Maps [U, C, H, W] flattened by columns, [U, W * H * C]."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return them flat."""
        return maps.permute(0, 3, 2, 1).flatten(1)


def _convolution(number: int, into: int, out: int, size: int) -> dict[str, nn.Module]:
    return {f"conv{number}": nn.Conv2d(into, out, size), f"prelu{number}": nn.PReLU(out)}


def _dense(number: int, into: int, out: int) -> dict[str, nn.Module]:
    return {f"dense{number}": nn.Linear(into, out), f"prelu{number}": nn.PReLU(out)}


def _pool(size: int) -> nn.Module:
    return nn.MaxPool2d(size, 2, ceil_mode=True)


def _propose(image: Tensor, network: Stage, smallest: int) -> Tensor:
    """Return square boxes [N, 4] where the first network, run over ever smaller copies of the picture, sees a face."""
    height, width = image.shape[2:]
    kept = []
    scale = CELL / smallest
    while min(height, width) * scale >= CELL:
        small = interpolate(image, size=(int(height * scale + 1), int(width * scale + 1)), mode="area")
        faces, shifts = network(small)
        scores = faces[0]
        at = (scores >= THRESHOLDS[0]).nonzero()
        corner = STRIDE * at.flip(1) + 1
        boxes = torch.cat([(corner / scale).floor(), ((corner + CELL - 1) / scale).floor()], dim=1)
        chosen = scores[at[:, 0], at[:, 1]]
        found = torch.cat([boxes, chosen[:, None], shifts[0][:, at[:, 0], at[:, 1]].T], dim=1)
        kept.append(found[nms(boxes, chosen, 0.5)])
        scale *= SHRINK
    if not kept:
        return torch.zeros(0, 4)
    found = torch.cat(kept)
    found = found[nms(found[:, :4], found[:, 4], 0.7)]
    return _square(_shift(found[:, :4], found[:, 5:], extra=0))


def _refine(image: Tensor, boxes: Tensor, network: Stage) -> Tensor:
    """Return the boxes that the second network keeps, corrected and square."""
    boxes, (scores, shifts) = _look(image, boxes, network, 24)
    passed = scores > THRESHOLDS[1]
    boxes, scores, shifts = boxes[passed], scores[passed], shifts[passed]
    chosen = nms(boxes, scores, 0.7)
    return _square(_shift(boxes[chosen], shifts[chosen]))


def _locate(image: Tensor, boxes: Tensor, network: Stage) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes [N, 4], points [N, 5, 2] and scores [N] of what the third network takes for faces, sorted."""
    boxes, (scores, shifts, points) = _look(image, boxes, network, 48)
    passed = scores > THRESHOLDS[2]
    boxes, scores, shifts, points = boxes[passed], scores[passed], shifts[passed], points[passed]
    sides = (boxes[:, 2:] - boxes[:, :2] + 1)[:, None]
    places = points.view(-1, 2, 5).transpose(1, 2) * sides + boxes[:, None, :2] - 1
    boxes = _shift(boxes, shifts)
    chosen = _drop_inner(boxes, scores)
    return boxes[chosen], places[chosen], scores[chosen]


def _look(image: Tensor, boxes: Tensor, network: Stage, side: int) -> tuple[Tensor, list[Tensor]]:
    """Return the boxes that overlap the picture, and what a network says of each, resized to side x side pixels."""
    height, width = image.shape[2:]
    whole = boxes.trunc().int()
    left, top = whole[:, 0].clamp(min=1) - 1, whole[:, 1].clamp(min=1) - 1
    right, bottom = whole[:, 2].clamp(max=width), whole[:, 3].clamp(max=height)
    inside = (right > left) & (bottom > top)
    edges = torch.stack([left, top, right, bottom], dim=1)[inside].tolist()
    crops = [interpolate(image[:, :, y:y_end, x:x_end], size=(side, side), mode="area") for x, y, x_end, y_end in edges]
    batches = torch.split(torch.cat([*crops, image.new_zeros(0, 3, side, side)]), BATCH)
    said = [network(batch) for batch in batches]
    return boxes[inside], [torch.cat(parts) for parts in zip(*said, strict=True)]


def _shift(boxes: Tensor, shifts: Tensor, extra: int = 1) -> Tensor:
    """Return boxes whose edges moved by shares of their sides, which count both edges when ``extra`` is 1."""
    sides = boxes[:, 2:] - boxes[:, :2] + extra
    return boxes + shifts * sides.repeat(1, 2)


def _square(boxes: Tensor) -> Tensor:
    """Return squares of the longer side around the same centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.amax(dim=1, keepdim=True)
    start = boxes[:, :2] + (sides - longest) / 2
    return torch.cat([start, start + longest], dim=1)


def _drop_inner(boxes: Tensor, scores: Tensor) -> Tensor:
    """Return which boxes to keep, the surest first: none that overlaps a surer one by 70% of the smaller of the two."""
    order = scores.argsort(descending=True, stable=True)
    kept: list[int] = []
    area = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    for i in order.tolist():
        low = torch.maximum(boxes[kept, :2], boxes[i, :2])
        high = torch.minimum(boxes[kept, 2:], boxes[i, 2:])
        shared = (high - low + 1).clamp(min=0).prod(dim=1)
        if not (shared > 0.7 * torch.minimum(area[kept], area[i])).any():
            kept.append(i)
    return torch.tensor(kept, dtype=torch.long)
