"""What the four databases share: roots, cached tracks and the fingerprint of the annotation files."""

import hashlib
from abc import abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from abawbench.contracts.database import Database, LabelledTrack, Track
from abawbench.contracts.errors import DataError, UsageError
from abawbench.contracts.inspection import Count, Expected, FileGroup, Inspection
from abawbench.contracts.problems import Problems, lost_frames
from abawbench.contracts.text import read_regular
from abawbench_plugins.databases._expected import expected_counts
from abawbench_plugins.databases._file_groups import ImageFolder, MediaFile
from abawbench_plugins.databases._folders import check_roots
from abawbench_plugins.databases._image_folders import ImageFolders
from abawbench_plugins.databases._image_index import Report
from abawbench_plugins.databases._inspect import count_label, double_tracks
from abawbench_plugins.databases._packs import pack_tree
from abawbench_plugins.databases._tracks import FileTrack, files_of, without_person

SPLITS = ("train", "val", "test")


class FolderDatabase(Database):
    """A database in one or more folders; annotation files are parsed once per label and split."""

    label_names: tuple[str, ...]
    faces: str = ""
    """The folder of face images to name when a split has none at all; empty where a missing one is no error."""
    media: str = ""
    """What to call the media of a track that has none; empty where that is no error."""
    seen: bool = False
    """Whether the pictures of its videos are the frames of tracks."""
    released: tuple[str, ...] = SPLITS
    """The splits of an official copy."""
    classes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Names of the classes or binary outputs of a label, for counting."""
    participants = False
    """Whether a track's subject is a known person."""

    def __init__(self, roots: Iterable[Path | str]):
        self.roots = check_roots(roots, self.name)
        self.problems = Problems(self.roots)
        self._tracks: dict[tuple[str, str], list[LabelledTrack]] = {}
        self._dropped: dict[tuple[str, str], dict[str, int]] = {}

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        """Return the tracks of a split with their labels, sorted by id.

        Raises DataError when files are missing or unreadable.
        """
        if (label, split) not in self._tracks:
            if label not in self.label_names:
                raise DataError(f"{self.name} has no label {label!r}; it has {', '.join(self.label_names)}.")
            if split not in self.splits(label):
                raise DataError(self._absent(label, split))
            known = set(self.problems.items)
            tracks = sorted(self._read(label, split), key=lambda one: one.track.id)
            self._dropped[label, split] = lost_frames(p for p in self.problems.items if p not in known)
            self._check_faces(files_of(tracks), self._where(label, split))
            if not tracks:
                first = f" (first problem: {self.problems.items[0]})" if self.problems.items else ""
                where = self._where(label, split)
                raise DataError(f"{where} holds no usable track{first}; unpack the official files anew.")
            odd = next((one.track.id for one in tracks if any("\ud800" <= x <= "\udfff" for x in one.track.id)), None)
            if odd is not None:
                raise self._error(f"track {odd!a} has a name that is no UTF-8 text; rename its files and folders")
            ImageFolders(files_of(tracks), self.problems)
            self._tracks[label, split] = tracks
        return self._tracks[label, split]

    def dropped(self, label: str, split: str) -> Mapping[str, int]:
        """Return the tracks of a split that could not be used, and how many annotated frames each had, at least 1."""
        self.tracks(label, split)
        return self._dropped[label, split]

    def list_images(self, tracks: Sequence[Track], report: Report) -> None:
        """List the image folders of the tracks, from the cache where they have not changed."""
        for folders in dict.fromkeys(one.images.together for one in tracks if isinstance(one, FileTrack)):
            if folders is not None:
                folders.list(report)

    def pack(self, out: Path, report: Report) -> int:
        """Write a copy whose folders of images are one file each; see ``Database.pack``."""
        if len(self.roots) > 1:
            raise UsageError(f"{self.name} lies in {len(self.roots)} roots; pack them one by one")
        return pack_tree(self.roots[0], out, report)

    def fingerprint(self) -> str:
        """Return a SHA-256 over the names, sizes and contents of the annotation files; images do not enter."""
        digest = hashlib.sha256()
        for name, path in sorted((self._relative(path), path) for path in self._annotation_files()):
            try:
                content = read_regular(path)
            except OSError as error:
                self.problems.add(path, f"cannot be read: {error.strerror}")
                continue
            digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
            digest.update(content)
        return digest.hexdigest()

    def expected(self, edition: int | None = None) -> Sequence[Expected]:
        """Return the numbers that an official copy has under an edition; none where nothing is known."""
        return expected_counts(self.name, edition)

    def inspect(self, labels: Sequence[str] = (), splits: Sequence[str] = ()) -> Inspection:
        """Return what the copy holds; all that is wrong with annotations and folders goes to ``problems``."""
        if unknown := sorted(set(labels) - set(self.label_names)):
            raise UsageError(f"{self.name} has no label {unknown[0]!r}; it has {', '.join(self.label_names)}.")
        counts: list[Count] = []
        everything: list[FileTrack] = []
        for label in labels or self.label_names:
            found = {split: self._inspected(label, split) for split in SPLITS if not splits or split in splits}
            found = {split: tracks for split, tracks in found.items() if tracks}
            for track, split, earlier in double_tracks(found):
                self.problems.add(self._where(label, split), f"track {track} stands in the {earlier} split too")
            counts += count_label(label, found, self.classes.get(label, ()), self.participants)
            everything += [track for tracks in found.values() for track in files_of(tracks)]
        self._note_missing(everything)
        folders = {part.path: part for part in self._image_folders(everything)}
        counts.append(Count("", "", "image folders", len(folders)))
        counts.append(Count("", "", "images", sum(part.files for part in folders.values())))
        media = [MediaFile(path, self.seen) for path in sorted(set(self._media(everything)))]
        return Inspection(counts, [*folders.values(), *media, *self._texts(everything)])

    def _inspected(self, label: str, split: str) -> list[LabelledTrack]:
        prefix = f"{' and '.join(map(str, self.roots))}: "
        if split not in self.splits(label):
            if split in self.released:
                self.problems.add(self.roots[0], self._absent(label, split).removeprefix(prefix))
            return []
        try:
            self.tracks(label, split)
        except DataError as error:
            self.problems.add(self._where(label, split), str(error).removeprefix(prefix))
            return []
        tracks = self._tracks[label, split]
        for sentence in {track.images.absent for track in files_of(tracks)} - {""}:
            self.problems.add(self.roots[0], sentence.removeprefix(prefix))
        return tracks

    def _image_folders(self, tracks: Iterable[FileTrack]) -> Iterator[ImageFolder]:
        """Yield every folder of images that the copy has for its tracks, and others that are known."""
        for track in tracks:
            for path, _ in track.images.folders:
                yield ImageFolder(path, track.images.frame_name, None, len(track.images.numbers))

    def _media(self, tracks: Iterable[FileTrack]) -> Iterable[Path]:
        """Return every media file that is known."""
        return [track.media for track in tracks if track.media is not None]

    def _texts(self, tracks: Iterable[FileTrack]) -> Iterable[FileGroup]:
        """Return what there is to read of transcripts."""
        return ()

    def _note_missing(self, tracks: Sequence[FileTrack]) -> None:
        """Count tracks without a media file, or say once that there is none at all."""
        if self.media and tracks and not any(track.media for track in tracks):
            self.problems.add(self.roots[0], f"no {self.media} at all; unpack them")
        elif self.media:
            for name in dict.fromkeys(without_person(track.id) for track in tracks if track.media is None):
                self.problems.add(self.roots[0], f"no {self.media} for {name}")

    def _check_faces(self, tracks: Sequence[FileTrack], where: Path) -> None:
        """Count tracks without an image folder; when no track has one, asking for an image becomes an error."""
        missing = [track for track in tracks if self.faces and not track.images.folders]
        if len(missing) == len(tracks):
            what = f"no folder {self.faces} with images for the tracks of {where.name}; unpack the face images there"
            for track in missing:
                track.images.absent = str(self._error(what))
            return
        for track in missing:
            self.problems.add(where, f"no image folder for track {track.id}; its frames are all without image")

    def _note_unlisted(self, folders: Mapping[str, Path], known: Container[str]) -> None:
        """Add one problem for all folders of images that no annotation or test list names."""
        unknown = sorted(name for name in folders if name not in known)
        if unknown:
            shown = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
            what = f"{len(unknown)} image folder(s) without annotation or test list ({shown}); ignored"
            self.problems.add(folders[unknown[0]].parent, what, extra=True)

    def _error(self, what: str) -> DataError:
        return DataError(f"{' and '.join(map(str, self.roots))}: {what}.")

    def _relative(self, path: Path) -> str:
        roots = [root for root in self.roots if path.is_relative_to(root)]
        return path.relative_to(roots[0]).as_posix() if roots else path.as_posix()

    @abstractmethod
    def _read(self, label: str, split: str) -> Iterable[LabelledTrack]:
        """Return the tracks of a split that exists, each a ``FileTrack``."""

    @abstractmethod
    def _annotation_files(self) -> Iterable[Path]:
        """Return the files that the fingerprint covers."""

    @abstractmethod
    def _where(self, label: str, split: str) -> Path:
        """Return the file or folder that describes a split that exists."""

    @abstractmethod
    def _absent(self, label: str, split: str) -> str:
        """Return one sentence: what is missing for a split, where it was looked for, and what to do."""
