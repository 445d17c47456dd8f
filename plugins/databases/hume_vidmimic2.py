"""Hume-Vidmimic2: the emotional mimicry intensity challenge of editions 6, 8 and 10."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.database import LabelledTrack, Labels
from abawbench.contracts.errors import DataError
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._annotations import is_number
from abawbench_plugins.databases._database import SPLITS, FolderDatabase
from abawbench_plugins.databases._file_groups import ImageFolder
from abawbench_plugins.databases._folders import PACKED, below, entries, has_file
from abawbench_plugins.databases._images import Images
from abawbench_plugins.databases._listings import read_lines
from abawbench_plugins.databases._packs import count_files
from abawbench_plugins.databases._pickles import read_array
from abawbench_plugins.databases._tracks import CountedTrack, FileTrack, identity

EMOTIONS = ("Admiration", "Amusement", "Determination", "Empathic Pain", "Excitement", "Joy")
FIRST_TEST = 12660
"""The first id of the test split: abaw-protocols, section 4.1."""
RATE = 30.0
"""Frames per second of the face images. The real spacing is not published; 30 makes clips take every image."""
FRAME_NAME = "{}.jpg"
FACE_SIZE = (160, 160)
"""Height and width of the face images: abaw-protocols, section 4.1."""

_TABLES = {"train": "train_split.csv", "val": "valid_split.csv", "test": "test_split.csv"}
_MEDIA = {"face_images": "", "audio": ".mp3", "raw": ".mp4"}
_FEATURES = {"vit": ".pkl", "wav2vec2": ".pkl"}
_FILES = _MEDIA | _FEATURES


def open_database(roots: Sequence[Path]) -> "HumeVidmimic2":
    """Return Hume-Vidmimic2 as found in the roots together. Raises DataError when they hold nothing of it."""
    return HumeVidmimic2(roots)


class MimicTrack(CountedTrack):
    """A clip with its face images; ``features`` has the shipped ``vit`` [T, 384] and ``wav2vec2`` [T, 768].

    Without images its frames are all missing, and place what else there is in time.
    """

    rate: float = RATE

    def __init__(
        self,
        id: str,
        images: Images,
        media: Path | None,
        shipped: Mapping[str, Path] = MappingProxyType({}),
    ):
        super().__init__(id=id, subject=id, rate=RATE, images=images, frame_name=FRAME_NAME)
        self.media = media
        self.shipped = dict(shipped)

    @cached_property
    def numbers(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Return the image numbers; without images, as many as shipped features have rows, or the sound has at RATE."""
        found = self.images.numbers if self.images.folders else ()
        return (
            np.asarray(found)
            if len(found)
            else np.arange(1, (self._rows or round((self._seconds or 0) * RATE) or 1) + 1)
        )

    @property
    def _rows(self) -> int:
        """The rows of the first shipped features that can be read, 0 without any."""
        for name in self.shipped:
            try:
                return len(read_array(self.shipped[name]))
            except DataError:
                continue
        return 0

    @cached_property
    def _seconds(self) -> float | None:
        """How long the sound lasts; None without any."""
        if self.media is None:
            return None
        from abawbench_plugins.databases._audio import duration

        return duration(self.media)

    def times(self) -> NDArray[np.float64]:
        """Return the time in seconds of the middle of every frame, [n_frames]: spread evenly over the sound.

        Their real spacing is not published. Without sound they follow one another at ``RATE``.
        """
        seconds = self._seconds or self.n_frames / self.rate
        return np.asarray((np.arange(self.n_frames) + 0.5) / self.n_frames * seconds, dtype=np.float64)

    def features(self, name: str) -> NDArray[np.float32] | None:
        """Return shipped features, [T, D], or None; what pickles may hold beside arrays is refused with DataError."""
        return read_array(self.shipped[name]) if name in self.shipped else None

    def features_file(self, name: str) -> tuple[str, int, int] | None:
        """Return (folder and name, bytes, modification time in ns) of the file with shipped features, or None."""
        return identity(self.shipped[name]) if name in self.shipped else None


