"""Anti-aliased shapes given in head coordinates: where the pose of the head meets the pixels."""

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.person import Colour

Points = NDArray[np.float64]

_SHIFT = 4
_TURN = math.radians(28)
_FILL = 0.46


class Canvas:
    """An RGB image that is drawn on in head coordinates.

    x points right and y down in the image, the unit is half a face height, the origin lies between the eyes and the
    mouth, and `depth` is how far a shape stands out of the plane of the head: it decides how turning the head moves
    the shape.
    """

    def __init__(
        self,
        image: NDArray[np.uint8],
        *,
        dx: float = 0.0,
        dy: float = 0.0,
        roll: float = 0.0,
        scale: float = 1.0,
        yaw: float = 0.0,
        pitch: float = 0.0,
    ) -> None:
        size = image.shape[0]
        unit = _FILL * size * scale * (1 << _SHIFT)
        cosine, sine = math.cos(math.radians(roll)) * unit, math.sin(math.radians(roll)) * unit
        rotate = np.array([[cosine, -sine], [sine, cosine]])
        self.image = image
        self._matrix = (rotate * (math.cos(yaw * _TURN), math.cos(pitch * _TURN))).T.copy()
        self._depth = rotate @ (math.sin(yaw * _TURN), math.sin(pitch * _TURN))
        self._origin = ((size - 1) / 2 + np.array([dx, dy]) * 2 * _FILL * size) * (1 << _SHIFT)
        self._thickness = max(1, round(size / 112))

    def fill(self, points: Points, colour: Colour, depth: float = 0.0) -> None:
        """Fill the polygon through `points` [N, 2]."""
        cv2.fillPoly(self.image, [self._place(points, depth)], colour, cv2.LINE_AA, _SHIFT)

    def line(self, points: Points, colour: Colour, depth: float = 0.0, thickness: int = 1, close: bool = False) -> None:
        """Draw a line through `points` [N, 2], `thickness` in pixels of a 112-pixel image."""
        width = thickness * self._thickness
        cv2.polylines(self.image, [self._place(points, depth)], close, colour, width, cv2.LINE_AA, _SHIFT)

    def _place(self, points: Points, depth: float) -> NDArray[np.int32]:
        """Fixed-point pixel coordinates of points in head coordinates, int32 [N, 2]."""
        placed = points @ self._matrix
        placed += self._origin + depth * self._depth
        return np.rint(placed, out=placed).astype(np.int32)


def curve(start: tuple[float, float], middle: tuple[float, float], end: tuple[float, float]) -> Points:
    """Nine points of the parabola from `start` through `middle` (at its half) to `end`, float64 [9, 2]."""
    points: Points = _basis() @ np.array((start, middle, end))
    return points


def oval(x: float, y: float, width: float, height: float) -> Points:
    """Twenty points around an axis-parallel ellipse with these half axes, float64 [20, 2]."""
    return _circle() * (width, height) + (x, y)


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    """The colour `amount` of the way from the first to the second."""
    rest = 1.0 - amount
    return (
        first[0] * rest + second[0] * amount,
        first[1] * rest + second[1] * amount,
        first[2] * rest + second[2] * amount,
    )


def darker(colour: Colour, amount: float) -> Colour:
    """The colour with `amount` of its light taken away; a negative amount adds light."""
    keep = 1.0 - amount
    return min(255.0, colour[0] * keep), min(255.0, colour[1] * keep), min(255.0, colour[2] * keep)


@cache
def _basis() -> Points:
    """Weights of start, middle and end along a parabola, float64 [9, 3]."""
    t = np.linspace(0.0, 1.0, 9)
    return np.stack([(1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)], axis=1)


@cache
def _circle() -> Points:
    """Points of the unit circle, float64 [20, 2]."""
    angle = np.arange(20) * (2 * np.pi / 20)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
