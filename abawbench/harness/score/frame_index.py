"""Where the rows of a prediction file belong: from the names they give to the frames of the tracks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Decided, Submission, Task, Track
from abawbench.contracts.text import name_key


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
    counted: bool = False
    """Whether ``frames`` are as somebody counted them, who may have begun at 1."""
    notes: Sequence[str] = ()
    """What else the predictions rest on, in words."""


Surplus = Literal["error", "ignore"]
"""What happens to rows of frames that the tracks do not have."""
SURPLUS: tuple[Surplus, ...] = ("error", "ignore")


COUNTED_FROM_1 = "no row of the file has frame 0, so it seems to count from 1"


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
        self._alike = {name_key(track.id): number for number, track in enumerate(tracks) if not track.id.isascii()}
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

    @cached_property
    def _places_alike(self) -> dict[str, int]:
        return {name_key(name): place for name, place in self._places.items()}

    def number_of(self, track: str) -> int | None:
        """Return the place of a track among the tracks, whichever way its accents are written; None without one."""
        found = self.numbers.get(track)
        return found if found is not None or track.isascii() else self._alike.get(name_key(track))

    def positions(self, entries: Entries, surplus: Surplus = "error") -> NDArray[np.int64]:
        """Return the position of each row, -1 for one of a frame that is not here where ``surplus`` is ``ignore``.

        Raises DataError for an unknown track or frame otherwise, and for one given twice.
        """
        at = self._by_name(entries) if entries.names is not None else self._by_number(entries)
        unknown = np.flatnonzero(at < 0)
        if unknown.size and (surplus == "error" or unknown.size == len(at)):
            raise DataError(self._describe(entries, int(unknown[0]), unknown))
        late = self._one_late(entries, unknown)
        if late is not None:
            raise DataError(
                f"{entries.where(late)}: {COUNTED_FROM_1}, and this row is of a frame behind the last one; subtract 1 "
                "from every frame"
            )
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
        found = np.fromiter((places.get(name, -1) for name in names), np.int64, len(names))
        for row in np.flatnonzero(found < 0).tolist():
            if not names[row].isascii():
                found[row] = self._places_alike.get(name_key(names[row]), -1)
        return found

    def _by_name(self, entries: Entries) -> NDArray[np.int64]:
        assert entries.names is not None
        return self.find(entries.names)

    def _by_number(self, entries: Entries) -> NDArray[np.int64]:
        assert entries.frames is not None
        own = {track: self.number_of(track) for track in dict.fromkeys(entries.tracks)}
        numbers = np.array([-1 if (n := own[track]) is None else n for track in entries.tracks], dtype=np.int64)
        if not self.numbers:
            return numbers
        frames = entries.frames
        known = (numbers >= 0) & (frames >= 0) & (frames < (self._ends - self._starts)[numbers])
        return np.where(known, self._starts[numbers] + frames, -1)

    def leaves_out_first(self, entries: Entries) -> bool:
        """Return whether rows of frames count no frame 0, as a file does that counts from 1."""
        frames = entries.frames if entries.counted and self._task.level == "frame" else None
        return frames is not None and frames.size > 0 and bool(frames.min() == 1)

    def _one_late(self, entries: Entries, unknown: NDArray[np.intp]) -> int | None:
        """Return the first row that shows that a file counts frames from 1, None where none does."""
        if not unknown.size or not self.leaves_out_first(entries):
            return None
        assert entries.frames is not None
        lengths = np.append(self._ends - self._starts, -1)
        numbers = [self.number_of(entries.tracks[row]) for row in unknown.tolist()]
        own = lengths[[-1 if number is None else number for number in numbers]]
        late = unknown[entries.frames[unknown] == own]
        return int(late[0]) if late.size else None

    def _describe(self, entries: Entries, row: int, unknown: NDArray[np.intp]) -> str:
        """Return what is wrong with the first row that is not here, and the way on where others like it follow."""
        if entries.names is not None:
            track, _, frame = entries.names[row].rpartition("/")
            track, frame = (track or frame, "") if self.number_of(track) is None else (track, f"'{frame[:40]}'")
        else:
            assert entries.frames is not None
            track, frame = entries.tracks[row], str(entries.frames[row])
        number = self.number_of(track)
        if number is None:
            return f"{entries.where(row)}: {self.unknown_track(track)}"
        length = int(self._ends[number] - self._starts[number])
        counted = f", {self._ends_of(number)}" if entries.names is not None else ", counted from 0"
        if self._one_late(entries, unknown) is not None:
            counted += f" ({COUNTED_FROM_1}: subtract 1)"
        return (
            f"{entries.where(row)}: track '{escape(track)}' has no frame {frame}: it has {length}{counted}; "
            f"{unknown.size} row(s) of the file are surplus: leave them out, or pass over them by --surplus ignore"
        )

    def unknown_track(self, name: str) -> str:
        """Return what to say about a track that is not there, with the nearest name."""
        if name in self._dropped:
            return f"track '{escape(name)}' of the split could not be read ('abawbench data verify' says why)"
        near = self._meant(name[:200])
        hint = f"; did you mean '{escape(near)}'?" if near else ""
        slashes = "; write / and not \\ in names" if "\\" in name and "/" not in name else ""
        return f"the split has no track '{escape(name)}'{hint or slashes}"

    def _ends_of(self, number: int) -> str:
        """Return what the official file calls the first and the last frame of a track."""
        names = self._form.names(self._tracks[number])
        first, last = (escape(name.rpartition("/")[2]) for name in (names[0], names[-1]))
        return f"'{first}'" if first == last else f"'{first}' to '{last}'"

    def _meant(self, name: str) -> str | None:
        """Return the track that a name may stand for: a path to it, one without its zeros, or one much like it."""
        last = PurePath(name.replace("\\", "/"))
        for one in (last.name, last.stem):
            if (number := self.number_of(one)) is not None:
                return self._tracks[number].id
        bare = [known for known in self.numbers if known.lstrip("0") == name.lstrip("0")] if name.isdecimal() else []
        near = bare or get_close_matches(name, list(self.numbers)[:5000], n=1)
        return near[0] if near else None

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
