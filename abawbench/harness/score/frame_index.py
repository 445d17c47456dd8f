"""Where the rows of a prediction file belong: from the names they give to the frames of the tracks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Decided, Submission, Task, Track


@dataclass(frozen=True, kw_only=True)
class Entries:
    """The rows of a prediction file: official names, or a track and a frame counted from 0, for each."""

    where: Callable[[int], str]
    """Row -> file and line."""
    names: Sequence[str] | None = None
    tracks: Sequence[str] = ()
    frames: NDArray[np.int64] | None = None
    decisions: NDArray[Any] | None = None
    scores: NDArray[Any] | None = None


class FrameIndex:
    """The frames of some tracks, one after the other; the tracks themselves for a track-level task."""

    def __init__(self, task: Task, tracks: Sequence[Track], form: Submission | None = None) -> None:
        self._tracks = tracks
        self._form = form or Submission(task)
        self.numbers = {track.id: number for number, track in enumerate(tracks)}
        """Track id -> its place."""
        lengths = [1 if task.level == "track" else track.n_frames for track in tracks]
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths
        self.total = int(self._ends[-1]) if lengths else 0

    @cached_property
    def names(self) -> list[str]:
        """The official name of every frame."""
        return [name for track in self._tracks for name in self._form.names(track)]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def positions(self, entries: Entries) -> NDArray[np.int64]:
        """Return the position of each row. Raises DataError for an unknown track or frame and for one given twice."""
        at = self._by_name(entries) if entries.names is not None else self._by_number(entries)
        order = np.argsort(at, kind="stable")
        again = order[1:][np.diff(at[order]) == 0]
        if again.size:
            row = int(again.min())
            first = int(np.flatnonzero(at == at[row])[0])
            raise DataError(
                f"{entries.where(row)}: {self.names[at[row]]} is predicted a second time, first at "
                f"{entries.where(first)}; keep one of them"
            )
        return at

    def find(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return the positions of official names, -1 for an unknown one."""
        places = self._places
        return np.fromiter((places.get(name, -1) for name in names), np.int64, len(names))

    def _by_name(self, entries: Entries) -> NDArray[np.int64]:
        assert entries.names is not None
        at = self.find(entries.names)
        unknown = np.flatnonzero(at < 0)
        if unknown.size:
            row = int(unknown[0])
            name = entries.names[row]
            track, slash, frame = name.rpartition("/")
            known = slash and track in self.numbers
            what = f"track '{track[:80]}' has no frame '{frame[:40]}'" if known else self.unknown_track(track or name)
            raise DataError(f"{entries.where(row)}: {what}")
        return at

    def _by_number(self, entries: Entries) -> NDArray[np.int64]:
        assert entries.frames is not None
        at = np.empty(len(entries.tracks), dtype=np.int64)
        for row, (track, frame) in enumerate(zip(entries.tracks, entries.frames.tolist(), strict=True)):
            number = self.numbers.get(track)
            if number is None:
                raise DataError(f"{entries.where(row)}: {self.unknown_track(track)}")
            length = int(self._ends[number] - self._starts[number])
            if not 0 <= frame < length:
                raise DataError(
                    f"{entries.where(row)}: track '{track}' has no frame {frame}; its {length} are counted from 0"
                )
            at[row] = self._starts[number] + frame
        return at

    def unknown_track(self, name: str) -> str:
        """Return what to say about a track that is not there, with near names."""
        near = get_close_matches(name[:200], list(self.numbers)[:1000], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"the split has no track {name[:80]!r}{hint}"

    def split(self, found: Decided) -> list[Decided]:
        """Return predictions of all frames as those of each track."""
        scores = [None] * len(self._tracks) if found.scores is None else np.split(found.scores, self._ends[:-1])
        return [Decided(d, s) for d, s in zip(np.split(found.decisions, self._ends[:-1]), scores, strict=True)]

    def split_mask(self, mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """Return a mask over all frames as those of each track."""
        return np.split(mask, self._ends[:-1])
