"""Counting what a copy holds, from its annotations and the listings of its folders."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import numpy as np

from abawbench.contracts.database import LabelledTrack, Labels
from abawbench.contracts.errors import DataError
from abawbench.contracts.inspection import Count
from abawbench_plugins.databases._tracks import files_of


def count_label(
    label: str, found: Mapping[str, Sequence[LabelledTrack]], names: Sequence[str], participants: bool
) -> Iterator[Count]:
    """Yield the counts of a label's splits, and those of the first two and all three of them together.

    ``names`` are its classes, or its binary outputs; ``participants`` says that a subject is a person.
    """
    for split, tracks in found.items():
        yield from _count_split(label, split, tracks, names)
        if participants:
            yield Count(label, split, "participants", len({one.track.subject for one in tracks}))
    for joined in accumulate(found, lambda left, right: f"{left}+{right}"):
        tracks = [one for split in joined.split("+") for one in found[split]]
        if "+" in joined:
            yield Count(label, joined, "tracks", len(tracks))
            yield Count(label, joined, "rows", sum(one.track.n_frames for one in tracks), detail=True)
            if participants:
                yield Count(label, joined, "participants", len({one.track.subject for one in tracks}))


def double_tracks(found: Mapping[str, Sequence[LabelledTrack]]) -> Iterator[tuple[str, str, str]]:
    """Yield (track, split, earlier split) for every track that stands in two splits."""
    seen: dict[str, str] = {}
    for split, tracks in found.items():
        for name in (one.track.id for one in tracks):
            if name in seen:
                yield name, split, seen[name]
            seen.setdefault(name, split)


def _count_split(label: str, split: str, found: Sequence[LabelledTrack], names: Sequence[str]) -> Iterator[Count]:
    """Yield one split's tracks and rows, and how many rows are annotated, have an image, and are of each class."""
    totals: dict[str, int] = {}

    def add(what: str, number: int) -> None:
        totals[what] = totals.get(what, 0) + number

    tracks, known = files_of(found), [one.labels for one in found]
    per_frame = all(len(labels.mask) == track.n_frames for labels, track in zip(known, tracks, strict=True) if labels)
    for track, labels in zip(tracks, known, strict=True):
        add("rows", track.n_frames)
        try:
            image = track.frame_mask()
        except DataError:
            image = None
        if image is not None and track.images.folders:
            add("images beyond the rows", len(track.images.numbers) - int(image.sum()))
        if labels is None:
            if image is not None:
                add("rows with image", int(image.sum()))
                add("rows without image", int((~image).sum()))
            continue
        # A label of several tasks has a mask for each.
        mask = labels.mask if labels.mask.ndim == 1 else labels.mask.any(axis=1)
        add("annotated", int(mask.sum()))
        if image is not None and per_frame:
            add("annotated with image", int((mask & image).sum()))
            add("annotated without image", int((mask & ~image).sum()))
            if labels.mask.ndim == 2:
                add("fully annotated with image", int((labels.mask.all(axis=1) & image).sum()))
        for name, number in _classes(labels, names).items():
            add(name, number)
        if names and image is not None and per_frame:
            for name, number in _classes(Labels(labels.values, mask & image), names).items():
                add(f"{name} with image", number)
    yield Count(label, split, "tracks", len(tracks))
    details = {f"{name} with image" for name in names}
    yield from (Count(label, split, what, number, detail=what in details) for what, number in totals.items())


def _classes(labels: Labels, names: Sequence[str]) -> dict[str, int]:
    if not names:
        return {}
    values = labels.values[labels.mask]
    numbers = values.sum(axis=0) if values.ndim == 2 else np.bincount(values, minlength=len(names))
    return {name: int(number) for name, number in zip(names, numbers, strict=True)}
