"""Drawn faces: twelve facial action units, gaze, blinking, head movement, light and noise made visible.

The faces are cartoons and a model that reads them has learned nothing about real ones. What they keep of reality is
the structure of the problem: an action unit is a graded, local change that has to be told apart from the person, the
head pose, the light and the other action units that are active at the same time. The appearance changes follow the
descriptions of the Facial Action Coding System (Ekman, Friesen and Hager, 2002).
"""

import math
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.canvas import Canvas, curve, darker, mix, oval
from abawbench_plugins.databases.synthetic.head import draw_background, draw_hair, draw_skull
from abawbench_plugins.databases.synthetic.mouth import draw_mouth
from abawbench_plugins.databases.synthetic.person import Person

AU_NAMES = ("AU1", "AU2", "AU4", "AU6", "AU7", "AU10", "AU12", "AU15", "AU23", "AU24", "AU25", "AU26")
"""The action units of the ABAW AU detection task, in the order of its annotation files."""

RENDERING_VERSION = 1
"""Changes whenever the same person and state no longer give the same picture."""


def _rest() -> NDArray[np.float32]:
    return np.zeros(len(AU_NAMES), np.float32)


@dataclass(frozen=True, eq=False)
class State:
    """What changes from frame to frame.

    `au` holds intensities in [0, 1] in the order of `AU_NAMES`; `gaze` is (x, y) in [-1, 1], right and down in the
    image; `blink` runs from 0 (open) to 1 (closed). The head is moved by `dx` and `dy` (fractions of the face height),
    turned in the image by `roll` degrees and out of it by `yaw` and `pitch` in [-1, 1] (1 is 28 degrees), and sized by
    `scale`. Light has a `gain`, and falls off by `light_strength` in [0, 1] away from `light_angle` (radians).
    `noise` is the standard deviation of the sensor in grey levels.
    """

    au: NDArray[np.float32] = field(default_factory=_rest)
    gaze: tuple[float, float] = (0.0, 0.0)
    blink: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    yaw: float = 0.0
    pitch: float = 0.0
    gain: float = 1.0
    light_angle: float = 0.0
    light_strength: float = 0.0
    noise: float = 0.0


class Actions(NamedTuple):
    """Intensities of the action units by name, after the person's expressiveness."""

    au1: float
    au2: float
    au4: float
    au6: float
    au7: float
    au10: float
    au12: float
    au15: float
    au23: float
    au24: float
    au25: float
    au26: float


def draw(person: Person, state: State, rng: np.random.Generator, size: int = 112) -> NDArray[np.uint8]:
    """The face of a person in a state, uint8 RGB [size, size, 3].

    `rng` gives the sensor noise; the same person, state and generator state give the same bytes.
    """
    actions = Actions(*(np.clip(state.au, 0.0, 1.0) * person.expressiveness).tolist())
    image = np.empty((size, size, 3), np.uint8)
    draw_background(image, person)
    canvas = Canvas(
        image, dx=state.dx, dy=state.dy, roll=state.roll, scale=state.scale, yaw=state.yaw, pitch=state.pitch
    )
    draw_skull(canvas, person, actions.au26)
    _draw_cheeks(canvas, person, actions)
    _draw_nose(canvas, person, actions)
    draw_mouth(canvas, person, actions)
    for side in (-1.0, 1.0):
        _draw_eye(canvas, person, actions, state, side)
    _draw_forehead(canvas, person, actions)
    draw_hair(canvas, person)
    for side in (-1.0, 1.0):
        _draw_brow(canvas, person, actions, side)
    _draw_glasses(canvas, person)
    return _sense(image, state, rng)


def _draw_cheeks(canvas: Canvas, person: Person, actions: Actions) -> None:
    """Cheeks that AU6 lifts and brightens, and the fold from nose to mouth that AU10 and AU12 deepen."""
    lift = 0.10 * actions.au6 + 0.03 * actions.au12
    rosy = mix(person.skin, (225.0, 95.0, 95.0), 0.06 + 0.14 * person.blush + 0.16 * actions.au6)
    for side in (-1.0, 1.0):
        x, y = side * person.width * 0.56, 0.20 - lift
        canvas.fill(oval(x, y, 0.17 + 0.03 * actions.au6, 0.12 + 0.03 * actions.au6), rosy, 0.2)
        if actions.au6 > 0.02:
            pouch = curve((x - 0.17, y - 0.08), (x, y - 0.16), (x + 0.17, y - 0.08))
            canvas.line(pouch, darker(person.skin, 0.38 * actions.au6), 0.22)
        for freckle in range(person.freckles):
            reach, turn = 0.04 * (freckle + 1) ** 0.5, 2.4 * freckle
            spot = (x + 1.3 * reach * math.cos(turn), 0.17 + reach * math.sin(turn))
            canvas.fill(oval(*spot, 0.008, 0.008), darker(person.skin, 0.3), 0.2)
        wing = person.nose_width + 0.05
        depth = 0.06 + 0.12 * person.age
        upper = min(0.6, depth + 0.42 * actions.au10 + 0.15 * actions.au12)
        lower = min(0.6, depth * 0.7 + 0.32 * actions.au12 + 0.12 * actions.au10)
        top = 0.22 - 0.05 * actions.au10
        bend = (side * (wing + 0.10 + 0.05 * actions.au12 + 0.03 * actions.au10), top + 0.13)
        end = (side * (person.mouth_width + 0.07 + 0.09 * actions.au12), person.mouth_y - 0.03)
        below = curve(bend, ((bend[0] + end[0]) / 2 + side * 0.02, (bend[1] + end[1]) / 2), end)
        beside = curve((side * wing, top), (side * (wing + 0.07), top + 0.05), bend)
        canvas.line(below, darker(person.skin, lower), 0.25)
        canvas.line(beside, darker(person.skin, upper), 0.3)


