"""Where the rows of a prediction file belong: from the names they give to the frames of the tracks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Literal

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
    notes: Sequence[str] = ()
    """What else the predictions rest on, in words."""


Surplus = Literal["error", "ignore"]
"""What happens to rows of frames that the tracks do not have."""
SURPLUS: tuple[Surplus, ...] = ("error", "ignore")


class FrameIndex:
    """The frames of some tracks, one after the other; the tracks themselves for a track-level task."""

    def __init__(
        self,
        task: Task,
        tracks: Sequence[Track],
        form: Submission | None = None,
        dropped: Mapping[str, int] | None = None,
    ) -> None:
        """Take the tracks, the form of the names, and which tracks the split has but nobody could read."""
        self._tracks = tracks
        self._task = task
        self._dropped = dropped or {}
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

    def positions(self, entries: Entries, surplus: Surplus = "error") -> NDArray[np.int64]:
        """Return the position of each row, -1 for one of a frame that is not here where ``surplus`` is ``ignore``.

        Raises DataError for an unknown track or frame otherwise, and for one given twice.
        """
        at = self._by_name(entries) if entries.names is not None else self._by_number(entries)
        unknown = np.flatnonzero(at < 0)
        if unknown.size and (surplus == "error" or unknown.size == len(at)):
            raise DataError(self._describe(entries, int(unknown[0]), unknown))
        order = np.argsort(at, kind="stable")
        again = order[1:][(np.diff(at[order]) == 0) & (at[order][1:] >= 0)]
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
        return self.find(entries.names)

    def _by_number(self, entries: Entries) -> NDArray[np.int64]:
        assert entries.frames is not None
        numbers = np.array([self.numbers.get(track, -1) for track in entries.tracks], dtype=np.int64)
        if not self.numbers:
            return numbers
        frames = entries.frames
        known = (numbers >= 0) & (frames >= 0) & (frames < (self._ends - self._starts)[numbers])
        return np.where(known, self._starts[numbers] + frames, -1)

    def _describe(self, entries: Entries, row: int, unknown: NDArray[np.intp]) -> str:
        """Return what is wrong with the first row that is not here, and the way on where others like it follow."""
        if entries.names is not None:
            track, _, frame = entries.names[row].rpartition("/")
            track, frame = (track, f"'{frame[:40]}'") if track in self.numbers else (track or frame, "")
        else:
            assert entries.frames is not None
            track, frame = entries.tracks[row], str(entries.frames[row])
        number = self.numbers.get(track)
        if number is None:
            return f"{entries.where(row)}: {self.unknown_track(track)}"
        length = int(self._ends[number] - self._starts[number])
        counted = "" if entries.names is not None else ", counted from 0"
        return (
            f"{entries.where(row)}: track '{escape(track)}' has no frame {frame}: it has {length}{counted}; "
            f"{unknown.size} row(s) of the file are surplus: leave them out, or pass over them by --surplus ignore"
        )

    def unknown_track(self, name: str) -> str:
        """Return what to say about a track that is not there, with the nearest name."""
        if name in self._dropped:
            return f"track '{escape(name)}' of the split could not be read ('abawbench data verify' says why)"
        near = get_close_matches(name[:200], list(self.numbers)[:5000], n=1)
        hint = f"; did you mean '{escape(near[0])}'?" if near else ""
        return f"the split has no track '{escape(name)}'{hint}"

    def split(self, found: Decided) -> list[Decided]:
        """Return predictions of all frames as those of each track."""
        scores = [None] * len(self._tracks) if found.scores is None else np.split(found.scores, self._ends[:-1])
        return [Decided(d, s) for d, s in zip(np.split(found.decisions, self._ends[:-1]), scores, strict=True)]

    def split_mask(self, mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """Return a mask over all frames as those of each track."""
        return np.split(mask, self._ends[:-1])


def escape(name: str) -> str:
    """Return a name on one line, whatever it is made of; whole unless it is longer than any file's may be."""
    return repr(name[:255])[1:-1]
