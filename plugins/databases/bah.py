"""BAH in the package of ABAW8: ambivalence and hesitancy per frame."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from abawbench.contracts.database import LabelledTrack, Labels
from abawbench.contracts.errors import DataError
from abawbench.contracts.inspection import FileGroup
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._database import SPLITS, FolderDatabase
from abawbench_plugins.databases._file_groups import ImageFolder, Transcript
from abawbench_plugins.databases._folders import below, has_file, holds_images, subfolders
from abawbench_plugins.databases._images import Images
from abawbench_plugins.databases._listings import Listing, read_lines, read_listing
from abawbench_plugins.databases._packs import count_files
from abawbench_plugins.databases._text import compose, items, mapping, scalar
from abawbench_plugins.databases._tracks import FileTrack

if TYPE_CHECKING:
    import yaml


FRAME_NAME = "frame-{}.jpg"

_SPLIT_FOLDER = "default-split"
_TEMPLATE = Path("submissions", "trial-1.txt")
_FACES = "cropped-aligned-faces"
_FRAME = re.compile(r"frame-(\d{1,9})(?:\.jpe?g)?$", re.IGNORECASE | re.ASCII)


def open_database(roots: Sequence[Path], bah_rate: str = "24") -> "BAH":
    """Return BAH as found in the roots together. Raises DataError when they hold nothing of it."""
    return BAH(roots, float(bah_rate))


@dataclass(eq=False)
class AnswerTrack(FileTrack):
    """The recorded answer to one question, with its transcript."""

    first = 0
    transcript: Path | None = None
    spoken: str | None = None
    """What the split file says was spoken, for videos without a transcript file."""

    def text(self) -> str | None:
        """Return the transcript, or None without one; a broken file is a problem and the split file's text is used."""
        if self.transcript is not None and self.transcript.is_file():
            try:
                text = scalar(mapping(compose(self.transcript)).get("text"))
            except DataError as error:
                self.images.problems.add(self.transcript, str(error))
            else:
                if text is not None:
                    return text
                self.images.problems.add(self.transcript, "has no text under the key 'text'")
        return self.spoken


class AnswerDatabase(FolderDatabase):
    """What both packages of BAH share: people, their videos and transcripts."""

    media = "video"
    participants = True

    def __init__(self, roots: Iterable[Path | str], rate: float = 24.0):
        super().__init__(roots)
        self.rate = rate
        """Frames per second where no video tells."""

    def _texts(self, tracks: Iterable[FileTrack]) -> Iterable[FileGroup]:
        paths = {track.transcript for track in tracks if isinstance(track, AnswerTrack) and track.transcript}
        return [Transcript(path) for path in sorted(paths)]

    def _note_missing(self, tracks: Sequence[FileTrack]) -> None:
        super()._note_missing(tracks)
        for track in tracks:
            if isinstance(track, AnswerTrack) and track.transcript is None:
                self.problems.add(self.roots[0], f"no transcript for {track.id}")


