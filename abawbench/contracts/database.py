"""What a database plugin reads: tracks with frames, audio and text, and labels beside them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import PluginError, UsageError
from abawbench.contracts.problems import Problems, lost_frames

if TYPE_CHECKING:
    from abawbench.contracts.inspection import Expected, Inspection


@dataclass(frozen=True)
class Labels:
    """Labels of one track for one task.

    ``values`` has the label shape of the task's kind (see ``Task``); ``mask`` [N] is true where annotated, for a
    multitask task [N, P] with a column for each of its parts. Values under a false mask mean nothing. N is the number
    of frames, or 1 for a track-level task.
    """

    values: NDArray[Any]
    mask: NDArray[np.bool_]

    @property
    def annotated(self) -> NDArray[np.bool_]:
        """Where anything at all is annotated, [N]."""
        return self.mask if self.mask.ndim == 1 else np.asarray(self.mask.any(axis=1))

    def read_only(self) -> "Labels":
        """Return a copy that nobody can write to, whatever flags are set."""
        return Labels(_lock_copy(self.values), _lock_copy(self.mask))


def _lock_copy(array: NDArray[Any]) -> NDArray[Any]:
    # an array over bytes cannot be made writable again
    return np.frombuffer(array.tobytes(), dtype=array.dtype).reshape(array.shape)


class Track(ABC):
    """One person in one video; the unit that is never split and that intervals resample.

    Frames are counted from 0 here, whatever the files do; ``frame_names`` gives the official names.
    """

    id: str
    """The official name, for example ``8-30-1280x720_left``; unique within database and split."""
    subject: str
    """Groups tracks that show the same video or person."""
    n_frames: int
    """Number of frames to predict: from the annotation rows, never from the images."""
    rate: float
    """Frames per second."""

    @abstractmethod
    def frame_mask(self) -> NDArray[np.bool_]:
        """Return [n_frames], true where a face image exists."""

    @abstractmethod
    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB images [T, H, W, 3] and a mask [T], false (and black) where an image is missing or broken."""

    @abstractmethod
    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        """Return per frame (path relative to the root, bytes, modification time in ns), or None without an image.

        They tell which files are meant, and unless ``identify_frames`` does so more quickly, a changed image.
        """

    def identify_frames(self) -> object:
        """Return what tells the track's images from others, as JSON; optional.

        It keys the feature cache and the digest of a run, so that a changed image is embedded anew.
        """
        return list(self.frame_files())

    def labels(self, label: str) -> Labels:
        """Raise PluginError: a track carries no labels. ``fit`` is given those of its tracks; see ``LabelledTrack``."""
        raise PluginError(
            f"track '{self.id}' carries no labels: fit() is given those of the tracks to learn from, and whatever "
            "predicts does without"
        )

    def frame_names(self) -> Sequence[str]:
        """Return the official name of every frame, as submission files spell it."""
        return [f"{self.id}/{i + 1:05d}.jpg" for i in range(self.n_frames)]

    def times(self) -> NDArray[np.float64]:
        """Return the time in seconds of the middle of every frame in the sound and video, [n_frames], ascending."""
        return np.asarray((np.arange(self.n_frames) + 0.5) / self.rate, dtype=np.float64)

    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        """Return mono samples in [-1, 1] and their rate in Hz, or None without audio. Raises DataError if broken."""
        return None

    def audio_file(self) -> tuple[str, int, int] | None:
        """Return (path relative to the root, bytes, modification time in ns) of the file with the sound; optional.

        It keys the feature cache; without it the sound is decoded to be recognised.
        """
        return None

    def text(self) -> str | None:
        """Return the transcript, or None without one."""
        return None

    def features(self, name: str) -> NDArray[np.float32] | None:
        """Return shipped features of that name, [T, D], or None."""
        return None

    def attributes(self) -> Mapping[str, str | float]:
        """Return what is known of who the track shows, by name, such as ``sex`` or ``age``; optional.

        Results are told apart by them (``abawbench groups``); a number is cut into thirds of the subjects.
        """
        return {}

    def features_file(self, name: str) -> tuple[str, int, int] | None:
        """Return (path relative to the root, bytes, modification time in ns) of the file with them; optional.

        It tells a run apart from one with other features; without it they are read to be recognised.
        """
        return None


@dataclass(frozen=True, eq=False)
class LabelledTrack:
    """A track and its labels of one name; None where the database has none for it, as in a test set.

    Only this pair knows both: what predicts is handed the track alone.
    """

    track: Track
    labels: Labels | None = None

    @property
    def known(self) -> Labels:
        """The labels of a track that has some."""
        assert self.labels is not None
        return self.labels


class Database(ABC):
    """A database in its official layout. Opening it reads no image."""

    name: str = ""
    """What the declaration calls it; set when abawbench builds it."""
    synthetic: bool = False

    @cached_property
    def problems(self) -> Problems:
        """What was wrong in its files and did not stop it; a database with roots sets one that knows them."""
        return Problems()

    @abstractmethod
    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist on disk for a label, in the order train, val, test; empty if there are none."""

    @abstractmethod
    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        """Return the tracks of a split with their labels of that name (``Task.label``), sorted by id.

        Raises DataError when files are missing or unreadable.
        """

    def labels(self, label: str, split: str) -> dict[str, Labels]:
        """Return the labels of each track of a split that has some, by the track's id. Raises DataError as tracks."""
        return {one.track.id: one.labels for one in self.tracks(label, split) if one.labels is not None}

    def dropped(self, label: str, split: str) -> Mapping[str, int]:
        """Return the tracks of a split that could not be used, and how many annotated frames each had, at least 1.

        They count as not predicted. Asked for after ``tracks``; by default every track that a problem names, whatever
        its split.
        """
        return lost_frames(self.problems.items)

    def list_images(self, tracks: Sequence[Track], report: Callable[[int, int, str], None]) -> None:  # noqa: B027
        """Look which images the tracks have; optional, for that takes a while where there are millions.

        ``report`` is told (done, total, what). What is not listed here is listed when it is asked for.
        """

    def template(self, label: str) -> Path | None:
        """Return the official template (or list) of the test split, None where there is none."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a SHA-256 over the names and sizes of the annotation files and their contents."""

    def lacks(self, label: str) -> Sequence[str]:
        """Return the outputs of a label that no file of this database can ever show, by the task's names; optional.

        They are left out of the official mean, and record and tables say so. A class that a copy or a split happens
        not to show is not one of them.
        """
        return ()

    def pack(self, out: Path, report: Callable[[int, int, str], None]) -> int:
        """Write a copy with few files, which this plugin reads as it reads its roots; return how many were packed.

        Optional. Results are the same from it, bit by bit. Raises UsageError where it cannot be done.
        """
        raise UsageError(f"database '{self.name}' cannot be packed: its plugin has no pack().")

    def expected(self, edition: int | None = None) -> "Sequence[Expected]":
        """Return the numbers that an official copy has under an edition (None: the latest known); optional."""
        return ()

    def inspect(self, labels: Sequence[str] = (), splits: Sequence[str] = ()) -> "Inspection":
        """Return what a copy holds, for the labels and splits named or for all; optional.

        Whatever is wrong with annotations and folders goes to ``problems``; it raises nothing for it.
        """
        raise UsageError(f"database '{self.name}' cannot be verified: its plugin has no inspect().")

    def for_label(self, label: str) -> "Database":
        """Return the database that stands for this one in a run on a label: itself, unless it is several in one.

        Its fingerprint then covers the files that the label depends on.
        """
        return self
