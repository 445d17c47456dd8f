"""Endless batches of drawn faces with everything that is known about them, for pretraining."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.face import AU_NAMES, State, draw
from abawbench_plugins.databases.synthetic.person import PRETRAINING_PEOPLE, person

TRAINING_PEOPLE = PRETRAINING_PEOPLE[:-10_000]
VALIDATION_PEOPLE = PRETRAINING_PEOPLE[-10_000:]
DRAWN_SIZE = 112
EXPRESSIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")
PRESENT = 0.15
"""An action unit counts as present above this intensity; absent ones stay below 0.1, active ones above 0.2."""

# Prototypes after Ekman and Friesen (1978) and the compound-expression table of Du, Tao and Martinez (2014), reduced
# to the twelve action units that are drawn: those always shown, then those shown half of the time.
PROTOTYPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "anger": (("AU4", "AU7", "AU23", "AU24"), ()),
    "disgust": (("AU10", "AU15"), ("AU4", "AU25")),
    "fear": (("AU1", "AU2", "AU4", "AU7", "AU25", "AU26"), ()),
    "happiness": (("AU6", "AU12"), ("AU25",)),
    "sadness": (("AU1", "AU4", "AU15"), ()),
    "surprise": (("AU1", "AU2", "AU25", "AU26"), ()),
}


class Batch(NamedTuple):
    """Faces and what they show; B of each.

    `images` uint8 RGB [B, 112, 112, 3]; `intensity` float32 [B, 12]; `other` float32 [B, 9]: gaze x and y, blink,
    dx, dy, roll, scale, yaw and pitch, each scaled to about [-1, 1]; `expression` int64 [B], index in `EXPRESSIONS`.
    """

    images: NDArray[np.uint8]
    intensity: NDArray[np.float32]
    other: NDArray[np.float32]
    expression: NDArray[np.int64]


def batch(people: range, seed: list[int], size: int) -> Batch:
    """`size` freshly drawn faces of these people; the same seed gives the same batch."""
    rng = np.random.Generator(np.random.PCG64(seed))
    images = np.empty((size, DRAWN_SIZE, DRAWN_SIZE, 3), np.uint8)
    intensity = np.empty((size, len(AU_NAMES)), np.float32)
    other = np.empty((size, 9), np.float32)
    expression = np.empty(size, np.int64)
    for row in range(size):
        intensity[row], expression[row] = sample_actions(rng)
        state = _sample_state(rng, intensity[row])
        face = draw(person(people[int(rng.integers(len(people)))]), state, rng, DRAWN_SIZE)
        other[row] = (
            *state.gaze,
            state.blink,
            state.dx * 10,
            state.dy * 10,
            state.roll / 15,
            (state.scale - 1) * 5,
            state.yaw,
            state.pitch,
        )
        if rng.random() < 0.5:
            face = face[:, ::-1]
            other[row, [0, 3, 5, 7]] *= -1
        images[row] = _spoil(face, rng)
    return Batch(images, intensity, other, expression)


def sample_actions(rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
    """Intensities of the action units, float32 [12], and the expression they make: neutral, one prototype or other."""
    kind = rng.random()
    active = np.zeros(len(AU_NAMES), bool)
    intensity = rng.uniform(0.2, 1.0, len(AU_NAMES))
    expression = "neutral"
    if kind < 0.50:
        active[rng.choice(len(AU_NAMES), int(rng.integers(1, 6)), replace=False)] = True
        expression = "other"
    elif kind < 0.90:
        names = rng.choice(list(PROTOTYPES), 1 if kind < 0.78 else 2, replace=False)
        for name in names:
            always, sometimes = PROTOTYPES[name]
            shown = always + tuple(unit for unit in sometimes if rng.random() < 0.5)
            active[[AU_NAMES.index(unit) for unit in shown]] = True
        intensity = np.clip(rng.uniform(0.3, 1.0) + rng.normal(0, 0.15, len(AU_NAMES)), 0.2, 1.0)
        expression = str(names[0]) if len(names) == 1 else "other"
    rest = rng.uniform(0.0, 0.1, len(AU_NAMES)) * (rng.random(len(AU_NAMES)) < 0.25)
    return np.where(active, intensity, rest).astype(np.float32), EXPRESSIONS.index(expression)


def _sample_state(rng: np.random.Generator, intensity: NDArray[np.float32]) -> State:
    """A state with these action units and everything else at random."""
    dx, dy, turn = np.clip(rng.normal(0, (0.04, 0.04, 7.0)), (-0.1, -0.1, -18.0), (0.1, 0.1, 18.0)).tolist()
    gaze_x, gaze_y = rng.uniform(-1, 1, 2).tolist()
    yaw, pitch = np.clip(rng.normal(0, 0.4, 2), -1, 1).tolist()
    return State(
        au=intensity,
        gaze=(gaze_x, gaze_y),
        blink=float(rng.random() if rng.random() < 0.15 else 0.1 * rng.random()),
        dx=dx,
        dy=dy,
        roll=turn,
        scale=float(rng.uniform(0.85, 1.12)),
        yaw=yaw,
        pitch=pitch,
        gain=float(rng.uniform(0.65, 1.25)),
        light_angle=float(rng.uniform(0, 2 * np.pi)),
        light_strength=float(rng.uniform(0, 0.5)),
        noise=float(rng.uniform(0, 9)),
    )


def _spoil(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The face after a camera and a file format have had it: sometimes compressed, sometimes partly hidden."""
    if rng.random() < 0.35:
        quality = int(rng.integers(60, 97))
        _, coded = cv2.imencode(".jpg", np.ascontiguousarray(face), [cv2.IMWRITE_JPEG_QUALITY, quality])
        face = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    if rng.random() < 0.15:
        side = int(rng.integers(10, 36))
        x, y = rng.integers(0, DRAWN_SIZE - side, 2)
        face = face.copy()
        face[y : y + side, x : x + side] = rng.integers(0, 256, 3)
    return face
