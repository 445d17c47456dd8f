"""What a person does in front of the camera: smooth trajectories from which face, voice and labels all follow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.prototypes import AU_NUMBERS, COLUMN, look_of

Array = NDArray[np.float64]

AMPLITUDE = (0.65, 1.0)
"""Smallest and largest amplitude of an expression episode."""
TRANSITION = (3, 6)
"""Frames an onset or an offset takes. Time is counted in frames, so that every frame rate shows the same."""
STYLE = 0.10
"""Spread between people of how strongly they move an action unit."""
STRAY_RATE = 1 / 60
"""Action units per frame that start to move without belonging to any expression."""
STRAY_UNITS = (7, 10, 25, 4, 1, 12, 24, 15, 23, 6)
STRAY_ODDS = np.array([6, 9, 3, 2, 1, 1, 1, 0.5, 1, 0.5]) / 25
TALKS = 0.55
"""Share of the stretches in which a person who is not busy with their mouth talks."""


@dataclass(frozen=True)
class Episode:
    """One act: ``kind`` shown from frame ``start`` up to ``stop``, at ``amplitude`` times its full strength."""

    kind: str
    start: int
    stop: int
    amplitude: float


@dataclass(frozen=True)
class Performance:
    """Trajectories over T frames.

    ``au`` [T, 12] in [0, 1]; ``strength`` [T, episodes], how far each episode has come, its amplitude included;
    ``valence`` and ``arousal`` [T] in [-1, 1] before any annotator; ``hesitancy`` and ``talking`` [T] in [0, 1];
    ``gaze``, ``yaw``, ``pitch``, ``dx``, ``dy``, ``light`` [T] in [-1, 1]; ``roll`` [T] in [-1, 1]; ``blink`` [T] in
    [0, 1].
    """

    episodes: tuple[Episode, ...]
    strength: Array
    au: Array
    valence: Array
    arousal: Array
    hesitancy: Array
    talking: Array
    gaze: Array
    blink: Array
    dx: Array
    dy: Array
    roll: Array
    yaw: Array
    pitch: Array
    light: Array

    def __len__(self) -> int:
        return len(self.au)


def drift(rng: np.random.Generator, n: int, period: float, spread: float) -> Array:
    """Return a smooth random curve [n] around 0 that wanders within about `period` frames, of spread `spread`."""
    knots = int(np.ceil(n / period)) + 3
    values = rng.normal(0, spread, knots)
    at = np.arange(n) / period + rng.random()
    low = at.astype(int)
    part = (1 - np.cos((at - low) * np.pi)) / 2
    return np.asarray(values[low] * (1 - part) + values[low + 1] * part)


def perform(rng: np.random.Generator, kinds: Sequence[str], n: int) -> Performance:
    """Return a performance of n frames that shows `kinds` one after the other in stretches of about equal length."""
    episodes = _schedule(rng, kinds, n)
    looks = [look_of(episode.kind, rng) for episode in episodes]
    strength = np.stack([_envelope(rng, episode, n) for episode in episodes], axis=1)
    style = np.exp(rng.normal(0, STYLE, len(AU_NUMBERS)))
    hesitant = np.array([episode.kind == "Hesitant" for episode in episodes])
    hesitancy = strength[:, hesitant].max(axis=1, initial=0.0)
    talking = _draw_speech(rng, episodes, n) * (1 - 0.75 * np.clip(hesitancy * 1.3, 0, 1))
    au = (strength[:, :, None] * np.stack([look.vector(rng) for look in looks])).max(axis=1) * style
    au = _settle(np.maximum(np.maximum(au, _strays(rng, n)), _speech(rng, talking)))
    valence = np.clip(strength @ np.array([look.valence for look in looks]), -1, 1)
    felt = strength @ np.array([look.arousal for look in looks])
    mouth = au[:, COLUMN[25]] * 0.15 + au[:, COLUMN[26]] * 0.2
    arousal = np.clip(-0.15 + felt + mouth + 0.15 * au[:, COLUMN[2]] + 0.1 * talking - 0.15 * hesitancy, -1, 1)
    tempo = 1 + 0.8 * np.clip(arousal, -0.5, 1) - 0.5 * hesitancy
    away = hesitancy * rng.choice([-1, 1]) * (1.0 if rng.random() < 0.85 else 0.2)
    glance = _glances(rng, n)
    return Performance(
        episodes=episodes,
        strength=strength,
        au=au,
        valence=valence,
        arousal=arousal,
        hesitancy=hesitancy,
        talking=talking,
        gaze=np.clip(drift(rng, n, 14, 0.12) + glance + away, -1, 1),
        blink=_blinks(rng, n),
        dx=np.clip(drift(rng, n, 18, 0.3) * tempo, -1, 1),
        dy=np.clip(drift(rng, n, 18, 0.3) * tempo, -1, 1),
        roll=np.clip(drift(rng, n, 25, 0.2) * tempo + hesitancy * rng.uniform(-0.7, 0.7), -1, 1),
        yaw=np.clip(rng.normal(0, 0.2) + drift(rng, n, 25, 0.25) * tempo + 0.25 * away, -1, 1),
        pitch=np.clip(rng.normal(0, 0.15) + drift(rng, n, 25, 0.2) * tempo, -1, 1),
        light=np.clip(rng.normal(0, 0.3) + drift(rng, n, 40, 0.3), -1, 1),
    )


def _schedule(rng: np.random.Generator, kinds: Sequence[str], n: int) -> tuple[Episode, ...]:
    shares = rng.uniform(0.75, 1.25, len(kinds))
    edges = np.concatenate([[0], np.cumsum(shares / shares.sum() * n)]).round().astype(int)
    return tuple(
        Episode(kind, int(start), int(stop), float(rng.uniform(*AMPLITUDE)))
        for kind, start, stop in zip(kinds, edges, edges[1:], strict=False)
    )


def _envelope(rng: np.random.Generator, episode: Episode, n: int) -> Array:
    """Onset, apex and offset of an episode; one that begins or ends the track may be under way already."""
    if episode.kind == "Neutral":
        return np.zeros(n)
    rise, fall = rng.uniform(*TRANSITION, size=2)
    t = np.arange(n)
    onset = np.ones(n) if episode.start == 0 and rng.random() < 0.5 else _smooth((t - episode.start) / rise + 0.5)
    offset = np.ones(n) if episode.stop == n and rng.random() < 0.5 else _smooth((episode.stop - t) / fall + 0.5)
    return np.clip(onset * offset * episode.amplitude * (1 + drift(rng, n, 10, 0.06)), 0, 1)


def _smooth(x: Array) -> Array:
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))


def _strays(rng: np.random.Generator, n: int) -> Array:
    """Action units that move by themselves for a while, [n, 12]."""
    au = np.abs(np.stack([drift(rng, n, 12, 0.035) for _ in AU_NUMBERS], axis=1))
    for _ in range(rng.poisson(n * STRAY_RATE)):
        start, length = int(rng.integers(-4, n)), int(rng.integers(10, 22))
        move = Episode("stray", start, start + length, float(rng.uniform(0.5, 0.9)))
        column = COLUMN[int(rng.choice(STRAY_UNITS, p=STRAY_ODDS))]
        au[:, column] = np.maximum(au[:, column], _envelope(rng, move, n))
    return au


def _draw_speech(rng: np.random.Generator, episodes: Sequence[Episode], n: int) -> Array:
    """Where the person talks, [n]: whole stretches, begun and ended smoothly."""
    talking = np.zeros(n)
    for episode in episodes:
        if rng.random() < TALKS:
            said = Episode("talk", episode.start, episode.stop, 1.0)
            talking = np.maximum(talking, _envelope(rng, said, n))
    return talking


def _speech(rng: np.random.Generator, talking: Array) -> Array:
    """Mouth movement of talking, [n, 12]: lips part at the rate of syllables and seldom close quite."""
    n = len(talking)
    syllables = np.sin(np.cumsum(rng.uniform(1.0, 1.9, n)))
    au = np.zeros((n, len(AU_NUMBERS)))
    au[:, COLUMN[25]] = talking * (0.58 + 0.22 * syllables)
    au[:, COLUMN[26]] = talking * (0.13 + 0.12 * syllables)
    return au


def _settle(au: Array) -> Array:
    """Resolve what lips cannot do at once: parted lips are not pressed, and a smile wins over lowered corners."""
    au = np.clip(au, 0, 1)
    parted = au[:, [COLUMN[25]]]
    au[:, [COLUMN[23], COLUMN[24]]] *= 1 - 0.6 * parted * (au[:, [COLUMN[23], COLUMN[24]]] < parted)
    return au


def _glances(rng: np.random.Generator, n: int) -> Array:
    """Looks aside that mean nothing, [n]."""
    gaze = np.zeros(n)
    for _ in range(rng.poisson(n / 90)):
        start = int(rng.integers(0, n))
        aside = Episode("glance", start, start + int(rng.integers(6, 14)), float(rng.uniform(0.5, 0.9)))
        gaze += _envelope(rng, aside, n) * rng.choice([-1, 1])
    return gaze


def _blinks(rng: np.random.Generator, n: int) -> Array:
    blink = np.zeros(n)
    for at in np.flatnonzero(rng.random(n) < 1 / 45):
        closing = np.array([0.5, 1.0, 0.6])[: n - at]
        blink[at : at + len(closing)] = closing
    return blink
