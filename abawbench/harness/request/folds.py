"""Which tracks are fitted and which are scored: the official split, folds by subject, or everything fitted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Labels, Track, UsageError
from abawbench.harness.request.protocol import Protocol


@dataclass(frozen=True)
class Fold:
    """Numbers of tracks: the network is fitted to some and predicts others."""

    fitted: list[int]
    scored: list[int]


def folds_of(protocol: Protocol, tracks: Sequence[Track], labels: Sequence[Labels | None], training: int) -> list[Fold]:
    """Return what is fitted and scored; the first ``training`` tracks are those of the training split.

    Tracks without labels take no part. No subject is fitted and scored by the same fold of a cross-validation. Raises
    DataError when a pooled track stands in both splits, UsageError when there are more folds than subjects.
    """
    known = [n for n, one in enumerate(labels) if one is not None]
    if protocol.pooled:
        _refuse_twice([tracks[n].id for n in known])
    if protocol.refit:
        return [Fold(known, [])]
    if not protocol.folds:
        return [Fold([n for n in known if n < training], [n for n in known if n >= training])]
    own = assigned([tracks[n].subject for n in known], [tracks[n].n_frames for n in known], protocol.folds)
    return [
        Fold(
            [n for n, fold in zip(known, own, strict=True) if fold != k],
            [n for n, fold in zip(known, own, strict=True) if fold == k],
        )
        for k in range(protocol.folds)
    ]


def assigned(subjects: Sequence[str], frames: Sequence[int], folds: int) -> NDArray[np.intp]:
    """Return the fold of each track, [tracks], the same for all tracks of a subject and whatever the order.

    Subjects go, the one with most frames first, to the fold that has the fewest frames so far.
    """
    sizes: dict[str, int] = {}
    for subject, count in zip(subjects, frames, strict=True):
        sizes[subject] = sizes.get(subject, 0) + count
    if len(sizes) < folds:
        raise UsageError(f"{folds} folds need as many subjects, and there are {len(sizes)}; give fewer folds")
    filled = [0] * folds
    chosen: dict[str, int] = {}
    for subject in sorted(sizes, key=lambda name: (-sizes[name], name)):
        # a subject without frames still weighs something, so that no fold stays empty
        chosen[subject] = int(np.argmin(filled))
        filled[chosen[subject]] += max(sizes[subject], 1)
    return np.array([chosen[subject] for subject in subjects], dtype=np.intp)


def _refuse_twice(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"track '{name}' is in the training and the validation split; folds and refit need it once")
        seen.add(name)
