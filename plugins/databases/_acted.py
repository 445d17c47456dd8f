"""What databases of acted clips share: an expression per clip, actors who never cross splits, media that may lack."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from abawbench.contracts import LabelledTrack, Labels
from abawbench_plugins.databases._database import FolderDatabase
from abawbench_plugins.databases._folders import entries
from abawbench_plugins.databases._tracks import FileTrack
from abawbench_plugins.databases._video import Video
from abawbench_plugins.databases._video_tracks import ClipTrack

CLASSES = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise")
"""In the order of the task ``expr-clip``."""
POINTER = b"version https://git-lfs"
"""How a file of Git LFS begins that stands for another one."""
_LONGEST = 200
"""Bytes of such a file."""


def split_of_actor(actor: str) -> str:
    """Return the split of an actor: by the SHA-256 of the name, 70 in 100 train, 15 val and 15 test."""
    place = int(hashlib.sha256(actor.encode()).hexdigest(), 16) % 100
    return "train" if place < 70 else "val" if place < 85 else "test"


@dataclass(frozen=True)
class Clip:
    """One clip: its official name, who acts, and what there is of it."""

    name: str
    actor: str
    emotion: int | None
    """Its class; None where it is not annotated."""
    video: Path | None
    sound: Path | None
    """A file of its own with the sound; None where the video has it, or nothing has."""


class ActedClips(FolderDatabase):
    """Clips of actors, each labelled as a whole."""

    label_names = ("expr-clip",)
    classes: ClassVar = {"expr-clip": CLASSES}
    participants = True
    remedy: ClassVar[str]
    """What to do when no clip of a split has media."""

    def _media_in(self, folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
        """Return the media files of a folder by stem; those of Git LFS that were not fetched are a problem."""
        found, pointers = {}, []
        for entry in entries(folder, self.problems) if folder.is_dir() else ():
            path = Path(entry.path)
            if path.suffix.lower() not in suffixes:
                self.problems.add(path, f"is no {' or '.join(suffixes)} file; ignored", extra=True)
            elif not entry.is_file():  # a pipe never ends, and a link may lead nowhere
                self.problems.add(path, "is no regular file; unpack it anew")
            elif entry.stat().st_size <= _LONGEST and path.read_bytes().startswith(POINTER):
                pointers.append(path)
            else:
                found[path.stem] = path
        if pointers:
            what = f"{len(pointers)} file(s) are pointers of Git LFS, {pointers[0].name} the first; run 'git lfs pull'"
            self.problems.add(folder, what)
        return found

    @abstractmethod
    def _clips(self, split: str) -> Iterable[Clip]:
        """Return the clips of a split."""

    def _traits(self, actor: str) -> Mapping[str, str]:
        """Return what is known of an actor, by name."""
        return {}

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        clips = list(self._clips(split))
        bare = not any(clip.video or clip.sound for clip in clips)
        absent = str(self._error(f"no media of the {len(clips)} {split} clips; {self.remedy}")) if bare else ""
        for clip in clips:
            video = Video(clip.video, self.problems) if clip.video else None
            track = ClipTrack(clip.name, clip.actor, video, clip.sound, self.roots, absent)
            track.traits = self._traits(clip.actor)
            known = clip.emotion is not None
            yield LabelledTrack(track, Labels(np.array([clip.emotion if known else 0]), np.array([known])))

    def _note_missing(self, tracks: Sequence[FileTrack]) -> None:
        lost = [track.id for track in tracks if track.media is None]
        if lost:
            what = f"{len(lost)} of {len(tracks)} clips have neither video nor sound ({lost[0]} is one)"
            self.problems.add(self.roots[0], what)

    def _media(self, tracks: Iterable[FileTrack]) -> Iterable[Path]:
        for track in tracks:
            if isinstance(track, ClipTrack):
                yield from track.media_files
