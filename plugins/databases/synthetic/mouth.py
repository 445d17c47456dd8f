"""The mouth of a drawn face, where eight of the twelve action units meet."""

from typing import Protocol

import numpy as np

from abawbench_plugins.databases.synthetic.canvas import Canvas, Points, curve, darker, mix
from abawbench_plugins.databases.synthetic.person import Person

_UPPER_BOW = np.array([0.0, 0.45, 0.80, 1.05, 0.88, 1.05, 0.80, 0.45, 0.0])
_UPPER_SQUARE = np.array([0.0, 0.85, 1.15, 1.10, 1.0, 1.10, 1.15, 0.85, 0.0])
_LOWER = np.array([0.0, 0.45, 0.80, 0.97, 1.0, 0.97, 0.80, 0.45, 0.0])


class MouthActions(Protocol):
    """Intensities of the action units that move a mouth."""

    @property
    def au10(self) -> float:
        """Upper lip raiser."""

    @property
    def au12(self) -> float:
        """Lip corner puller."""

    @property
    def au15(self) -> float:
        """Lip corner depressor."""

    @property
    def au23(self) -> float:
        """Lip tightener."""

    @property
    def au24(self) -> float:
        """Lip pressor."""

    @property
    def au25(self) -> float:
        """Lips part."""

    @property
    def au26(self) -> float:
        """Jaw drop."""


def draw_mouth(canvas: Canvas, person: Person, actions: MouthActions) -> None:
    """Draw lips, what shows between them, the lines around them and the moustache above."""
    a = actions
    half = person.mouth_width * (1 + 0.26 * a.au12 - 0.30 * a.au24 - 0.06 * a.au23 - 0.10 * a.au26)
    centre = person.mouth_y + 0.03 * a.au26 - 0.02 * a.au24
    corner = centre - person.mouth_curvature - 0.15 * a.au12 + 0.14 * a.au15 + 0.03 * a.au26
    gap = (0.085 * a.au25 + 0.20 * a.au26) * (1 - 0.55 * a.au24) * (1 - 0.25 * a.au23)
    thin = (1 - 0.62 * a.au23) * (1 - 0.45 * a.au24)
    upper_lip, lower_lip = person.lip_upper * thin + 0.035 * a.au10, person.lip_lower * thin

    left, right = (-half, corner + person.asymmetry), (half, corner - person.asymmetry)
    upper = curve(left, (0.0, centre - 0.25 * gap - 0.055 * a.au10), right)
    lower = curve(left, (0.0, centre + 0.75 * gap), right)
    bow = _UPPER_BOW + (_UPPER_SQUARE - _UPPER_BOW) * min(1.0, a.au10)
    above = upper - _down(bow * upper_lip)
    below = lower + _down(_LOWER * lower_lip)

    if person.moustache > 0:
        hair = mix(person.skin, person.hair_colour, person.moustache)
        brush = np.concatenate([above - _down(_UPPER_BOW * 0.085), (above + _down(0.012))[::-1]])
        canvas.fill(brush, hair, 0.33)
    if person.beard > 0:
        canvas.fill(np.concatenate([above - _down(0.01), (below + _down(0.03))[::-1]]), person.skin, 0.29)
    lips = mix(person.lip_colour, darker(person.skin, 0.30), min(1.0, 0.45 * a.au23 + 0.35 * a.au24))
    canvas.fill(np.concatenate([above, upper[::-1]]), darker(lips, 0.10), 0.30)
    canvas.fill(np.concatenate([lower, below[::-1]]), lips, 0.30)
    if gap > 0.008:
        _draw_inside(canvas, upper, lower, gap, a)
    pressed = min(1.0, a.au24)
    seam = darker(lips, 0.45 + 0.3 * pressed)
    canvas.line(upper, seam, 0.30, thickness=2 if pressed > 0.4 and gap < 0.04 else 1)
    _draw_lines(canvas, person, a, above, below)


def _draw_inside(canvas: Canvas, upper: Points, lower: Points, gap: float, a: MouthActions) -> None:
    """Teeth and darkness between the lips."""
    canvas.fill(np.concatenate([upper, lower[::-1]]), (58.0, 14.0, 18.0), 0.28)
    teeth = min(0.9, (0.02 + 0.05 * a.au25 + 0.03 * a.au10) / gap)
    canvas.fill(np.concatenate([upper, (upper + (lower - upper) * teeth)[::-1]]), (240.0, 236.0, 224.0), 0.28)
    if gap > 0.14:
        tongue = lower - (lower - upper) * 0.28
        canvas.fill(np.concatenate([tongue[2:7], lower[2:7][::-1]]), (186.0, 84.0, 88.0), 0.28)


def _draw_lines(canvas: Canvas, person: Person, a: MouthActions, above: Points, below: Points) -> None:
    """Dimples (AU12), folds under the corners (AU15), creases of tight (AU23) and pressed (AU24) lips, the chin."""
    skin = person.skin
    for side, end in ((-1.0, above[0]), (1.0, above[-1])):
        x, y = float(end[0]), float(end[1])
        if a.au12 > 0.03:
            dimple = curve((x + side * 0.03, y - 0.06), (x + side * 0.055, y), (x + side * 0.03, y + 0.05))
            canvas.line(dimple, darker(skin, 0.45 * min(1.0, a.au12)), 0.28)
        if a.au15 > 0.03:
            fold = curve((x + side * 0.01, y), (x + side * 0.05, y + 0.06), (x + side * 0.03, y + 0.14))
            canvas.line(fold, darker(skin, 0.5 * min(1.0, a.au15)), 0.28)
        if a.au24 > 0.03:
            crease = np.array([(x + side * 0.035, y - 0.07), (x + side * 0.035, y + 0.08)])
            canvas.line(crease, darker(skin, 0.5 * min(1.0, a.au24)), 0.28)
    if a.au23 > 0.03:
        crease_colour = darker(skin, 0.32 * min(1.0, a.au23))
        for point in (1, 3, 5, 7):
            x, up, down = float(above[point, 0]), float(above[point, 1]), float(below[point, 1])
            canvas.line(np.array([(x, up - 0.02), (x * 1.08, up - 0.085)]), crease_colour, 0.3)
            canvas.line(np.array([(x, down + 0.02), (x * 1.08, down + 0.085)]), crease_colour, 0.3)
    floor = float(below[4, 1])
    depth = min(0.55, 0.14 + 0.12 * max(a.au15, 0.0) + 0.36 * a.au24)
    chin = curve((-0.15, floor + 0.10), (0.0, floor + 0.07 - 0.03 * a.au24), (0.15, floor + 0.10))
    canvas.line(chin, darker(skin, depth), 0.25)


def _down(amount: np.ndarray | float) -> Points:
    """Offsets that move nine points down by `amount` each, float64 [9, 2]."""
    return np.stack([np.zeros(9), np.broadcast_to(amount, 9)], axis=1)