class HumeVidmimic2(FolderDatabase):
    """Hume-Vidmimic2; a root, or a folder in it, holds the training package, another the test package, or one both.

    - ``train_split.csv`` and ``valid_split.csv``: ``Filename`` and six intensities in [0, 1]; ids are text of 5 digits.
    - ``face_images/<id>/<n>.jpg`` (not zero-padded), ``audio/<id>.mp3``, ``raw/<id>.mp4`` (its sound where the mp3 is
      missing), ``vit/<id>.pkl`` and ``wav2vec2/<id>.pkl`` (features, pickled arrays).
      One of these folders is enough.
    - Test split: the ids of ``test_split.csv``; without one, the clips of folders that hold no csv, and elsewhere those
      from id 12660 on.

    Layout: abaw-protocols, section 4.1.
    """

    name = "hume-vidmimic2"
    label_names: tuple[str, ...] = ("emi",)
    emotions: tuple[str, ...] = EMOTIONS
    first_test: int | None = FIRST_TEST
    """The first id of the test split, where that is known."""

    def __init__(self, roots: Iterable[Path | str]):
        super().__init__(roots)
        self._tables: dict[str, Path] = {}
        self._packages: list[tuple[Path, Path, bool]] = []
        for folder, root in below(self.roots, self.problems):
            tables = {split: folder / name for split, name in _TABLES.items() if has_file(folder / name, self.problems)}
            self._tables = {**tables, **self._tables}
            if any((folder / name).is_dir() for name in _FILES):
                self._packages.append((folder, root, bool(tables)))
        if not self._tables and not self._packages:
            raise self._error("no train_split.csv and no face_images, audio or vit folder; unpack the database there")

    @cached_property
    def _clips(self) -> dict[str, dict[str, list[tuple[Path, Path]]]]:
        """Per kind of media and id: the (path, root) pairs on disk."""
        found: dict[str, dict[str, list[tuple[Path, Path]]]] = {kind: {} for kind in _FILES}
        for package, root, _ in self._packages:
            for kind, suffix in _FILES.items():
                for path in self._files(package, kind, suffix):
                    found[kind].setdefault(path.stem.zfill(5), []).append((path, root))
        return found

    def _files(self, package: Path, kind: str, suffix: str) -> Iterator[Path]:
        folder = package / kind
        for entry in entries(folder, self.problems) if folder.is_dir() else ():
            path = folder / (entry.name if suffix else entry.name.removesuffix(PACKED))
            whole = entry.is_dir() == (not suffix) or path.name != entry.name
            if path.suffix.lower() == suffix and path.stem.isdecimal() and whole:
                yield path
            else:
                self.problems.add(path, f"is not a clip of {kind}; ignored", extra=True)

    @cached_property
    def _listed(self) -> set[str]:
        return {clip for path in self._tables.values() for clip in read_table(path, Problems(), ())}

    @cached_property
    def _unlisted(self) -> list[str]:
        found = {
            path.stem.zfill(5)
            for package, _, listed in self._packages
            for kind, suffix in _FILES.items()
            for path in self._files(package, kind, suffix)
            if not listed or (self.first_test is not None and int(path.stem) >= self.first_test)
        }
        return sorted(found - self._listed)

    @cached_property
    def _known(self) -> set[str]:
        return self._listed if "test" in self._tables else self._listed.union(self._unlisted)

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist on disk for a label, in the order train, val, test; empty if there are none."""
        if label not in self.label_names:
            return ()
        found = set(self._tables) | ({"test"} if "test" not in self._tables and self._unlisted else set())
        return [split for split in SPLITS if split in found]

    def template(self, label: str) -> Path | None:
        """Return ``test_split.csv``, or None without one."""
        return self._tables.get("test") if label in self.label_names else None

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        if split in self._tables:
            rows = read_table(self._tables[split], self.problems, () if split == "test" else self.emotions)
        else:
            rows = dict.fromkeys(self._unlisted)
        faces = self._clips["face_images"]
        absent = ""
        if not any(self._clips[kind] for kind in _FILES):
            # labels alone are enough to score predictions, and no more
            absent = str(self._error("no clips in face_images, audio, raw, vit or wav2vec2; unpack one of them there"))
        elif not faces:
            self.problems.add(self.roots[0], "no face_images folder with clips; all frames of every clip are missing")
        self._note_unlisted({clip: pairs[0][0] for clip, pairs in faces.items()}, self._known)
        for clip, values in rows.items():
            if faces and clip not in faces:
                self.problems.add(self._where(label, split), f"no face_images folder for clip {clip}")
            media = self._clips["audio"].get(clip) or self._clips["raw"].get(clip)
            labels = None if values is None else Labels(values[None, :], np.ones(1, dtype=np.bool_))
            images = Images(faces.get(clip, ()), self.problems, absent, FRAME_NAME)
            shipped = {kind: self._clips[kind][clip][0][0] for kind in _FEATURES if clip in self._clips[kind]}
            yield LabelledTrack(MimicTrack(clip, images, media[0][0] if media else None, shipped), labels)

    def _image_folders(self, tracks: Iterable[FileTrack]) -> Iterator[ImageFolder]:
        sizes = {part.path: part.files for part in super()._image_folders(tracks)}
        for path, _ in (pair for pairs in self._clips["face_images"].values() for pair in pairs):
            yield ImageFolder(path, FRAME_NAME, FACE_SIZE, sizes.get(path) or count_files(path, self.problems))

    def _media(self, tracks: Iterable[FileTrack]) -> Iterable[Path]:
        return [path for kind in ("audio", "raw") for pairs in self._clips[kind].values() for path, _ in pairs]

    def _note_missing(self, tracks: Sequence[FileTrack]) -> None:
        for kind in ("audio", "raw"):
            found = self._clips[kind]
            if tracks and not found:
                self.problems.add(self.roots[0], f"no {kind} folder with clips; unpack it")
            for track in tracks if found else ():
                if track.id not in found:
                    self.problems.add(self.roots[0], f"no {kind}/{track.id}{_MEDIA[kind]}")
            for clip in sorted(set(found) - self._known):
                self.problems.add(found[clip][0][0], "belongs to no listed clip; ignored", extra=True)

    def _annotation_files(self) -> Iterable[Path]:
        return self._tables.values()

    def _where(self, label: str, split: str) -> Path:
        return self._tables.get(split) or self._packages[0][0]

    def _absent(self, label: str, split: str) -> str:
        wanted = _TABLES.get(split, split)
        return str(self._error(f"no {wanted}; unpack the {split} package there"))


def read_table(path: Path, problems: Problems, emotions: Sequence[str]) -> dict[str, NDArray[np.float64] | None]:
    """Return the intensities of the emotions by id, zero-filled to 5 digits, in the file's order; None without any.

    A malformed row is skipped with a problem. Raises DataError when the header lacks a column or nothing can be read.
    """
    lines = read_lines(path)
    header = [_field(name) for name in lines[0].split(",")]
    wanted = ("Filename", *emotions)
    if missing := [name for name in wanted if name not in header]:
        raise DataError(f"{path}:1 lacks the column(s) {', '.join(missing)} in its header; unpack the official file.")
    columns = [header.index(name) for name in wanted]
    rows: dict[str, NDArray[np.float64] | None] = {}
    for number, line in enumerate(lines[1:], start=2):
        try:
            clip, values = _row(line, len(header), columns)
            if clip in rows:
                raise ValueError(f"clip {clip} is listed a second time")
        except ValueError as error:
            clip = _field(line.partition(",")[0]) or f"of line {number}"
            problems.add(path, f"{error}; the row is skipped", number, None if clip in rows else clip)
        else:
            rows[clip] = values if emotions else None
    return rows


def _field(text: str) -> str:
    return text.strip().strip('"')


def _row(line: str, width: int, columns: Sequence[int]) -> tuple[str, NDArray[Any]]:
    fields = [_field(text) for text in line.split(",")]
    if len(fields) != width:
        raise ValueError(f"expected {width} values, found {len(fields)}")
    clip, *texts = (fields[column] for column in columns)
    clip = clip.removesuffix(".mp4").zfill(5)
    if not clip.isdecimal():
        raise ValueError(f"{clip[:40]!r} is not an id of digits")
    if not all(is_number(text) and 0 <= float(text) <= 1 for text in texts):
        raise ValueError(f"clip {clip} has an intensity that is not a number in [0, 1]")
    return clip, np.asarray([float(text) for text in texts], dtype=np.float64)