def _draw_nose(canvas: Canvas, person: Person, actions: Actions) -> None:
    """A nose whose wings AU10 lifts and widens."""
    shade = darker(person.skin, 0.14)
    tip = person.eye_y + person.nose_length
    wide = person.nose_width * (1 + 0.18 * actions.au10)
    raised = 0.05 * actions.au10
    bridge = np.array([(-0.05, person.eye_y), (0.02, person.eye_y), (wide * 0.5, tip), (-wide * 0.8, tip)])
    canvas.fill(bridge, darker(person.skin, 0.05), 0.3)
    canvas.fill(oval(0.0, tip, wide * 0.75, 0.075), darker(person.skin, 0.02), 0.5)
    for side in (-1.0, 1.0):
        canvas.fill(oval(side * wide * 0.8, tip + 0.02 - raised, 0.05, 0.05), shade, 0.38)
        canvas.fill(oval(side * wide * 0.45, tip + 0.05 - raised * 0.6, 0.035, 0.018), darker(person.skin, 0.6), 0.42)


def _draw_eye(canvas: Canvas, person: Person, actions: Actions, state: State, side: float) -> None:
    """An eye that AU7 narrows from both sides, AU6 from below, and a blink closes."""
    x, y = side * person.eye_spacing, person.eye_y + side * person.asymmetry
    half, high = person.eye_width, person.eye_height
    inner, outer = (x - side * half, y + 0.01), (x + side * half, y - 0.01 + person.eye_tilt)
    bottom = y + high * 0.75 * (1 - 0.45 * actions.au6 - 0.55 * actions.au7)
    top = y - high * (1 + 0.12 * actions.au2 + 0.12 * actions.au1) * (1 - 0.50 * actions.au7)
    top += (bottom - top) * min(1.0, max(0.0, state.blink))
    upper, lower = curve(inner, (x, top), outer), curve(inner, (x, bottom), outer)

    opening = np.concatenate([upper, lower[::-1]])
    canvas.fill(opening, (238.0, 236.0, 232.0), 0.22)
    pupil_x, pupil_y = x + 0.45 * half * state.gaze[0], y - 0.1 * high + 0.45 * high * state.gaze[1]
    canvas.fill(oval(pupil_x, pupil_y, 0.082, 0.082), person.iris, 0.24)
    canvas.fill(oval(pupil_x, pupil_y, 0.036, 0.036), (12.0, 10.0, 10.0), 0.25)
    canvas.fill(oval(pupil_x - 0.03, pupil_y - 0.03, 0.014, 0.014), (250.0, 250.0, 250.0), 0.25)

    lid = darker(person.skin, person.lid_shade)
    canvas.fill(np.concatenate([upper, curve(outer, (x, y - 1.5 * high - 0.07), inner)]), lid, 0.22)
    canvas.fill(np.concatenate([lower, curve(outer, (x, y + 1.2 * high + 0.07), inner)]), person.skin, 0.22)
    canvas.line(upper, darker(person.skin, 0.75), 0.22, thickness=2 if actions.au7 > 0.5 else 1)
    canvas.line(lower, darker(person.skin, 0.25 + 0.3 * actions.au7), 0.22)
    fold = curve((inner[0], inner[1] - 0.03), (x, top - 0.05), (outer[0], outer[1] - 0.03))
    canvas.line(fold, darker(person.skin, 0.15 + person.lid_shade), 0.22)
    bag = curve((inner[0], bottom + 0.04), (x, bottom + 0.075), (outer[0], bottom + 0.03))
    canvas.line(bag, darker(person.skin, min(0.5, 0.12 * person.age + 0.38 * max(actions.au7, 0.6 * actions.au6))), 0.2)
    feet = 0.10 * person.age + 0.36 * actions.au6
    if feet > 0.04:
        reach = 0.07 + 0.07 * actions.au6
        for rise in (-0.055, 0.0, 0.055):
            start = (outer[0] + side * 0.025, outer[1] + 0.4 * rise)
            end = (start[0] + side * reach, start[1] + rise)
            canvas.line(np.array([start, end]), darker(person.skin, min(0.55, feet)), 0.12)


