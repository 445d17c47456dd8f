"""C-EXPR-DB: the compound expression challenge of editions 6 to 8."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from abawbench.contracts.database import LabelledTrack, Labels
from abawbench_plugins.databases._database import SPLITS, FolderDatabase
from abawbench_plugins.databases._folders import below, find_faces, find_lists, find_videos, has_file
from abawbench_plugins.databases._images import Images
from abawbench_plugins.databases._listings import read_lines, read_listing
from abawbench_plugins.databases._tracks import FileTrack, without_person

COMPOUNDS = (
    "Fearfully Surprised",
    "Happily Surprised",
    "Sadly Surprised",
    "Disgustedly Surprised",
    "Angrily Surprised",
    "Sadly Fearful",
    "Sadly Angry",
)
"""The classes in the order of the template's header: abaw-protocols, section 3."""


def open_database(roots: Sequence[Path]) -> "CExprDB":
    """Return C-EXPR-DB as found in the roots together. Raises DataError when they hold nothing of it."""
    return CExprDB(roots)


class CExprDB(FolderDatabase):
    """C-EXPR-DB; the challenge released 56 videos without labels, so most copies have a test split only.

    - Test split: the template ``*CE*test_set_sample.txt`` or ``*test_set_example.txt``, rows ``01/00001.jpg,<class>``
      whose classes are placeholders.
    - Labels, for those who have them: ``labels/train.txt``, ``labels/val.txt`` and ``labels/test.txt`` in a root, in
      the form of the template; a class outside 0 to 6 means not annotated. ``labels/test.txt`` replaces the template.
    - Faces: ``cropped_aligned/<video>/%05d.jpg``, or ``<video>/%05d.jpg`` directly in a root. The template and the
      decoded video may differ by a frame; the rows decide.

    Layout: abaw-protocols, section 3.
    """

    name = "c-expr-db"
    label_names = ("ce",)
    faces = "cropped_aligned"
    media = "video"
    released = ("test",)
    classes: ClassVar = {"ce": COMPOUNDS}

    def __init__(self, roots: Iterable[Path | str]):
        super().__init__(roots)
        self._files: dict[str, Path] = {}
        lists = find_lists(self.roots, self.problems)
        templates = [
            path for path in lists if "ce" in path.name.lower().split("_") and "release" not in path.name.lower()
        ]
        self._templates = {"ce": max(templates, key=lambda path: path.name)} if templates else {}
        if templates:
            self._files["test"] = self._templates["ce"]
        for root in self.roots:
            for split in SPLITS:
                path = root / "labels" / f"{split}.txt"
                if has_file(path, self.problems):
                    self._files[split] = path
        if not self._files:
            raise self._error("no labels/train.txt and no *CE_test_set_sample.txt; put one of them there")

    @cached_property
    def _faces(self) -> dict[str, list[tuple[Path, Path]]]:
        tracks = find_faces(self.roots, self.problems)
        known = {line.partition("/")[0].strip() for path in self._files.values() for line in read_lines(path)}
        self._note_unlisted({name: folders[0][0] for name, folders in tracks.items()}, known)
        for folder, root in below(self.roots, self.problems):
            if folder != root:
                tracks.setdefault(folder.name, [(folder, root)])
        return tracks

    @cached_property
    def _videos(self) -> dict[str, Path]:
        return find_videos(self.roots, self.problems)

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist on disk for a label, in the order train, val, test; empty if there are none."""
        return [split for split in SPLITS if split in self._files] if label in self.label_names else ()

    def template(self, label: str) -> Path | None:
        """Return the template of the test set, or None without one."""
        return self._templates.get(label)

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        path = self._files[split]
        labelled = path.parent.name == "labels"
        listings = read_listing(path, self.problems, values=labelled)
        for name, listing in listings.items():
            video = without_person(name)
            track = FileTrack(
                id=name,
                subject=video,
                numbers=listing.numbers,
                images=Images(self._faces.get(name, ()), self.problems),
                media=self._videos.get(video) or self._videos.get(name),
            )
            mask = (listing.values >= 0) & (listing.values < len(COMPOUNDS))
            yield LabelledTrack(track, Labels(np.where(mask, listing.values, -1), mask) if labelled else None)

    def _media(self, tracks: Iterable[FileTrack]) -> Iterable[Path]:
        return self._videos.values()

    def _annotation_files(self) -> Iterable[Path]:
        return self._files.values()

    def _where(self, label: str, split: str) -> Path:
        return self._files[split]

    def _absent(self, label: str, split: str) -> str:
        if split == "test":
            return str(self._error("no *CE_test_set_sample.txt; put the official template there"))
        return str(self._error(f"no labels/{split}.txt; the official release has no {split} labels, provide your own"))
