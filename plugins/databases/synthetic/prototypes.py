"""What an expression looks like: action-unit intensities, valence and arousal of every kind of episode."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AU_NUMBERS = (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
"""The action units in the official order."""
COLUMN = {number: i for i, number in enumerate(AU_NUMBERS)}
EXPRESSIONS = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Other")
"""The expressions in the official order."""
COMPOUNDS = (
    "Fearfully_Surprised",
    "Happily_Surprised",
    "Sadly_Surprised",
    "Disgustedly_Surprised",
    "Angrily_Surprised",
    "Sadly_Fearful",
    "Sadly_Angry",
)
"""The compound expressions in the official order."""
EMOTIONS = ("Admiration", "Amusement", "Determination", "Empathic Pain", "Excitement", "Joy")
"""The mimicked emotions in the official order."""
REACTIONS = ("Adoration", "Amusement", "Anxiety", "Disgust", "Empathic-Pain", "Fear", "Surprise")
"""The emotions of Hume-Reaction in the official order."""
VIOLENT = "Violent"
"""The kind of a violent act; its look is anger, its motion is in ``write_dvd``."""


@dataclass(frozen=True)
class Look:
    """What a face does at the apex of an episode of full amplitude.

    ``units`` are intensities in [0, 1] by action-unit number; each of ``optional`` is left out of some episodes.
    ``valence`` and ``arousal`` are what a viewer reads from it, in [-1, 1].
    """

    units: Mapping[int, float]
    valence: float
    arousal: float
    optional: Mapping[int, float]

    def vector(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return one episode's intensities [12]: the look with its optional units drawn and every unit varied."""
        units = dict(self.units)
        units.update({number: level for number, level in self.optional.items() if rng.random() < 0.5})
        au = np.zeros(len(AU_NUMBERS))
        for number, level in units.items():
            au[COLUMN[number]] = level * rng.uniform(0.85, 1.1)
        return np.clip(au, 0, 1)


def _look(
    units: Mapping[int, float], valence: float, arousal: float, optional: Mapping[int, float] | None = None
) -> Look:
    return Look(units, valence, arousal, optional or {})


BASIC: Mapping[str, Look] = {
    "Anger": _look({4: 0.95, 7: 0.8, 23: 0.8, 24: 0.8}, -0.65, 0.5),
    "Disgust": _look({10: 1.0, 15: 0.7, 25: 0.6}, -0.7, 0.15, {4: 0.65}),
    "Fear": _look({1: 0.85, 2: 0.6, 4: 0.75, 7: 0.7, 25: 0.75, 26: 0.5}, -0.6, 0.6),
    "Happiness": _look({6: 0.85, 12: 1.0}, 0.85, 0.25, {25: 0.75, 7: 0.65}),
    "Sadness": _look({1: 0.8, 4: 0.65, 15: 0.9}, -0.75, -0.35),
    "Surprise": _look({1: 0.9, 2: 0.95, 25: 0.85, 26: 0.95}, 0.15, 0.6),
}
OTHER: tuple[Look, ...] = (
    _look({7: 0.85, 10: 0.8}, -0.3, 0.0),
    _look({10: 0.85, 12: 0.7, 25: 0.6}, 0.1, 0.1),
    _look({7: 0.9, 25: 0.7}, -0.1, 0.1),
    _look({4: 0.8, 12: 0.7}, 0.0, 0.0),
    _look({1: 0.7, 2: 0.9}, 0.15, 0.2),
    _look({10: 0.9, 1: 0.7, 2: 0.7}, -0.1, 0.15),
    _look({24: 0.85, 12: 0.6}, 0.1, -0.1),
    _look({7: 0.8, 10: 0.7, 25: 0.6}, -0.3, 0.15),
)
"""Combinations that are no prototype; annotators call them Other."""
HESITANT: tuple[Look, ...] = (
    _look({1: 0.7, 4: 0.65}, -0.3, -0.1),
    _look({24: 0.85}, -0.15, -0.15, {4: 0.6}),
    _look({12: 0.55, 15: 0.6}, -0.05, -0.1),
    _look({1: 0.6, 24: 0.75}, -0.2, -0.1, {2: 0.4}),
)
"""What a face does while its owner hesitates, beside looking away."""
MIMICKED: Mapping[str, Look] = {
    "Admiration": _look({1: 0.65, 2: 0.65, 12: 0.5}, 0.5, 0.1),
    "Amusement": _look({6: 0.9, 12: 0.9, 25: 0.8, 26: 0.7}, 0.8, 0.6),
    "Determination": _look({4: 0.9, 23: 0.7, 24: 0.8}, 0.0, 0.3),
    "Empathic Pain": _look({1: 0.85, 4: 0.75, 15: 0.8}, -0.6, -0.1),
    "Excitement": _look({1: 0.85, 2: 0.9, 12: 0.9, 25: 0.9}, 0.7, 0.9),
    "Joy": _look({6: 0.85, 12: 0.95}, 0.85, 0.2, {25: 0.35}),
}
REACTED: Mapping[str, Look] = {
    "Adoration": _look({6: 0.7, 12: 0.8, 1: 0.6}, 0.8, 0.15),
    "Anxiety": _look({1: 0.75, 2: 0.4, 4: 0.6, 24: 0.75}, -0.5, 0.4),
    "Empathic-Pain": MIMICKED["Empathic Pain"],
}
"""The looks of those reactions that are not among the other kinds."""
_PARTS: Mapping[str, tuple[str, str]] = {
    "Fearfully_Surprised": ("Fear", "Surprise"),
    "Happily_Surprised": ("Happiness", "Surprise"),
    "Sadly_Surprised": ("Sadness", "Surprise"),
    "Disgustedly_Surprised": ("Disgust", "Surprise"),
    "Angrily_Surprised": ("Anger", "Surprise"),
    "Sadly_Fearful": ("Sadness", "Fear"),
    "Sadly_Angry": ("Sadness", "Anger"),
}
_MIXTURE = (0.7, 1.0)
"""How much of each of its two prototypes a compound expression shows."""


def look_of(kind: str, rng: np.random.Generator) -> Look:
    """Return the look of one episode of a kind: an expression, compound, emotion, ``Hesitant`` or ``Violent``."""
    if kind == "Other":
        return OTHER[rng.integers(len(OTHER))]
    if kind == "Hesitant":
        return HESITANT[rng.integers(len(HESITANT))]
    if kind in _PARTS:
        return _mixture(kind, rng)
    if kind == "Neutral":
        return _look({}, 0.0, 0.0)
    if kind == VIOLENT:
        return BASIC["Anger"]
    return next(looks[kind] for looks in (BASIC, MIMICKED, REACTED) if kind in looks)


def _mixture(kind: str, rng: np.random.Generator) -> Look:
    """A compound: at every action unit the stronger of two prototypes, each weakened a little at random."""
    one, two = (BASIC[part] for part in _PARTS[kind])
    shares = rng.uniform(*_MIXTURE, size=2)
    units: dict[int, float] = {}
    for look, share in ((one, shares[0]), (two, shares[1])):
        for number, level in look.units.items():
            units[number] = max(units.get(number, 0.0), level * share)
    return _look(units, (one.valence + two.valence) / 2, (one.arousal + two.arousal) / 2)