class BAH(AnswerDatabase):
    """BAH, ABAW8 edition; a root, or folders in it, hold ``ABAW-8th-BAH-train-data`` and ``ABAW-8th-BAH-test-data``.

    - ``default-split/train.txt`` and ``val.txt`` list videos; ``annotation.yml`` gives their frames under
      ``frame_annotation``; a video whose entry is malformed is skipped whole.
    - Test split: the template ``submissions/trial-1.txt``, inside the test package or beside it.
    - ``cropped-aligned-faces/<pid>/<visit>/<video>.mp4/frame-<k>.jpg`` (k from 0, not padded), ``videos/...``,
      ``transcription/<pid>/<visit>/<video>.mp4/<video>.yml``. Visits and videos may have spaces in their names.

    Layout: abaw-protocols, section 5.2.
    """

    name = "bah"
    label_names = ("ah",)
    faces = _FACES
    classes: ClassVar = {"ah": ("absent", "present")}

    def __init__(self, roots: Iterable[Path | str], rate: float = 24.0):
        super().__init__(roots, rate)
        self._packages = list(below(self.roots, self.problems))
        self._lists: dict[str, Path] = {}
        self._annotations: list[Path] = []
        for folder, _ in self._packages:
            wanted = {split: folder / _SPLIT_FOLDER / f"{split}.txt" for split in ("train", "val")}
            wanted["test"] = folder / _TEMPLATE
            for split, path in wanted.items():
                if has_file(path, self.problems):
                    self._lists.setdefault(split, path)
            if has_file(folder / "annotation.yml", self.problems):
                self._annotations.append(folder / "annotation.yml")
        if not self._lists:
            raise self._error(
                "no default-split/train.txt and no submissions/trial-1.txt; unpack the ABAW8 package there"
            )

    @cached_property
    def _entries(self) -> "dict[str, tuple[Path, yaml.Node]]":
        found: dict[str, tuple[Path, yaml.Node]] = {}
        for path in self._annotations:
            for video, node in mapping(compose(path)).items():
                found.setdefault(_id(video), (path, node))
        return found

    @cached_property
    def _face_folders(self) -> list[tuple[Path, Path]]:
        return [(folder / _FACES, root) for folder, root in self._packages if (folder / _FACES).is_dir()]

    @cached_property
    def _face_videos(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for faces, _ in self._face_folders:
            for person in subfolders(faces, self.problems):
                for visit in subfolders(faces / person, self.problems):
                    for video in subfolders(faces / person / visit, self.problems):
                        found[f"{person}/{visit}/{video}"] = faces / person / visit / video
        return found

    @cached_property
    def _known(self) -> set[str]:
        lines = (line for path in self._lists.values() for line in read_lines(path))
        # A template names <video>/frame-<k>.jpg before the first comma, a split file the video itself.
        return {_id(re.sub(r"/frame-[^/]*$", "", line.partition(",")[0])) for line in lines}

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist on disk for a label, in the order train, val, test; empty if there are none."""
        return [split for split in SPLITS if split in self._lists] if label in self.label_names else ()

    def template(self, label: str) -> Path | None:
        """Return ``submissions/trial-1.txt``, or None without one."""
        return self._lists.get("test") if label in self.label_names else None

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        self._note_unlisted(self._face_videos, self._known)
        if split == "test":
            for name, listing in read_listing(self._lists[split], self.problems).items():
                yield LabelledTrack(self._track(_id(name), listing, None))
            return
        if not self._annotations:
            raise self._error(f"no annotation.yml, which holds the labels of {split}; unpack it beside default-split")
        for video, (line, _, spoken) in read_split(self._lists[split], self.problems).items():
            if video not in self._entries:
                self.problems.add(
                    self._lists[split], f"video {video} has no entry in annotation.yml; skipped", line, track=video
                )
            elif (rows := self._listing(video)) is not None:
                labels = Labels(rows.values, np.ones(len(rows.values), dtype=np.bool_))
                yield LabelledTrack(self._track(video, rows, spoken), labels)

    def _listing(self, video: str) -> Listing | None:
        path, node = self._entries[video]
        rows: dict[int, int] = {}
        rest = mapping(node).get("frame_annotation")
        for row in items(rest):
            pair = [scalar(cell) for cell in items(row)]
            match = _FRAME.search(pair[0] or "") if len(pair) == 2 else None
            if match is None or pair[1] not in ("0", "1") or int(match[1]) in rows:
                what = f"video {video} is skipped: expected [.../frame-<k>.jpg, 0 or 1] with each k once"
                self.problems.add(path, what, row.start_mark.line + 1, video, lost=len(items(rest)))
                return None
            rows[int(match[1])] = int(pair[1])
        if not rows:
            self.problems.add(path, f"video {video} is skipped: no frame_annotation", node.start_mark.line + 1, video)
            return None
        numbers = np.asarray(sorted(rows), dtype=np.int64)
        return Listing(numbers, np.asarray([rows[number] for number in numbers.tolist()], dtype=np.int64))

    def _track(self, video: str, listing: Listing, spoken: str | None) -> AnswerTrack:
        folders = [(folder / video, root) for folder, root in self._face_folders if holds_images(folder / video)]
        name = Path(video).name.removesuffix(".mp4")
        return AnswerTrack(
            id=video,
            subject=video.partition("/")[0],
            assumed=self.rate,
            numbers=listing.numbers,
            images=Images(folders, self.problems, frame_name=FRAME_NAME),
            frame_name=FRAME_NAME,
            media=self._beside("videos", video),
            transcript=self._beside("transcription", f"{video}/{name}.yml"),
            spoken=spoken,
        )

    def _beside(self, kind: str, path: str) -> Path | None:
        return next((p for folder, _ in self._packages if (p := folder / kind / path).is_file()), None)

    def _image_folders(self, tracks: Iterable[FileTrack]) -> Iterator[ImageFolder]:
        sizes = {part.path: part.files for part in super()._image_folders(tracks)}
        for path in self._face_videos.values():
            yield ImageFolder(path, FRAME_NAME, None, sizes.get(path) or count_files(path, self.problems))

    def _annotation_files(self) -> Iterable[Path]:
        return [*self._lists.values(), *self._annotations]

    def _where(self, label: str, split: str) -> Path:
        return self._lists[split]

    def _absent(self, label: str, split: str) -> str:
        wanted = _TEMPLATE.as_posix() if split == "test" else f"{_SPLIT_FOLDER}/{split}.txt"
        return str(self._error(f"no {wanted}; unpack the ABAW8 package there"))


def read_split(path: Path, problems: Problems) -> dict[str, tuple[int, int, str]]:
    """Return (line, label, transcript) by video from ``<path>,<0|1>,<transcript>`` lines.

    They are cut at the first two commas only. A malformed line is skipped with a problem. Raises DataError when the
    file is unreadable.
    """
    found: dict[str, tuple[int, int, str]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        video, *rest = line.rstrip("\r").split(",", 2)
        if not rest or rest[0].strip() not in ("0", "1") or video.count("/") < 2:
            what = f"expected <pid>/<visit>/<video>.mp4,<0|1>,<text>, found {line[:60]!r}; skipped"
            problems.add(path, what, number, track=_id(video))
        elif _id(video) in found:
            problems.add(path, f"video {_id(video)} is listed a second time; ignored", number)
        else:
            found[_id(video)] = (number, int(rest[0]), rest[1] if len(rest) > 1 else "")
    return found


def _id(video: str) -> str:
    """Return ``<pid>/<visit>/<video>.mp4`` of a path that may start with ``videos/``."""
    return re.sub(r"^videos/", "", video.strip().lstrip("./"), flags=re.IGNORECASE)
