"""s-Aff-Wild2: the multi-task learning challenge of editions 3, 4, 7 and 11."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import LabelledTrack, Labels
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._annotations import FORMATS, is_number
from abawbench_plugins.databases._database import SPLITS, FolderDatabase
from abawbench_plugins.databases._folders import below, find_faces, find_videos
from abawbench_plugins.databases._listings import read_lines, read_listing
from abawbench_plugins.databases._tracks import FileTrack, face_track

COLUMNS = {"va": slice(0, 2), "expr": slice(2, 3), "au": slice(3, 15)}
"""Where the labels of each task stand in a row, the image aside."""

_FILES = {
    "train": ("training_set_annotations.txt", "train_set.txt"),
    "val": ("validation_set_annotations.txt", "validation_set.txt"),
    "test": ("MTL.txt",),
}
"""The names of editions 7 and 11, then those of edition 3."""
_WIDTH = 15
_ROW = re.compile(r"\s*([^,]+)/(\d{1,9})\.jpe?g\s*,(.*)$", re.IGNORECASE | re.DOTALL)


class _Row(NamedTuple):
    line: int
    values: list[float]


def open_database(roots: Sequence[Path]) -> "SAffWild2":
    """Return s-Aff-Wild2 as found in the roots together. Raises DataError when they hold nothing of it."""
    return SAffWild2(roots)


class SAffWild2(FolderDatabase):
    """s-Aff-Wild2; a root, or a folder in it, holds the lists, and ``cropped_aligned*`` the images.

    - ``training_set_annotations.txt`` and ``validation_set_annotations.txt`` (edition 3: ``train_set.txt`` and
      ``validation_set.txt``): a header, then ``<video>/%05d.jpg,valence,arousal,expression,AU1,...,AU26``. -5 or -1
      say that a row is not annotated for valence-arousal, the expression or the action units, each by itself; a row
      without any label is left out. A video with a malformed row is skipped whole.
    - ``MTL.txt`` lists the images to predict.
    - The frames of a track are the rows of its video in the order of their numbers, which are not consecutive: a clip
      holds rows that follow each other in the list, and ``frame_names`` tells how far apart they are.

    Layout: abaw-protocols, section 6 (CONFIRMED).
    """

    name = "s-aff-wild2"
    label_names = ("mtl",)
    faces = "cropped_aligned"

    def __init__(self, roots: Iterable[Path | str]):
        super().__init__(roots)
        self._lists: dict[str, Path] = {}
        folders = [folder for folder, _ in below(self.roots, self.problems)]
        for split, names in _FILES.items():
            found = [path for name in names for folder in folders if (path := folder / name).is_file()]
            if found:
                self._lists[split] = found[0]
        if not self._lists:
            raise self._error("no training_set_annotations.txt and no MTL.txt; put the lists of s-Aff-Wild2 there")

    @cached_property
    def _faces(self) -> dict[str, list[tuple[Path, Path]]]:
        tracks = find_faces(self.roots, self.problems)
        lines = (line for path in self._lists.values() for line in read_lines(path))
        known = {line.rpartition("/")[0].strip() for line in lines}
        self._note_unlisted({name: folders[0][0] for name, folders in tracks.items()}, known)
        return tracks

    @cached_property
    def _videos(self) -> dict[str, Path]:
        return find_videos(self.roots, self.problems)

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist on disk for a label, in the order train, val, test; empty if there are none."""
        return [split for split in SPLITS if split in self._lists] if label in self.label_names else ()

    def template(self, label: str) -> Path | None:
        """Return ``MTL.txt``, or None without it."""
        return self._lists.get("test") if label in self.label_names else None

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        if split == "test":
            for name, listing in read_listing(self._lists[split], self.problems).items():
                yield LabelledTrack(self._track(name, listing.numbers))
            return
        for name, (numbers, values) in read_rows(self._lists[split], self.problems).items():
            mask = np.stack([FORMATS[task].labels(values[:, at]).mask for task, at in COLUMNS.items()], axis=1)
            kept = mask.any(axis=1)
            if kept.any():
                yield LabelledTrack(self._track(name, numbers[kept]), Labels(values[kept], mask[kept]))

    def _track(self, name: str, numbers: NDArray[np.int64]) -> FileTrack:
        return face_track(name, numbers, self._faces, self._videos, self.problems)

    def _annotation_files(self) -> Iterable[Path]:
        return self._lists.values()

    def _where(self, label: str, split: str) -> Path:
        return self._lists[split]

    def _absent(self, label: str, split: str) -> str:
        return str(self._error(f"no {_FILES.get(split, (split,))[0]}; put the lists of s-Aff-Wild2 there"))


def read_rows(path: Path, problems: Problems) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return frame numbers [N], ascending, and the 15 label values [N, 15] by video, in the file's order of videos.

    A video with a malformed row, or with a frame listed twice, is left out as a whole and the problem names the line.
    Raises DataError when the file cannot be read.
    """
    rows: dict[str, dict[int, _Row]] = {}
    faults: list[tuple[str, str, int]] = []
    video = ""

    def skip(what: str, line: int) -> None:
        faults.append((video, what, line))

    for line, text in enumerate(read_lines(path), start=1):
        match = _ROW.match(text)
        if match is None:
            if line > 1:
                video = text.rpartition("/")[0].strip() or video
                skip(f"expected <video>/<frame>.jpg and 15 numbers, found {text.strip()[:60]!r}", line)
            continue
        video = match[1].strip()
        fields = match[3].rstrip("\r, \t").split(",")
        if len(fields) != _WIDTH or not all(is_number(field) for field in fields):
            skip(f"expected 15 numbers after the image, found {match[3].strip()[:60]!r}", line)
            continue
        row = _Row(line, [float(field) for field in fields])
        if rows.setdefault(video, {}).setdefault(int(match[2]), row) is not row:
            skip(f"frame {match[2]} is listed a second time", line)
    found = {}
    for video, frames in rows.items():
        ordered = [frames[number] for number in sorted(frames)]
        values = np.asarray([row.values for row in ordered])
        for at, what in _not_allowed(values):
            skip(what, ordered[at].line)
        _note_partial(path, values, ordered, problems)
        found[video] = np.asarray(sorted(frames), dtype=np.int64), values
    for video, what, line in faults:
        lost = len(rows.get(video, ()))
        problems.add(path, f"{what}; video {video} is skipped", line, track=video, lost=lost)
        found.pop(video, None)
    return found


def _not_allowed(values: NDArray[np.float64]) -> Iterator[tuple[int, str]]:
    """Yield the first row of each task that holds a value which may not stand there, and why."""
    for task, columns in COLUMNS.items():
        wrong = np.flatnonzero(~FORMATS[task].allowed(values[:, columns]).all(axis=1))
        if wrong.size:
            yield int(wrong[0]), f"a value of {task} is not {FORMATS[task].expected}"


def _note_partial(path: Path, values: NDArray[np.float64], rows: Sequence[_Row], problems: Problems) -> None:
    codes = values[:, COLUMNS["au"]] == FORMATS["au"].ignored
    some = np.flatnonzero(codes.any(axis=1) & ~codes.all(axis=1))
    if some.size:
        what = f"{some.size} row(s) of one video have -1 for some action units only; treated as not annotated"
        problems.add(path, what, rows[int(some[0])].line)
