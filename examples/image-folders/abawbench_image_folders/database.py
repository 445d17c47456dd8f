"""The database ``image-folders``: still images sorted into a folder per expression.

::

    ROOT/train/happiness/*.png, ROOT/val/happiness/*.jpg ...    a folder per class; images of any name and size

Every image is a track of one frame.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from abawbench.contracts import Database, DataError, LabelledTrack, Labels, Problems, Track
from numpy.typing import NDArray

CLASSES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")
ENDINGS = (".jpg", ".jpeg", ".png")


class Still(Track):
    """One image."""

    n_frames = 1
    rate = 1.0

    def __init__(self, root: Path, file: Path) -> None:
        self.id = self.subject = file.relative_to(root).as_posix()
        self._file = file

    def frame_mask(self) -> NDArray[np.bool_]:
        """Return that there is an image."""
        return np.ones(1, dtype=bool)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the image as often as it is asked for, black where it cannot be read."""
        image = cv2.imread(str(self._file))
        pixels = np.zeros((64, 64, 3), dtype=np.uint8) if image is None else image[..., ::-1]
        return np.stack([pixels] * len(indices)).astype(np.uint8), np.full(len(indices), image is not None)

    def frame_files(self) -> list[tuple[str, int, int] | None]:
        """Return (path, bytes, time of change) of the image."""
        state = self._file.stat()
        return [(self.id, state.st_size, state.st_mtime_ns)]


class ImageFoldersDatabase(Database):
    """Lists the folders when it is opened; images are read when asked for."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._root = Path(roots[0])
        self.problems = Problems(roots)
        splits = self.splits("expr")
        if not splits:
            raise DataError(f"{self._root} holds neither a folder train nor a folder val")
        for folder in sorted(folder for split in splits for folder in (self._root / split).iterdir()):
            if folder.name not in CLASSES:
                self.problems.add(folder, f"is none of the classes {', '.join(CLASSES)}; ignored", extra=True)

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits whose folder is there."""
        return [s for s in ("train", "val", "test") if (self._root / s).is_dir()] if label == "expr" else []

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        """Return the images of a split, each with the class that its folder names, sorted by path."""
        found = []
        for number, name in enumerate(CLASSES):
            labels = Labels(np.array([number]), np.ones(1, dtype=bool))
            files = [file for file in (self._root / split / name).glob("*") if file.suffix in ENDINGS]
            found += [LabelledTrack(Still(self._root, file), labels) for file in files]
        return sorted(found, key=lambda one: one.track.id)

    def fingerprint(self) -> str:
        """Return the SHA-256 over the names and sizes of the images: the folders are the annotation."""
        sha = hashlib.sha256()
        for split in self.splits("expr"):
            for one in self.tracks("expr", split):
                sha.update(f"{one.track.id}\0{(self._root / one.track.id).stat().st_size}\n".encode())
        return sha.hexdigest()
