"""RAVDESS: 24 actors who say two sentences in eight emotions; everything is in the names of the files."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from abawbench_plugins.databases._acted import CLASSES, ActedClips, Clip, split_of_actor
from abawbench_plugins.databases._database import SPLITS

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
"""By their numbers in the file names, from 1."""
_CLASS = {
    "neutral": "Neutral",
    "happy": "Happiness",
    "sad": "Sadness",
    "angry": "Anger",
    "fearful": "Fear",
    "disgust": "Disgust",
    "surprised": "Surprise",
}
_NAME = re.compile(r"0([123])-(0[12]-0([1-8])-0[12]-0[12]-0[12]-(\d\d))")
"""Modality; the clip: channel, emotion, intensity, statement, repetition, actor."""
_SOUND, _VIDEO = ".wav", ".mp4"
_BOTH, _MUTE, _ALONE = "1", "2", "3"
"""Modalities: pictures with sound, pictures alone, sound alone."""
_SPEECH = "01-"


def open_database(roots: Sequence[Path], calm: str = "left-out") -> "Ravdess":
    """Return RAVDESS as found in the roots together. Raises DataError when there is no file of it."""
    return Ravdess(roots, calm == "neutral")


class Ravdess(ActedClips):
    """RAVDESS, its files anywhere below a root.

    They are called ``<modality>-<channel>-<emotion>-<intensity>-<statement>-<repetition>-<actor>.mp4`` or ``.wav``. A
    clip is what its modalities show together: frames and sound of the file with both, else the mute video and the file
    of sound. Speech alone is read, songs are not. A clip's id is its name without the modality. Calm, which other
    databases do not have, is not annotated unless ``calm_is_neutral``. Actors are dealt as those of CREMA-D.

    Source: open-data, "Databases without a form to sign" (INFERRED: not seen, from its published description).
    """

    name = "ravdess"
    remedy = "unpack the archives of RAVDESS there"

    def __init__(self, roots: Iterable[Path | str], calm_is_neutral: bool = False) -> None:
        super().__init__(roots)
        self.calm_is_neutral = calm_is_neutral
        if not self._files:
            raise self._error("no file named like 01-01-05-01-02-01-16.mp4; unpack the archives of RAVDESS there")

    @cached_property
    def _files(self) -> dict[str, dict[str, Path]]:
        """The files of each spoken clip by their modality."""
        found: dict[str, dict[str, Path]] = {}
        sung = 0
        for root in self.roots:
            for path in sorted(root.rglob("0*-*-*-*-*-*-*.*")):
                match = _NAME.fullmatch(path.stem)
                if match is None or path.suffix.lower() != (_SOUND if match[1] == _ALONE else _VIDEO):
                    self.problems.add(path, "is not named as a clip of RAVDESS; ignored", extra=True)
                elif not match[2].startswith(_SPEECH):
                    sung += 1
                else:
                    found.setdefault(match[2], {}).setdefault(match[1], path)
        if sung:
            self.problems.add(self.roots[0], f"{sung} file(s) of songs; ignored", extra=True)
        return found

    def fingerprint(self) -> str:
        """Return a SHA-256 over the names of the clips and their modalities, which are the annotation."""
        lines = [f"{clip} {' '.join(sorted(files))}\n" for clip, files in sorted(self._files.items())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that have clips, in the order train, val, test; none for another label."""
        if label not in self.label_names:
            return ()
        found = {split_of_actor(actor_of(clip)) for clip in self._files}
        return [split for split in SPLITS if split in found]

    def _clips(self, split: str) -> Iterator[Clip]:
        calm = 0
        for name, files in self._files.items():
            if split_of_actor(actor_of(name)) != split:
                continue
            emotion = EMOTIONS[int(name.split("-")[1]) - 1]
            is_calm = emotion == "calm"
            calm += is_calm
            known = _CLASS.get("neutral" if is_calm and self.calm_is_neutral else emotion)
            video = files.get(_BOTH) or files.get(_MUTE)
            sound = None if _BOTH in files else files.get(_ALONE)
            yield Clip(name, actor_of(name), CLASSES.index(known) if known else None, video, sound)
        if calm:
            what = "count as neutral" if self.calm_is_neutral else "are not annotated"
            self.problems.add(
                self.roots[0], f"{calm} {split} clips are calm, which is no class: they {what}", extra=True
            )

    def _annotation_files(self) -> Iterable[Path]:
        return ()

    def _where(self, label: str, split: str) -> Path:
        return self.roots[0]

    def _absent(self, label: str, split: str) -> str:
        return str(self._error(f"no clip of a {split} actor; unpack the archives of all 24 actors there"))


def actor_of(clip: str) -> str:
    """Return the two digits of the actor of a clip.

    >>> actor_of("01-05-01-02-01-16")
    '16'
    """
    return clip.rpartition("-")[2]