def _draw_brow(canvas: Canvas, person: Person, actions: Actions, side: float) -> None:
    """A brow: AU1 raises its inner end, AU2 its outer end, AU4 lowers it and draws it towards the other one."""
    base = person.eye_y - person.brow_height + side * person.asymmetry
    inner_x = person.eye_spacing - 0.19 - 0.085 * actions.au4
    outer_x = person.eye_spacing + 0.21
    inner = base + person.brow_slope - 0.17 * actions.au1 - 0.02 * actions.au2 + 0.12 * actions.au4
    middle = base - person.brow_arch - 0.06 * actions.au1 - 0.12 * actions.au2 + 0.075 * actions.au4
    outer = base + 0.035 - person.brow_slope - 0.18 * actions.au2 + 0.02 * actions.au4
    mean_x = (inner_x + outer_x) / 2
    ridge = curve((side * inner_x, inner), (side * mean_x, middle), (side * outer_x, outer))
    thickness = person.brow_thickness * np.linspace(1.0, 0.35, 9)[:, None] * (0.0, 1.0)
    colour = darker(mix(person.hair_colour, person.skin, 0.15), 0.25)
    canvas.fill(np.concatenate([ridge - thickness / 2, (ridge + thickness / 2)[::-1]]), colour, 0.27)


def _draw_forehead(canvas: Canvas, person: Person, actions: Actions) -> None:
    """Lines that AU1 draws in the middle of the forehead, AU2 at its sides and AU4 between the brows."""
    rest = 0.10 * max(0.0, person.age - 0.3)
    brow = person.eye_y - person.brow_height
    for row in (0.0, 1.0):
        y = brow - 0.20 - 0.09 * row
        middle, side_depth = rest + 0.38 * actions.au1, rest + 0.38 * actions.au2
        if middle > 0.02:
            canvas.line(curve((-0.20, y - 0.02), (0.0, y + 0.015), (0.20, y - 0.02)), darker(person.skin, middle), 0.2)
        if side_depth > 0.02:
            for side in (-1.0, 1.0):
                arch = curve((side * 0.24, y + 0.015), (side * 0.38, y - 0.04), (side * 0.54, y + 0.04))
                canvas.line(arch, darker(person.skin, side_depth), 0.15)
    furrow = 0.10 * person.age + 0.5 * actions.au4
    if furrow > 0.03:
        y = person.eye_y - 0.6 * person.brow_height + 0.08 * actions.au4
        tall = 0.05 + 0.07 * actions.au4
        for side in (-1.0, 1.0):
            fold = np.array([(side * 0.045, y - tall), (side * (0.055 - 0.02 * actions.au4), y + tall * 0.7)])
            canvas.line(fold, darker(person.skin, min(0.6, furrow)), 0.28)


def _draw_glasses(canvas: Canvas, person: Person) -> None:
    """Frames of the glasses, if the person wears any."""
    if person.glasses == "none":
        return
    for side in (-1.0, 1.0):
        x, y = side * person.eye_spacing, person.eye_y + 0.02
        if person.glasses == "round":
            rim = oval(x, y, 0.24, 0.21)
        else:
            rim = np.array([(x - 0.25, y - 0.17), (x + 0.25, y - 0.17), (x + 0.22, y + 0.19), (x - 0.22, y + 0.19)])
        canvas.line(rim, person.glasses_colour, 0.35, thickness=2, close=True)
        temple = np.array([(x + side * 0.24, y - 0.05), (side * person.width, y - 0.07)])
        canvas.line(temple, person.glasses_colour, 0.15)
    inner = person.eye_spacing - 0.24
    bridge = curve((-inner, person.eye_y), (0.0, person.eye_y - 0.04), (inner, person.eye_y))
    canvas.line(bridge, person.glasses_colour, 0.38, thickness=2)


def _sense(image: NDArray[np.uint8], state: State, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture under this light and through this sensor, uint8 of the same shape."""
    across, down = _ramps(image.shape[0])
    light = across * np.float32(np.cos(state.light_angle)) + down * np.float32(np.sin(state.light_angle))
    light *= np.float32(state.gain * state.light_strength)
    light += np.float32(state.gain)
    picture: NDArray[np.float32] = np.multiply(image, light[:, :, None], dtype=np.float32)
    if state.noise > 0:
        picture += rng.standard_normal(image.shape, np.float32) * np.float32(state.noise)
    np.rint(picture, out=picture)
    return np.clip(picture, 0, 255, out=picture).astype(np.uint8)


@cache
def _ramps(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Coordinates from -1 to 1 across and down a picture of this size, float32 [1, size] and [size, 1]."""
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    return ramp[None, :], ramp[:, None]
