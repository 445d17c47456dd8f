"""facial-expressions: single photographs of faces with an expression each, open to everyone."""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from abawbench.contracts import Count, DataError, Inspection, LabelledTrack, Labels
from abawbench_plugins.databases._database import SPLITS, FolderDatabase
from abawbench_plugins.databases._file_groups import ImageFolder
from abawbench_plugins.databases._folders import below, entries, has_file
from abawbench_plugins.databases._image_index import Listing
from abawbench_plugins.databases._images import Images
from abawbench_plugins.databases._listings import read_lines
from abawbench_plugins.databases._manifest_images import ListedImages
from abawbench_plugins.databases._tracks import FileTrack, identity

EMOTIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "contempt")
"""In the order of the classes of Aff-Wild2; contempt stands in the place of its class Other."""
CLASSES = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Other")
CONTEMPT = EMOTIONS.index("contempt")

_LEGEND = Path("data", "legend.csv")
_IMAGES = "images"
_COLUMNS = ("image", "emotion")
_NUMBER = re.compile(r"_\d+\.\w+$")
_TOGETHER = 250
"""Images that one process reads at a time."""


def open_database(roots: Sequence[Path], contempt: str = "left-out") -> "FacialExpressions":
    """Return the photographs found in the roots together. Raises DataError when there is no legend."""
    return FacialExpressions(roots, contempt == "other")


def subject_of(name: str) -> str:
    """Return who is on a photograph: the name of the file without its number, which is a person for most files.

    >>> subject_of("Aaron_Eckhart_0001.jpg")
    'Aaron_Eckhart'
    """
    return _NUMBER.sub("", name)


def split_of(subject: str) -> str:
    """Return the split of a person: by the SHA-256 of the name, half test, 35 in 100 train and 15 in 100 val."""
    place = int(hashlib.sha256(subject.encode()).hexdigest(), 16) % 100
    return "test" if place < 50 else "train" if place < 85 else "val"


@dataclass
class NamedImage(Images):
    """The one image of a still, under whatever name it has."""

    name: str = ""

    numbered: ClassVar = False

    def _list(self, folder: Path) -> Listing:
        found = identity(folder / self.name)
        sample = np.array([] if found is None else [found[1:]], dtype=np.int64).reshape(-1, 2)
        return Listing(np.arange(1, len(sample) + 1), ("", 1, ""), {1: self.name}, sample=sample)


