"""Aff-Wild2 in its official layout: the VA, EXPR and AU challenges of editions 3 to 10."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import LabelledTrack
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._annotations import (
    ACTION_UNITS,
    EXPRESSIONS,
    FORMATS,
    RowError,
    count_annotated,
    read_annotation,
)
from abawbench_plugins.databases._database import SPLITS, FolderDatabase
from abawbench_plugins.databases._file_groups import ImageFolder
from abawbench_plugins.databases._folders import entries, find_faces, find_lists, find_matching, find_videos
from abawbench_plugins.databases._listings import read_lines, read_listing
from abawbench_plugins.databases._packs import count_files
from abawbench_plugins.databases._parsed import ParsedFiles
from abawbench_plugins.databases._tracks import FileTrack, face_track

ALIGNED_SIZE = (112, 112)
"""Height and width of the aligned faces: abaw-protocols, section 2.2."""
FRAME_NAME = "{:05d}.jpg"

_CHALLENGES = {
    "va": ("VA_Estimation_Challenge",),
    "expr": ("EXPR_Recognition_Challenge", "EXPR_Classification_Challenge"),
    "au": ("AU_Detection_Challenge",),
}
_SETS = {"train": "Train_Set", "val": "Validation_Set"}
_ANNOTATIONS = re.compile(r"\d*.*ABAW.*Annotations.*", re.IGNORECASE)
_LISTS = {
    "va": re.compile(r"(^|_)va_|valence", re.IGNORECASE),
    "expr": re.compile(r"(^|_)expr", re.IGNORECASE),
    "au": re.compile(r"(^|_)au_|action_unit", re.IGNORECASE),
}


def open_database(roots: Sequence[Path], edition: int | None = None, annotation_header: str = "named") -> "AffWild2":
    """Return Aff-Wild2 as found in the roots together. Raises DataError when they hold nothing of it.

    The highest ABAW edition that annotates a task is read, unless ``edition`` names one.
    """
    return AffWild2(roots, edition, annotation_header)


class AffWild2(FolderDatabase):
    """Aff-Wild2; a root may hold any of the annotations, the face crops, the raw videos and the test lists.

    - Annotations: ``<N>th_ABAW_Annotations`` (or with spaces), one text file per track; row i after the header labels
      frame i, image ``%05d.jpg``. Rows decide the number of frames. A file with a malformed row is skipped whole.
    - Faces: ``cropped_aligned*`` before the unaligned ``batch1``, ``batch2``, ``cropped*``, per track.
    - Test split: a template ``*test_set_sample.txt`` or ``*test_set_example.txt`` lists the frames to predict.
    - A track gives the labels it was asked for only, because each task has its own files and splits.

    Layout and quirks: abaw-protocols, sections 2.2, 2.3 and 2.6.
    """

    name = "aff-wild2"
    label_names = ("va", "expr", "au")
    faces = "cropped_aligned"
    media = "raw video"
    classes: ClassVar = {"expr": EXPRESSIONS, "au": ACTION_UNITS}

    def __init__(self, roots: Iterable[Path | str], edition: int | None = None, header: str = "named"):
        super().__init__(roots)
        self._header = header
        self._editions: dict[int, list[Path]] = {}
        for folder, _ in find_matching(_ANNOTATIONS, self.roots, self.problems):
            number = int("0" + re.split(r"\D", folder.name)[0])
            if edition in (None, number):
                self._editions.setdefault(number, []).append(folder)
        self._lists = find_lists(self.roots, self.problems)
        if not self._editions and not self._lists:
            wanted = "*_ABAW_Annotations" if edition is None else f"{edition}th_ABAW_Annotations"
            raise self._error(f"no folder {wanted} and no *test_set_sample.txt; unpack the annotations there")

    @cached_property
    def _faces(self) -> dict[str, list[tuple[Path, Path]]]:
        return find_faces(self.roots, self.problems)

    @cached_property
    def _videos(self) -> dict[str, Path]:
        return find_videos(self.roots, self.problems)

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist on disk for a label, in the order train, val, test; empty if there are none."""
        if label not in self.label_names:
            return ()
        found = {split for split in _SETS if self._folders(label, split)}
        if self._template(label):
            found.add("test")
        return [split for split in SPLITS if split in found]

    def _folders(self, label: str, split: str) -> list[Path]:
        for _, folders in sorted(self._editions.items(), reverse=True):
            challenges = [folder / name for folder in folders for name in _CHALLENGES[label]]
            present = [challenge for challenge in challenges if challenge.is_dir()]
            if present:
                return [path for path in (challenge / _SETS[split] for challenge in present) if path.is_dir()]
        return []

    def _template(self, label: str) -> Path | None:
        found = [path for path in self._lists if _LISTS[label].search(path.name) and "release" not in path.name.lower()]
        return max(found, key=lambda path: ([int(n) for n in re.findall(r"\d+", path.name)], path.name), default=None)

    def template(self, label: str) -> Path | None:
        """Return the newest template of the test set, or None without one."""
        return self._template(label) if label in self.label_names else None

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        if self._faces:
            self._note_unlisted({name: folders[0][0] for name, folders in self._faces.items()}, self._known)
        if split == "test":
            template = self._template(label)
            assert template is not None
            listings = self._listed(template)
            self._compare_release(label, template, listings)
            for name, numbers in listings.items():
                yield LabelledTrack(self._track(name, numbers))
            return
        seen: set[str] = set()
        for folder in self._folders(label, split):
            with ParsedFiles(f"{label} {self._header}", folder) as parsed:
                for entry in entries(folder, self.problems):
                    path = folder / entry.name
                    if path.suffix.lower() != ".txt" or entry.is_dir():
                        self.problems.add(path, "is not an annotation file; ignored", extra=True)
                    elif path.stem in seen:
                        self.problems.add(path, "is a second annotation of a track that was read already; ignored")
                    elif (track := self._annotated(path, label, parsed)) is not None:
                        seen.add(path.stem)
                        yield track

    def _listed(self, template: Path) -> Mapping[str, NDArray[np.int64]]:
        """Return the numbers of the frames of each track of a template; one with problems is parsed every time."""
        met = Problems(self.roots)
        with ParsedFiles("template", template) as parsed:
            numbers = parsed.get(
                template,
                lambda: {name: listing.numbers for name, listing in read_listing(template, met).items()},
                keep=lambda: not met.items,
            )
        self.problems.take(met)
        return numbers

    def _compare_release(self, label: str, template: Path, listings: Container[str]) -> None:
        for path in self._lists:
            if _LISTS[label].search(path.name) and "release" in path.name.lower():
                for number, line in enumerate(read_lines(path), start=1):
                    if line.strip() and line.strip() not in listings:
                        self.problems.add(path, f"track {line.strip()[:60]} has no frames in {template.name}", number)

    def _annotated(self, path: Path, label: str, parsed: ParsedFiles) -> LabelledTrack | None:
        form = FORMATS[label] if self._header == "named" else replace(FORMATS[label], header=())
        kept = np.int8 if form.integer else np.float64
        try:
            arrays = parsed.get(path, lambda: {"rows": read_annotation(path, form).astype(kept, copy=False)})
            values = arrays["rows"].astype(np.float64, copy=False)
        except RowError as error:
            lost = count_annotated(path, form)
            self.problems.add(path, f"{error.what}; the track is skipped", error.line, track=path.stem, lost=lost)
            return None
        except OSError as error:
            self.problems.add(path, f"cannot be read ({error.strerror}); the track is skipped", track=path.stem)
            return None
        codes = values == form.ignored
        some = np.flatnonzero(codes.any(axis=1) & ~codes.all(axis=1))
        if form.columns > 2 and some.size:
            what = f"{some.size} row(s) have {form.ignored:g} in some columns only; treated as not annotated"
            self.problems.add(path, what, int(some[0]) + 2)
        return LabelledTrack(self._track(path.stem, np.arange(1, len(values) + 1)), form.labels(values))

    def _track(self, name: str, numbers: NDArray[np.int64]) -> FileTrack:
        return face_track(name, numbers, self._faces, self._videos, self.problems)

    def _image_folders(self, tracks: Iterable[FileTrack]) -> Iterator[ImageFolder]:
        sizes = {part.path: part.files for part in super()._image_folders(tracks)}
        for path, _ in (pair for pairs in self._faces.values() for pair in pairs):
            aligned = path.parent.name.lower().startswith("cropped_aligned")
            files = sizes.get(path) or count_files(path, self.problems)
            yield ImageFolder(path, FRAME_NAME, ALIGNED_SIZE if aligned else None, files)

    def _media(self, tracks: Iterable[FileTrack]) -> Iterable[Path]:
        return self._videos.values()

    @cached_property
    def _known(self) -> set[str]:
        names = {path.stem for path in self._annotation_files() if path not in self._lists}
        for path in self._lists:
            with ParsedFiles("names", path) as parsed:
                names |= set(parsed.get(path, lambda path=path: _names(path)))  # type: ignore[misc]
        return names

    def _annotation_files(self) -> Iterator[Path]:
        yield from self._lists
        for label in self.label_names:
            for split in _SETS:
                for folder in self._folders(label, split):
                    yield from (folder / e.name for e in entries(folder, self.problems) if e.is_file())

    def _where(self, label: str, split: str) -> Path:
        template = self._template(label)
        return template if split == "test" and template else self._folders(label, split)[0]

    def _absent(self, label: str, split: str) -> str:
        if split not in _SETS:
            return str(self._error(f"no *test_set_sample.txt for {label}; put the template of the test set there"))
        wanted = f"*_ABAW_Annotations/{_CHALLENGES[label][0]}/{_SETS[split]}"
        return str(self._error(f"no folder {wanted}; unpack the {label} annotations there"))


def _names(path: Path) -> dict[str, NDArray[np.int64]]:
    """Return what may be the name of a track in any line of a test list, each with nothing beside it."""
    nothing = np.zeros(0, dtype=np.int64)
    return {line.partition("/")[0].strip(): nothing for line in read_lines(path)}
