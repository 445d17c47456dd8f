"""Invented people: the looks that a drawn face keeps whatever it expresses."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Colour = tuple[float, float, float]
Hair = Literal["none", "short", "parted", "fringe", "long", "curly", "bun", "scarf"]
Glasses = Literal["none", "round", "square"]

PRETRAINING_PEOPLE = range(1_000_000, 2_000_000)
"""Numbers of the people whose faces the bundled weights were trained on; no benchmark may use one of them."""

_SEED = 20_261_121
_SKIN = np.array(
    [
        (250, 222, 200),
        (241, 200, 172),
        (228, 184, 148),
        (206, 158, 120),
        (176, 126, 88),
        (142, 96, 66),
        (108, 72, 50),
        (80, 52, 38),
    ],
    np.float64,
)
_HAIR = np.array(
    [(28, 24, 22), (52, 36, 26), (92, 60, 36), (140, 92, 48), (202, 164, 98), (156, 68, 36), (150, 150, 150)],
    np.float64,
)
_IRIS = np.array([(60, 38, 22), (92, 62, 34), (96, 112, 60), (70, 110, 150), (96, 104, 112)], np.float64)


@dataclass(frozen=True)
class Person:
    """One invented person: constant traits, none of which says anything about an expression.

    Lengths are in half face heights, colours are RGB in grey levels, unnamed amounts lie in [0, 1]. Resting brow
    height, resting mouth curvature, resting wrinkles and eye opening differ between people on purpose: an action
    unit has to be seen against the person.
    """

    number: int
    skin: Colour
    blush: float
    width: float
    height: float
    jaw: float
    ears: float
    eye_spacing: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    eye_y: float
    iris: Colour
    lid_shade: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    brow_slope: float
    nose_length: float
    nose_width: float
    mouth_y: float
    mouth_width: float
    mouth_curvature: float
    lip_upper: float
    lip_lower: float
    lip_colour: Colour
    hair: Hair
    hair_colour: Colour
    hairline: float
    glasses: Glasses
    glasses_colour: Colour
    beard: float
    moustache: float
    age: float
    freckles: int
    asymmetry: float
    expressiveness: float
    clothes: Colour
    background_top: Colour
    background_bottom: Colour
    background_object: tuple[float, float, float]
    background_object_colour: Colour


def person(number: int) -> Person:
    """Person `number`: the same traits on every machine and in every order of asking.

    `number` is a non-negative integer. It alone decides the traits.
    """
    rng = np.random.Generator(np.random.PCG64([_SEED, number]))
    age = float(rng.beta(1.3, 2.0))
    masculine = bool(rng.random() < 0.5)
    skin = _between(rng, _SKIN) + rng.normal(0, 4, 3)
    hair_colour = _between(rng, _HAIR[:-1]) * (1 - max(0.0, age - 0.55)) + _HAIR[-1] * 1.2 * max(0.0, age - 0.55)
    lips = skin * (0.82, 0.62, 0.62) * (1 - 0.15 * rng.random()) + (rng.random() * 40 * (not masculine), 0, 0)
    bearded = masculine and rng.random() < 0.4
    return Person(
        number=number,
        skin=_colour(skin),
        blush=float(rng.random()),
        width=float(rng.uniform(0.70, 0.86)),
        height=float(rng.uniform(0.95, 1.05)),
        jaw=float(rng.uniform(0.0, 1.0)),
        ears=float(rng.uniform(0.09, 0.15)),
        eye_spacing=float(rng.uniform(0.31, 0.38)),
        eye_width=float(rng.uniform(0.165, 0.21)),
        eye_height=float(rng.uniform(0.085, 0.125)),
        eye_tilt=float(rng.uniform(-0.035, 0.035)),
        eye_y=float(rng.uniform(-0.20, -0.12)),
        iris=_colour(_between(rng, _IRIS)),
        lid_shade=float(rng.uniform(0.02, 0.22)),
        brow_height=float(rng.uniform(0.22, 0.31)),
        brow_thickness=float(rng.uniform(0.03, 0.075)),
        brow_arch=float(rng.uniform(0.0, 0.07)),
        brow_slope=float(rng.uniform(-0.035, 0.035)),
        nose_length=float(rng.uniform(0.36, 0.46)),
        nose_width=float(rng.uniform(0.10, 0.17)),
        mouth_y=float(rng.uniform(0.50, 0.58)),
        mouth_width=float(rng.uniform(0.27, 0.36)),
        mouth_curvature=float(rng.uniform(-0.035, 0.035)),
        lip_upper=float(rng.uniform(0.035, 0.075)),
        lip_lower=float(rng.uniform(0.05, 0.10)),
        lip_colour=_colour(lips),
        hair=get_args(Hair)[rng.choice(8, p=_hair_odds(masculine, age))],
        hair_colour=_colour(hair_colour),
        hairline=float(rng.uniform(-0.84, -0.70)),
        glasses=get_args(Glasses)[rng.choice(3, p=[0.72, 0.14, 0.14])],
        glasses_colour=_colour(rng.uniform(15, 110, 3)),
        beard=float(rng.uniform(0.25, 0.8)) if bearded else 0.0,
        moustache=float(rng.uniform(0.5, 0.9)) if masculine and rng.random() < (0.6 if bearded else 0.12) else 0.0,
        age=age,
        freckles=int(rng.integers(3, 12)) if rng.random() < 0.15 else 0,
        asymmetry=float(rng.normal(0, 0.01)),
        expressiveness=float(rng.uniform(0.8, 1.1)),
        clothes=_mute(rng),
        background_top=_mute(rng),
        background_bottom=_mute(rng),
        background_object=(float(rng.uniform(-1.2, 1.2)), float(rng.uniform(-1.2, 0.8)), float(rng.uniform(0.1, 0.6))),
        background_object_colour=_mute(rng),
    )


def describe(who: Person) -> dict[str, str | float]:
    """Return what results are told apart by: age and lightness of skin in [0, 1], hair, glasses and beard."""
    return {
        "age": round(who.age, 3),
        "skin": round(sum(who.skin) / 3 / 255, 3),
        "hair": who.hair,
        "glasses": who.glasses,
        "beard": "yes" if who.beard else "no",
    }


def _hair_odds(masculine: bool, age: float) -> list[float]:
    """Odds of the hair styles in the order of `Hair`."""
    odds = [0.05 + 0.3 * age, 4, 2, 1, 0.3, 1, 0.1, 0.1] if masculine else [0.05, 0.7, 1.5, 2, 3, 1.5, 1, 1]
    return [odd / sum(odds) for odd in odds]


def _between(rng: np.random.Generator, anchors: np.ndarray) -> np.ndarray:
    """A colour somewhere between two neighbouring anchors, float64 [3]."""
    place = rng.uniform(0, len(anchors) - 1)
    low = int(place)
    return np.asarray(anchors[low] + (place - low) * (anchors[low + 1] - anchors[low]))


def _mute(rng: np.random.Generator) -> Colour:
    """Any colour, rarely a bright one."""
    colour = rng.uniform(15, 240, 3)
    return _colour(colour + (colour.mean() - colour) * rng.uniform(0.2, 0.9))


def _colour(values: np.ndarray) -> Colour:
    """Three grey levels in [0, 255] as plain numbers."""
    red, green, blue = np.clip(values, 0, 255).tolist()
    return red, green, blue
