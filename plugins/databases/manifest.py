"""Your own data: one CSV or Parquet file that names tracks, frames, images, sound, text and labels."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import (
    Count,
    Database,
    DataError,
    FileGroup,
    Inspection,
    LabelledTrack,
    Labels,
    Track,
    UsageError,
)
from abawbench.contracts.problems import Problems
from abawbench.contracts.text import person_key, read_regular
from abawbench_plugins.databases._file_groups import MediaFile
from abawbench_plugins.databases._folders import changed_at
from abawbench_plugins.databases._images import EMPTY_SIZE, decode_image, shrink
from abawbench_plugins.databases._manifest import ATTRIBUTE, SPLITS, TRACK_LEVEL, Manifest, read_manifest
from abawbench_plugins.databases._manifest_images import ListedImages, count_tracks
from abawbench_plugins.databases._tracks import RATE
from abawbench_plugins.databases._video import SIDE, Video

if TYPE_CHECKING:
    import pyarrow as pa

FILES = ("manifest.csv", "manifest.parquet")


def open_database(roots: Sequence[Path]) -> "ManifestDatabase":
    """Return the data that a manifest describes; the root is the file, or a folder with manifest.csv or .parquet.

    Raises DataError when there is none, or more than one.
    """
    if len(roots) != 1:
        raise DataError(f"manifest reads one file, not {len(roots)}; join them, with a column 'split'")
    root = Path(roots[0])
    found = [root] if root.is_file() else [root / name for name in FILES if (root / name).is_file()]
    if len(found) != 1:
        what = f"{root} has both {' and '.join(FILES)}" if found else f"{root} has no {' or '.join(FILES)}"
        raise DataError(f"{what}; give the file itself: --data manifest=FILE")
    return ManifestDatabase(found[0])


class ManifestTrack(Track):
    """A track of a manifest: images by path, or the frames of a video."""

    def __init__(self, manifest: Manifest, number: int, folder: Path, problems: Problems) -> None:
        self._manifest = manifest
        self._number = number
        self._folder = folder
        self._problems = problems
        self._rows = slice(int(manifest.starts[number]), int(manifest.starts[number + 1]))
        self.id = manifest.ids[number]
        self.subject = self.cell("subject") or self.id

    def cell(self, name: str) -> str | None:
        """Return what the manifest says of the whole track in a column, or None."""
        return self._manifest.cells[name][self._number] if name in self._manifest.cells else None

    @cached_property
    def _video(self) -> Video | None:
        path = self.cell("video")
        return None if path is None else Video(self._folder / path, self._problems)

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        """The number of each frame, from 1; a whole video without frames has one that is missing."""
        frames = self._manifest.frames[self._rows]
        if frames[0] == 0 and self._video is not None:
            return np.arange(1, max(len(self._video), 1) + 1)
        return frames

    @property
    def n_frames(self) -> int:  # type: ignore[override]
        """Return the number of frames; of a track that is a whole video this opens the file."""
        return len(self._numbers)

    @property
    def rate(self) -> float:  # type: ignore[override]
        """Return the frames per second that the manifest gives, else the video's, else 30."""
        given = float(self._manifest.rates[self._number])
        if not np.isnan(given):
            return given
        told = None if self._video is None else self._video.rate
        if told is None:
            what = f"tracks without 'rate' and video: {RATE:g} frames per second are assumed"
            self._problems.add(self._folder, what, caveat=f"{RATE:g} frames/s assumed")
        return told or RATE

    @property
    def paths(self) -> list[str | None]:
        """The image of each frame, or the video for all, relative to the manifest; None without."""
        if self._video is not None:
            return [self.cell("video")] * self.n_frames
        images = self._manifest.images
        return [None] * self.n_frames if images is None else images[self._rows.start : self._rows.stop].to_pylist()

    @property
    def files(self) -> "pa.Array":
        """The files of its pictures, as the manifest calls them."""
        import pyarrow as pa

        images, video = self._manifest.images, self.cell("video")
        if images is None or video is not None:
            return pa.array([video], pa.string())
        return images[self._rows.start : self._rows.stop]

    @property
    def lists_any(self) -> bool:
        """Whether the manifest names an image or a video for the track."""
        images = self._manifest.images
        if self.cell("video") is not None or images is None:
            return self.cell("video") is not None
        return bool(images[self._rows.start : self._rows.stop].is_valid().to_numpy(zero_copy_only=False).any())

    def exists(self) -> bool:
        """Return whether any of the images or the video is there."""
        video = self.cell("video")
        return any((self._folder / path).is_file() for path in ([video] if video else self.paths) if path)

    @cached_property
    def _mask(self) -> NDArray[np.bool_]:
        if self._video is not None:
            return np.asarray(self._numbers <= len(self._video))
        listed = self.paths
        mask = np.array([bool(path) and (self._folder / str(path)).is_file() for path in listed], dtype=np.bool_)
        missing = sum(path is not None for path in listed) - int(mask.sum())
        if missing:
            self._problems.add(self._folder, f"{missing} of the images listed for track {self.id} are not there")
        return mask

    def frame_mask(self) -> NDArray[np.bool_]:
        """Return [n_frames], true where the image is a file, or the video has the frame."""
        return self._mask.copy()

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        """Return per frame (path relative to the manifest, bytes, modification time in ns), or None without an image.

        A frame of a video adds its number to the path.
        """
        if self._video is not None:
            path = self.cell("video")
            try:
                status = (self._folder / str(path)).stat()
            except OSError:
                return [None] * self.n_frames
            numbers = zip(self._numbers.tolist(), self._mask.tolist(), strict=True)
            return [(f"{path}#{n}", status.st_size, changed_at(status)) if has else None for n, has in numbers]
        return [self._stat(path) if path else None for path in self.paths]

    def _stat(self, path: str) -> tuple[str, int, int] | None:
        try:
            status = (self._folder / path).stat()
        except OSError:
            return None
        return path, status.st_size, changed_at(status)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB images [T, H, W, 3] and a mask [T], false (and black) where an image is missing or broken.

        H and W are those of the track's first readable image, whichever images are asked for; others are resized to it.
        """
        asked = np.asarray(indices, dtype=np.intp).tolist()
        if self._video is not None:
            return self._video.read(self._numbers[asked] - 1)
        paths = self.paths
        return _stacked([self._decode(paths[i]) for i in asked], self._size)

    @cached_property
    def _size(self) -> tuple[int, ...]:
        """Height and width of the first image that can be read."""
        decoded = (self._decode(path) for path in self.paths if path)
        return next((image.shape[:2] for image in decoded if image is not None), EMPTY_SIZE)

    def _decode(self, path: str | None) -> NDArray[np.uint8] | None:
        if path is None:
            return None
        file = self._folder / path
        try:
            return shrink(decode_image(read_regular(file)), SIDE)
        except (OSError, ValueError) as error:
            self._problems.add(file, f"{error}; treated as missing")
            return None

    def rows_of(self, label: str) -> slice:
        """Return where the track stands among the labels of that name."""
        return slice(self._number, self._number + 1) if label in TRACK_LEVEL else self._rows

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole video, of which the manifest lists no frames."""
        return bool(self._manifest.frames[self._rows.start] == 0)

    def attributes(self) -> Mapping[str, str | float]:
        """Return what the columns ``attribute:<name>`` say of the track."""
        found = {name.removeprefix(ATTRIBUTE): self.cell(name) for name in self._manifest.cells if ATTRIBUTE in name}
        return {name: cell for name, cell in found.items() if cell is not None}

    def frame_names(self) -> Sequence[str]:
        """Return ``<track>/<frame>.jpg`` for every frame, with the frame's number in the manifest."""
        return [f"{self.id}/{number:05d}.jpg" for number in self._numbers.tolist()]

    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        """Return the sound of the audio file, else of the video, or None without. Raises DataError if it is broken."""
        path = self.cell("audio") or self.cell("video")
        if path is None:
            return None
        from abawbench_plugins.databases._audio import read_audio

        return read_audio(self._folder / path, self._problems)

    def audio_file(self) -> tuple[str, int, int] | None:
        """Return (path relative to the manifest, bytes, modification time in ns) of the file with the sound."""
        path = self.cell("audio") or self.cell("video")
        return None if path is None else self._stat(path)

    def times(self) -> NDArray[np.float64]:
        """Return the time in seconds of the middle of every frame, [n_frames].

        That is when the video shows the frame of that number, unless the manifest gives a rate.
        """
        numbers = np.maximum(self._numbers - 1, 0)
        if self._video is not None and np.isnan(self._manifest.rates[self._number]):
            return self._video.middles(numbers, self.rate)
        return np.asarray(numbers + 0.5, dtype=np.float64) / self.rate

    def text(self) -> str | None:
        """Return the text of the track, or None without one."""
        return self.cell("text")


