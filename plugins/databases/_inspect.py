"""Counting what a copy holds, from its annotations and the listings of its folders."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import numpy as np

from abawbench.contracts.dataset import Labels
from abawbench.contracts.errors import DataError
from abawbench.contracts.inspection import Count
from abawbench_plugins.databases._tracks import FileTrack


def count_label(
    label: str, found: Mapping[str, Sequence[FileTrack]], names: Sequence[str], participants: bool
) -> Iterator[Count]:
    """Yield the counts of a label's splits, and those of the first two and all three of them together.

    ``names`` are its classes, or its binary outputs; ``participants`` says that a subject is a person.
    """
    for split, tracks in found.items():
        yield from _count_split(label, split, tracks, names)
    for joined in accumulate(found, lambda left, right: f"{left}+{right}"):
        tracks = [track for split in joined.split("+") for track in found[split]]
        if "+" in joined:
            yield Count(label, joined, "tracks", len(tracks))
            yield Count(label, joined, "rows", sum(track.n_frames for track in tracks), detail=True)
        if participants:
            yield Count(label, joined, "participants", len({track.subject for track in tracks}))
    if participants and "test" in found and len(found) > 1:
        yield Count(label, "test", "participants", len({track.subject for track in found["test"]}))


def double_tracks(found: Mapping[str, Sequence[FileTrack]]) -> Iterator[tuple[str, str, str]]:
    """Yield (track, split, earlier split) for every track that stands in two splits."""
    seen: dict[str, str] = {}
    for split, tracks in found.items():
        for track in tracks:
            if track.id in seen:
                yield track.id, split, seen[track.id]
            seen.setdefault(track.id, split)


def _count_split(label: str, split: str, tracks: Sequence[FileTrack], names: Sequence[str]) -> Iterator[Count]:
    """Yield one split's tracks and rows, and how many rows are annotated, have an image, and are of each class."""
    totals: dict[str, int] = {}

    def add(what: str, number: int) -> None:
        totals[what] = totals.get(what, 0) + number

    for track in tracks:
        add("rows", track.n_frames)
        labels = track.labels(label)
        try:
            image = track.frame_mask()
        except DataError:
            image = None
        if image is not None:
            add("images beyond the rows", len(track.images.numbers) - int(image.sum()))
        if labels is None:
            if image is not None:
                add("rows with image", int(image.sum()))
                add("rows without image", int((~image).sum()))
            continue
        per_frame = len(labels.mask) == track.n_frames
        add("annotated", int(labels.mask.sum()))
        if image is not None and per_frame:
            add("annotated with image", int((labels.mask & image).sum()))
            add("annotated without image", int((labels.mask & ~image).sum()))
        for name, number in _classes(labels, names).items():
            add(name, number)
        if image is not None and per_frame:
            for name, number in _classes(Labels(labels.values, labels.mask & image), names).items():
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