class FacialExpressions(FolderDatabase):
    """The public repository ``facial_expressions``; a root, or a folder in it, is a copy of it.

    - ``data/legend.csv``, columns ``user.id,image,emotion``; emotions in any case. An image that is named twice with
      one emotion counts once; with two it has no annotation.
    - ``images/*.jpg``: photographs of any size, most of them grey.

    Every photograph is a track of one frame, called as its file. There is no official split: people are dealt by the
    hash of their names (``split_of``), so that nobody is in two. Aff-Wild2 has no contempt and this database has no
    Other; unless ``contempt_is_other`` photographs of contempt have no annotation, and Other is left out of the score.

    Source: open-data, "Databases without a form to sign".
    """

    name = "facial-expressions"
    label_names = ("expr",)
    faces = _IMAGES
    classes: ClassVar = {"expr": CLASSES}
    participants = True

    def __init__(self, roots: Iterable[Path | str], contempt_is_other: bool = False):
        super().__init__(roots)
        self.contempt_is_other = contempt_is_other
        found = [
            (folder, root)
            for folder, root in below(self.roots, self.problems)
            if has_file(folder / _LEGEND, self.problems)
        ]
        if not found:
            raise self._error(f"no {_LEGEND.as_posix()}; clone muxspace/facial_expressions there")
        self.folder, self._root = found[0]
        for folder, _ in found[1:]:
            self.problems.add(folder / _LEGEND, "is a second copy; ignored", extra=True)

    def lacks(self, label: str) -> Sequence[str]:
        """Return that there is no class Other, unless contempt stands for it."""
        return () if self.contempt_is_other else (CLASSES[CONTEMPT],)

    @cached_property
    def _rows(self) -> dict[str, set[int]]:
        """The emotions that the legend gives for each image, none where one is unknown."""
        path = self.folder / _LEGEND
        reader = csv.reader(read_lines(path))
        header = [name.strip() for name in next(reader)]
        if missing := [name for name in _COLUMNS if name not in header]:
            raise DataError(f"{path}:1 lacks the column(s) {', '.join(missing)} in its header; clone it anew.")
        columns = [header.index(name) for name in _COLUMNS]
        rows: dict[str, set[int]] = {}
        for row in reader:
            if len(row) != len(header):
                self.problems.add(path, f"expected {len(header)} values, found {len(row)}; skipped", reader.line_num)
                continue
            image, emotion = (row[column].strip() for column in columns)
            if emotion.lower() not in EMOTIONS:
                self.problems.add(path, f"{emotion[:40]!r} is no emotion; the row is skipped", reader.line_num)
            elif not image or "/" in image or "\\" in image:
                self.problems.add(path, f"{image[:40]!r} is no file name; the row is skipped", reader.line_num)
            else:
                self._count[emotion.lower()] += 1
                self._add(rows, image, EMOTIONS.index(emotion.lower()), reader.line_num)
        return rows

    @cached_property
    def _count(self) -> Counter[str]:
        return Counter()

    def _add(self, rows: dict[str, set[int]], image: str, emotion: int, line: int) -> None:
        known = rows.setdefault(image, set())
        if known:
            same = emotion in known
            what = "is named a second time" + ("" if same else " with another emotion; it counts as not annotated")
            self.problems.add(self.folder / _LEGEND, f"{image} {what}", line, extra=True)
        known.add(emotion)

    @cached_property
    def _there(self) -> frozenset[str]:
        folder = self.folder / _IMAGES
        return frozenset(e.name for e in entries(folder, self.problems)) if folder.is_dir() else frozenset()

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that the legend has rows of, in the order train, val, test; none for another label."""
        if label not in self.label_names:
            return ()
        found = {split_of(subject_of(image)) for image in self._rows}
        return [split for split in SPLITS if split in found]

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        own = {image: of for image, of in self._rows.items() if split_of(subject_of(image)) == split}
        if not self._there:
            absent = str(self._error(f"no images in {self.folder / _IMAGES}; clone the repository with its images"))
        else:
            absent = ""
            if lost := sorted(own.keys() - self._there):
                what = f"{len(lost)} of the {split} images that the legend names are not there ({lost[0]} is one)"
                self.problems.add(self.folder / _IMAGES, what)
        self._note_contempt(own.values(), split)
        for image, emotions in own.items():
            still = NamedImage([(self.folder / _IMAGES, self._root)], self.problems, absent=absent, name=image)
            numbers = np.ones(1, dtype=np.int64)
            track = FileTrack(id=image, subject=subject_of(image), numbers=numbers, images=still)
            yield LabelledTrack(track, self._labels_of(emotions))

    def _labels_of(self, emotions: set[int]) -> Labels:
        known = len(emotions) == 1 and (self.contempt_is_other or CONTEMPT not in emotions)
        return Labels(np.array([min(emotions) if known else 0]), np.array([known]))

    def _note_contempt(self, found: Iterable[set[int]], split: str) -> None:
        count = sum(CONTEMPT in emotions for emotions in found)
        if not count:
            return
        what = f"{count} {split} image(s) show contempt, which Aff-Wild2 does not know: "
        what += "they stand for its class Other by convention" if self.contempt_is_other else "they are not annotated"
        self.problems.add(self.folder / _LEGEND, what, extra=True)

    def inspect(self, labels: Sequence[str] = (), splits: Sequence[str] = ()) -> Inspection:
        """Return what the legend and the folder hold; see ``FolderDatabase.inspect``."""
        found = super().inspect(labels, splits)
        if strangers := sorted(self._there - self._rows.keys()):
            what = f"{len(strangers)} image(s) without a row in the legend ({strangers[0]} is one); ignored"
            self.problems.add(self.folder / _IMAGES, what, extra=True)
        listed = sorted(self._there & self._rows.keys())
        counts = [count for count in found.counts if count.label]
        counts += [Count("", "", "rows of the legend", self._count.total())]
        counts += [Count("", "", f"rows of {emotion}", self._count[emotion]) for emotion in EMOTIONS]
        counts += [Count("", "", "images", len(self._there))]
        groups = [
            ListedImages(self.folder / _IMAGES, tuple(listed[at : at + _TOGETHER]))
            for at in range(0, len(listed), _TOGETHER)
        ]
        return Inspection(counts, [*found.groups, *groups])

    def _image_folders(self, tracks: Iterable[FileTrack]) -> Iterable[ImageFolder]:  # type: ignore[override]
        return ()  # one folder holds all of them: inspect() reads it

    def _annotation_files(self) -> Iterable[Path]:
        return [self.folder / _LEGEND]

    def _where(self, label: str, split: str) -> Path:
        return self.folder / _LEGEND

    def _absent(self, label: str, split: str) -> str:
        where = _LEGEND.as_posix()
        return str(self._error(f"{where} names nobody of the {split} split; take the whole legend of the repository"))
