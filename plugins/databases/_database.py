"""What the four databases share: roots, cached tracks and the fingerprint of the annotation files."""

import hashlib
from abc import abstractmethod
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

from abawbench.contracts.dataset import Database, Problems, Track
from abawbench.contracts.errors import DataError
from abawbench_plugins.databases._folders import check_roots
from abawbench_plugins.databases._tracks import FileTrack

SPLITS = ("train", "val", "test")


class FolderDatabase(Database):
    """A database in one or more folders; annotation files are parsed once per label and split."""

    labels: tuple[str, ...]
    faces: str = ""
    """The folder of face images to name when a split has none at all; empty where a missing one is no error."""

    def __init__(self, roots: Iterable[Path | str]):
        self.roots = check_roots(roots, self.name)
        self.problems = Problems(self.roots)
        self._tracks: dict[tuple[str, str], list[Track]] = {}

    def tracks(self, label: str, split: str) -> Sequence[Track]:
        """Return the tracks of a split, sorted by id. Raises DataError when files are missing or unreadable."""
        if (label, split) not in self._tracks:
            if label not in self.labels:
                raise DataError(f"{self.name} has no label {label!r}; it has {', '.join(self.labels)}.")
            if split not in self.splits(label):
                raise DataError(self._absent(label, split))
            tracks = sorted(self._read(label, split), key=lambda track: track.id)
            self._check_faces(tracks, self._where(label, split))
            if not tracks:
                first = f" (first problem: {self.problems.items[0]})" if self.problems.items else ""
                where = self._where(label, split)
                raise DataError(f"{where} holds no usable track{first}; unpack the official files anew.")
            self._tracks[label, split] = list(tracks)
        return self._tracks[label, split]

    def fingerprint(self) -> str:
        """Return a SHA-256 over the names, sizes and contents of the annotation files; images do not enter."""
        digest = hashlib.sha256()
        for name, path in sorted((self._relative(path), path) for path in self._annotation_files()):
            try:
                content = path.read_bytes()
            except OSError as error:
                self.problems.add(path, f"cannot be read: {error.strerror}")
                continue
            digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
            digest.update(content)
        return digest.hexdigest()

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
            self.problems.add(folders[unknown[0]].parent, what)

    def _error(self, what: str) -> DataError:
        return DataError(f"{' and '.join(map(str, self.roots))}: {what}.")

    def _relative(self, path: Path) -> str:
        roots = [root for root in self.roots if path.is_relative_to(root)]
        return path.relative_to(roots[0]).as_posix() if roots else path.as_posix()

    @abstractmethod
    def _read(self, label: str, split: str) -> Iterable[FileTrack]:
        """Return the tracks of a split that exists."""

    @abstractmethod
    def _annotation_files(self) -> Iterable[Path]:
        """Return the files that the fingerprint covers."""

    @abstractmethod
    def _where(self, label: str, split: str) -> Path:
        """Return the file or folder that describes a split that exists."""

    @abstractmethod
    def _absent(self, label: str, split: str) -> str:
        """Return one sentence: what is missing for a split, where it was looked for, and what to do."""
