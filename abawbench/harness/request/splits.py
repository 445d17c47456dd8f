"""Which tracks are fitted and which are scored: the official split, folds by subject, or everything fitted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Database, DataError, LabelledTrack, PluginError, UsageError
from abawbench.contracts.text import person_key
from abawbench.harness.request.protocol import Protocol


@dataclass(frozen=True)
class Split:
    """Labelled tracks: a learner is fitted to some and predicts others."""

    fit: tuple[LabelledTrack, ...]
    score: tuple[LabelledTrack, ...]

    @property
    def all(self) -> tuple[LabelledTrack, ...]:
        """Both."""
        return self.fit + self.score


def take_first(tracks: Sequence[LabelledTrack], limit: int) -> list[LabelledTrack]:
    """Return the tracks of a split without the labelled ones beyond the first so many; all of them for 0."""
    if not limit:
        return list(tracks)
    return [one for one in tracks if one.labels is not None and one.known.annotated.any()][:limit]


def split_tracks(
    protocol: Protocol, train: Sequence[LabelledTrack], validation: Sequence[LabelledTrack]
) -> list[Split]:
    """Return what is fitted and scored: once, or once for each fold.

    Tracks without labels take no part. No subject is fitted and scored by the same fold of a cross-validation. Raises
    DataError when a pooled track stands in both splits, UsageError when there are more folds than subjects.
    """
    train, validation = ([one for one in tracks if one.labels is not None] for tracks in (train, validation))
    pooled = [*train, *validation]
    if protocol.pooled:
        _refuse_twice([one.track.id for one in pooled])
    if protocol.refit:
        return [Split(tuple(pooled), ())]
    if not protocol.folds:
        return [Split(tuple(train), tuple(validation))]
    subjects, frames = [person_key(one.track.subject) for one in pooled], [one.track.n_frames for one in pooled]
    own = assign_folds(subjects, frames, protocol.folds)
    return [
        Split(
            tuple(one for one, fold in zip(pooled, own, strict=True) if fold != k),
            tuple(one for one, fold in zip(pooled, own, strict=True) if fold == k),
        )
        for k in range(protocol.folds)
    ]


def check_people(database: Database, train: Sequence[LabelledTrack], scored: Sequence[LabelledTrack]) -> None:
    """Note the subjects that stand in the training and the scored split. Raises PluginError for an id given twice."""
    for tracks in (train, scored):
        ids = [one.track.id for one in tracks]
        if len(set(ids)) < len(ids):
            twice = next(name for place, name in enumerate(ids) if name in ids[:place])
            raise PluginError(f"database '{database.name}' gives track '{twice}' twice in one split; ids are unique")
    fitted = {person_key(one.track.subject) for one in train}
    both = sorted({one.track.subject for one in scored if person_key(one.track.subject) in fitted})
    if both:
        shown = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
        what = (
            f"{len(both)} subject(s) stand in the training and in the scored split ({shown}): the value may be too high"
        )
        database.problems.add(database.name, what, caveat=f"{len(both)} subjects in train and val")


def without_labels(tracks: Sequence[LabelledTrack]) -> tuple[LabelledTrack, ...]:
    """Return the tracks alone."""
    return tuple(LabelledTrack(one.track) for one in tracks)


def assign_folds(subjects: Sequence[str], frames: Sequence[int], folds: int) -> NDArray[np.intp]:
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
