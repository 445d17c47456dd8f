"""What a person sounds like: a harmonic voice whose pitch, loudness, tempo and pauses follow the performance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic.performance import Array, Performance

RATE = 16_000
"""Samples per second."""
_HARMONICS = np.arange(1, 22)
_NOISE = 0.004
"""Level of the room."""
_VOWELS = np.array([(730, 1090), (530, 1840), (390, 1990), (570, 840), (440, 1020)], float)
"""First and second formant in Hz of the vowels of a syllable, and of "uh" last-but-one."""
_UH = 3


@dataclass(frozen=True)
class Voice:
    """A person's voice: pitch in Hz and the factor that the length of the throat puts on every formant."""

    pitch: float
    throat: float


def voice_of(person: int) -> Voice:
    """Return the voice of a person by number."""
    rng = np.random.default_rng([person, 16])
    low = rng.random() < 0.5
    return Voice(float(rng.uniform(95, 140) if low else rng.uniform(165, 230)), float(rng.uniform(0.9, 1.15)))


def speak(voice: Voice, act: Performance, frames: int, rate: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return mono samples in [-1, 1], float32, for the first `frames` frames at `rate` frames per second.

    Louder and higher when aroused; silent where nobody talks; a long level "uh" among pauses where the person
    hesitates.
    """
    n = round(frames / rate * RATE)
    at = np.linspace(0, frames - 1, n)
    arousal = np.interp(at, np.arange(len(act)), act.arousal)
    hesitancy = np.interp(at, np.arange(len(act)), act.hesitancy)
    talking = np.interp(at, np.arange(len(act)), act.talking)
    valence = np.interp(at, np.arange(len(act)), act.valence)
    vowel, syllable = _syllables(rng, n, float(arousal.mean()))
    uh = hesitancy > 0.5
    vowel[uh] = _UH
    spoken = np.where(uh, _hums(rng, n), syllable * talking + _exclaims(arousal, talking) * syllable)
    pitch = voice.pitch * (1 + 0.35 * arousal + 0.06 * valence - 0.12 * hesitancy) * (1 + 0.02 * np.sin(at * 1.3))
    loudness = 0.16 * np.exp(1.1 * arousal - 0.4 * hesitancy) * spoken
    sound = _voice(pitch, vowel, voice.throat) * loudness
    return np.clip(sound + rng.normal(0, _NOISE, n), -1, 1).astype(np.float32)


def _syllables(rng: np.random.Generator, n: int, arousal: float) -> tuple[NDArray[np.int64], Array]:
    """Vowel [n] and loudness [n] of a stream of syllables, quicker when aroused, with a gap between words."""
    vowel, loud = np.zeros(n, np.int64), np.zeros(n)
    at = 0
    while at < n:
        length = int(RATE * rng.uniform(0.12, 0.22) / (1 + 0.4 * arousal))
        end = min(n, at + length)
        vowel[at:end] = rng.integers(len(_VOWELS))
        loud[at:end] = np.sin(np.linspace(0, np.pi, length))[: end - at] ** 0.6
        at = end + (int(RATE * rng.uniform(0.03, 0.12)) if rng.random() < 0.3 else 0)
    return vowel, loud


def _hums(rng: np.random.Generator, n: int) -> Array:
    """Loudness [n] of hesitation: an "uh" of a third of a second, then a pause about as long."""
    period = int(RATE * rng.uniform(0.55, 0.75))
    phase = (np.arange(n) + int(rng.integers(period))) % period / period
    return np.asarray(0.8 * np.sqrt(np.maximum(np.sin(phase * 2 * np.pi), 0)))


def _exclaims(arousal: Array, talking: Array) -> Array:
    """Loudness [n] of laughs and exclamations of somebody who is aroused without talking."""
    return np.clip(arousal, 0, 1) * (1 - talking) * 0.8


def _voice(pitch: Array, vowel: NDArray[np.int64], throat: float) -> Array:
    """A sum of harmonics under two formants, [n], of about unit peak."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    turn, harmonic = np.exp(1j * phase).astype(np.complex64), np.ones(len(phase), np.complex64)
    levels = np.empty((len(_VOWELS), len(_HARMONICS)))
    mean = float(pitch.mean())
    for i, formants in enumerate(_VOWELS):
        frequency = _HARMONICS * mean
        peaks = sum(np.exp(-(((frequency - f * throat) / (0.18 * f * throat)) ** 2)) for f in formants)
        levels[i] = (0.08 + peaks) / _HARMONICS**0.7
    levels /= levels.sum(axis=1, keepdims=True)
    sound = np.zeros(len(phase))
    for column in range(len(_HARMONICS)):
        harmonic = harmonic * turn
        sound += harmonic.imag * levels[:, column][vowel]
    return sound * 2.5
