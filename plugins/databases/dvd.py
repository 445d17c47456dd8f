"""DVD: the violence detection challenge of editions 9 and 10."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import LabelledTrack, Labels
from abawbench_plugins.databases._annotations import RowError
from abawbench_plugins.databases._database import SPLITS, FolderDatabase
from abawbench_plugins.databases._folders import below, entries, holds_images
from abawbench_plugins.databases._images import Images
from abawbench_plugins.databases._listings import read_lines
from abawbench_plugins.databases._video import Video
from abawbench_plugins.databases._video_tracks import SceneTrack

_FOLDERS = {"train": "Training", "val": "Validation", "test": "Test"}
_TABLES = {"train": "annotations", "val": "annotations", "test": "templates"}
_HEADERS = (("frame_number", "label"), ("frame_num", "label"))
"""Of ABAW10 and of the templates of ABAW9."""


def open_database(roots: Sequence[Path], vd_first_frame: str = "1", vd_violent: str = "1") -> "DVD":
    """Return DVD as found in the roots together. Raises DataError when they hold nothing of it.

    The assumptions say from which number the tables count frames, and which label means violent.
    """
    return DVD(roots, int(vd_first_frame), int(vd_violent))


class DVD(FolderDatabase):
    """DVD; a root, or a folder in it, holds ``Training`` and ``Validation``, or ``Test``.

    - ``<split>/annotations/<video>.csv``: a header ``Frame_Number,Label`` (or ``Frame_Num,Label``), then one row per
      frame, counted from 1; 1 means violent. Rows decide the number of frames, in the order of their numbers. A file
      with a malformed row is skipped whole.
    - ``<split>/videos/<video>.<any video format>``: frame i of the file is number i; whole scenes, no faces cut out.
    - ``<split>/images/<video>/%05d.jpg``, where you extracted them: read instead of the video, which is much faster
      for a model that is not frozen. No official package has this folder.

    Layout: abaw-protocols, section 7. The folders and ``Frame_Number`` are SINGLE, ``Frame_Num`` in ABAW9 is SINGLE;
    where the test set lies is not known: put it into ``Test/videos`` and its tables into ``Test/templates``.
    """

    name = "dvd"
    label_names = ("vd",)
    seen = True
    released = ("train", "val")
    classes: ClassVar = {"vd": ("other", "violent")}

    def __init__(self, roots: Iterable[Path | str], first_frame: int = 1, violent: int = 1):
        super().__init__(roots)
        self._first_frame, self._violent = first_frame, violent
        self._folders: dict[str, list[tuple[Path, Path]]] = {}
        for folder, root in below(self.roots, self.problems):
            for split, name in _FOLDERS.items():
                if (folder / name / _TABLES[split]).is_dir():
                    self._folders.setdefault(split, []).append((folder / name, root))
        if not self._folders:
            raise self._error("no Training/annotations and no Validation/annotations; unpack DVD there")

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist on disk for a label, in the order train, val, test; empty if there are none."""
        return [split for split in SPLITS if split in self._folders] if label in self.label_names else ()

    def template(self, label: str) -> Path | None:
        """Return the folder ``Test/templates``, or None without it."""
        return self._where(label, "test") if label in self.label_names and "test" in self._folders else None

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        seen: set[str] = set()
        for folder, root in self._folders[split]:
            media = [entry for entry in entries(folder / "videos", self.problems) if entry.is_file()]
            videos = {Path(entry.name).stem: Path(entry.path) for entry in media}
            for path in self._tables(folder / _TABLES[split]):
                if path.stem in seen:
                    self.problems.add(path, "is a second annotation of a video that was read already; ignored")
                    continue
                try:
                    numbers, values = read_table(path, self._first_frame, labelled=split != "test")
                except RowError as error:
                    lost = len(read_lines(path)) - 1
                    self.problems.add(path, f"{error.what}; the video is skipped", error.line, path.stem, lost=lost)
                    continue
                seen.add(path.stem)
                images = folder / "images" / path.stem
                video = Video(videos[path.stem], self.problems) if path.stem in videos else None
                if video is None and not holds_images(images):
                    self.problems.add(path, "has neither a video nor images; all its frames are missing")
                pairs = [(images, root)] if holds_images(images) else []
                track = SceneTrack(path.stem, numbers, Images(pairs, self.problems), video, root)
                values = values if self._violent else 1 - values
                labels = None if split == "test" else Labels(values, np.ones(len(values), dtype=np.bool_))
                yield LabelledTrack(track, labels)

    def _tables(self, folder: Path) -> Iterator[Path]:
        for entry in entries(folder, self.problems):
            if entry.is_file() and entry.name.lower().endswith(".csv"):
                yield Path(entry.path)
            else:
                self.problems.add(entry.path, "is not an annotation file; ignored", extra=True)

    def _annotation_files(self) -> Iterable[Path]:
        return [
            path
            for split, pairs in self._folders.items()
            for folder, _ in pairs
            for path in self._tables(folder / _TABLES[split])
        ]

    def _where(self, label: str, split: str) -> Path:
        return self._folders[split][0][0] / _TABLES[split]

    def _absent(self, label: str, split: str) -> str:
        return str(self._error(f"no {_FOLDERS[split]}/{_TABLES[split]}; unpack DVD there"))


def read_table(path: Path, first: int = 1, *, labelled: bool = True) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the frame numbers [N] from 1, ascending, and the labels [N], 0 or 1, of one video.

    ``first`` is the number of the first frame in the file. A table that is not ``labelled`` is a template; what stands
    beside its frames means nothing.

    Raises RowError, naming the line, for anything but a header and rows of two whole numbers, each frame once, and
    DataError when the file cannot be read.
    """
    lines = read_lines(path)
    header = tuple(name.strip().strip('"').casefold() for name in lines[0].split(","))
    if header not in _HEADERS:
        raise RowError(f"expected the header Frame_Number,Label, found {lines[0].strip()[:60]!r}", 1)
    rows: dict[int, int] = {}
    for number, line in enumerate(lines[1:], start=2):
        fields = [field.strip() for field in line.split(",")] if labelled else [line.partition(",")[0].strip(), "0"]
        if len(fields) != 2 or not fields[0].isdecimal() or int(fields[0]) < first or fields[1] not in ("0", "1"):
            raise RowError(f"expected <frame from {first}>,<0 or 1>, found {line.strip()[:60]!r}", number)
        if int(fields[0]) in rows:
            raise RowError(f"frame {fields[0]} is listed a second time", number)
        rows[int(fields[0])] = int(fields[1])
    if not rows:
        raise RowError("has no rows after the header")
    numbers = np.asarray(sorted(rows), dtype=np.int64)
    return numbers + 1 - first, np.asarray([rows[number] for number in numbers.tolist()], dtype=np.int64)