class ManifestDatabase(Database):
    """The tracks of one manifest; docs/manifest.md says what may stand in it."""

    name = "manifest"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems = Problems([path.parent])
        self._manifest, self._labels = read_manifest(path, self.problems)
        count = len(self._manifest.ids)
        self._all = [ManifestTrack(self._manifest, n, path.parent, self.problems) for n in range(count)]
        self._all.sort(key=lambda track: track.id)

    def _split(self, label: str, split: str) -> list[ManifestTrack]:
        """Return the tracks of a split that are annotated, or of the test split all."""
        own = (track for track in self._all if (track.cell("split") or "train") == split)
        return [track for track in own if split == "test" or self._is_annotated(track, label)]

    def _is_annotated(self, track: ManifestTrack, label: str) -> bool:
        return bool(self._labels[label].mask[track.rows_of(label)].any())

    def _labels_of(self, track: ManifestTrack, label: str) -> Labels:
        known, rows = self._labels[label], track.rows_of(label)
        if track.is_whole and label not in TRACK_LEVEL:
            # a whole video has no labels of single frames
            return Labels(
                np.repeat(known.values[rows], track.n_frames, axis=0),
                np.zeros((track.n_frames, *known.mask.shape[1:]), np.bool_),
            )
        return Labels(known.values[rows], known.mask[rows])

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that have tracks with a label, in the order train, val, test; empty if there are none."""
        if label not in self._labels:
            return ()
        return [split for split in SPLITS if self._split(label, split)]

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        """Return the tracks of a split with their labels, sorted by id.

        Raises DataError when there are none, or none of their images.
        """
        if split not in self.splits(label):
            raise DataError(f"{self.path}: no track of split '{split}' has labels of '{label}'; add rows for it")
        found = self._split(label, split)
        self._check_media(found, split)
        self._note_shared_files(found, label, split)
        return [LabelledTrack(track, self._labels_of(track, label)) for track in found]

    def _check_media(self, tracks: Iterable[ManifestTrack], split: str) -> None:
        listed = [track for track in tracks if track.lists_any]
        if listed and not any(track.exists() for track in listed):
            first = listed[0].cell("video") or next(path for path in listed[0].paths if path)
            raise DataError(
                f"{self.path}: none of the images and videos of split '{split}' is there, {first!r} the first; "
                f"paths are relative to {self.path.parent}"
            )

    def _note_shared_files(self, tracks: Iterable[ManifestTrack], label: str, split: str) -> None:
        """Note the files that tracks to score share with those to learn from, whatever their tracks are called."""
        if split == "train" or "train" not in self.splits(label):
            return
        import pyarrow as pa
        import pyarrow.compute as pc

        learned, scored = (
            pa.chunked_array([track.files for track in some], pa.string()).drop_null().unique()
            for some in (self._split(label, "train"), tracks)
        )
        both = scored.filter(pc.is_in(scored, value_set=learned))
        if len(both):
            caveat = f"{len(both)} files in train and {split}"
            self.problems.add(self.path, f"{caveat}, {both[0]} for one: the value may be too high", caveat=caveat)

    def inspect(self, labels: Sequence[str] = (), splits: Sequence[str] = ()) -> Inspection:
        """Return what the manifest lists for the labels and splits named, or for all, and the files to read."""
        known = self._labels
        if unknown := sorted(set(labels) - set(known)):
            raise UsageError(f"{self.path}: no labels of '{unknown[0]}'; it has {', '.join(known) or 'none'}.")
        counts: list[Count] = []
        tracks: dict[str, ManifestTrack] = {}
        for label in labels or known:
            for split in self.splits(label):
                if not splits or split in splits:
                    found = self._split(label, split)
                    counts += count_tracks(label, split, found, [self._labels_of(track, label) for track in found])
                    tracks |= {track.id: track for track in found}
        self._note_shared_subjects()
        parts: list[FileGroup] = []
        for track in tracks.values():
            media = dict.fromkeys(path for path in (track.cell("video"), track.cell("audio")) if path)
            parts += [MediaFile(self.path.parent / path, path == track.cell("video")) for path in media]
            if not track.cell("video") and (images := tuple(path for path in track.paths if path)):
                parts.append(ListedImages(self.path.parent, images))
        return Inspection(counts, parts)

    def _note_shared_subjects(self) -> None:
        splits = {
            split: {person_key(t.subject) for t in self._all if (t.cell("split") or "train") == split}
            for split in SPLITS
        }
        both = sorted(splits["train"] & (splits["val"] | splits["test"]))
        if both:
            shown = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
            what = (
                f"{len(both)} subject(s) stand in the training and in another split ({shown}): values may be too high"
            )
            self.problems.add(self.path, what)

    def fingerprint(self) -> str:
        """Return the SHA-256 over the manifest's contents and form."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _stacked(
    images: Sequence[NDArray[np.uint8] | None], size: tuple[int, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return images in one array of a height and width, each resized where it has another, and which there are."""
    import cv2

    stacked = np.zeros((len(images), *size, 3), dtype=np.uint8)
    for place, image in enumerate(images):
        if image is not None:
            stacked[place] = image if image.shape[:2] == size else cv2.resize(image, size[::-1])
    return stacked, np.array([image is not None for image in images], dtype=np.bool_)
