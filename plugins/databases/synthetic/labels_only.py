"""Valence-arousal annotations of the official size with made-up content and no image: for trying scale."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases.synthetic import manifest

TRACKS = {"train": 356, "val": 76, "test": 162}
"""Tracks by split: abaw-protocols, section 2.1."""
ANNOTATED = {"train": 1_679_857, "val": 382_021, "test": 927_210}
"""Annotated rows by split, for the test split those of its template: sections 2.1 and 2.6."""
IGNORED = {"train": 3_252, "val": 741, "test": 0}
"""Rows with the ignore code, which bring all rows together to the 2,993,081 frames of section 2.1."""

_SETS = {"train": "Train_Set", "val": "Validation_Set"}
_FOLDER = "aff-wild2/8th_ABAW_Annotations/VA_Estimation_Challenge"
_TEMPLATE = "aff-wild2/CVPR_8th_ABAW_VA_test_set_sample.txt"


def write(folder: Path, seed: int, share: float = 1.0) -> dict[str, manifest.Digest]:
    """Write the files into a folder and return their digests; ``share`` scales the rows of every track."""
    rng = np.random.default_rng(seed)
    return {name: _write(folder / name, content) for name, content in _files(rng, share)}


def _files(rng: np.random.Generator, share: float) -> Iterator[tuple[str, bytes]]:
    number = 0
    template = [b"image_location,valence,arousal\n"]
    # Values have three decimals, so every text that can stand in a column is made once.
    texts = np.array([f"{value / 1000:.3f}" for value in range(-1000, 1001)])
    for split, tracks in TRACKS.items():
        ignored = rng.multinomial(round(IGNORED[split] * share), np.full(tracks, 1 / tracks))
        for length, skipped in zip(_lengths(rng, split, share), ignored, strict=True):
            number += 1
            name = f"{number}-30-1280x720"
            if split == "test":
                template += [f"{name}/{frame:05d}.jpg,0,0\n".encode() for frame in range(1, length + 1)]
            else:
                yield f"{_FOLDER}/{_SETS[split]}/{name}.txt", _annotation(rng, texts, length, int(skipped))
    yield _TEMPLATE, b"".join(template)


def _lengths(rng: np.random.Generator, split: str, share: float) -> list[int]:
    """Return how many annotated rows each track of a split has: uneven, but their sum is the official one."""
    tracks = TRACKS[split]
    odds = rng.gamma(2.0, size=tracks)
    rows = round(ANNOTATED[split] * share) - tracks
    return [int(n) + 1 for n in rng.multinomial(rows, odds / odds.sum())]


def _annotation(rng: np.random.Generator, texts: NDArray[np.str_], annotated: int, skipped: int) -> bytes:
    """Return a file whose traces wander slowly, with one stretch of ignored rows somewhere."""
    steps = rng.normal(0, 20, (annotated, 2))
    traces = np.clip(np.cumsum(steps, axis=0) + rng.normal(0, 300, 2), -1000, 1000).astype(np.int64) + 1000
    valence, arousal = texts[traces].T.tolist()
    rows = [f"{v},{a}" for v, a in zip(valence, arousal, strict=True)]
    start = int(rng.integers(0, annotated + 1))
    rows[start:start] = ["-5,-5"] * skipped
    return ("valence,arousal\n" + "\n".join(rows) + "\n").encode()


def _write(path: Path, content: bytes) -> manifest.Digest:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return manifest.digest(content)
