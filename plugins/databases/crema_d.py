"""CREMA-D: actors who say one of twelve sentences in one of six emotions, and what a crowd perceived."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from abawbench.contracts import DataError
from abawbench_plugins.databases._acted import CLASSES, ActedClips, Clip, split_of_actor
from abawbench_plugins.databases._database import SPLITS
from abawbench_plugins.databases._folders import below, has_file
from abawbench_plugins.databases._listings import read_lines

ACTED = {"NEU": "Neutral", "ANG": "Anger", "DIS": "Disgust", "FEA": "Fear", "HAP": "Happiness", "SAD": "Sadness"}
"""The emotion in a clip's name."""
VOTES = {emotion[0]: emotion for emotion in ACTED.values()}
"""The letter by which the crowd's votes name it."""
COLUMNS = {"both": "MultiModalVote", "face": "FaceVote", "voice": "VoiceVote"}
"""What the crowd saw and heard: the column with what most of them said; several letters with ``:`` are a tie."""

_TABLE = Path("processedResults", "summaryTable.csv")
_ACTORS = Path("VideoDemographics.csv")
_NAME = "FileName"
_SOUND = {"AudioWAV": (".wav",), "AudioMP3": (".mp3",)}
_VIDEO = ("VideoFlash", (".flv", ".mp4"))


def open_database(roots: Sequence[Path], crema_label: str = "acted") -> "CremaD":
    """Return CREMA-D as found in the roots together. Raises DataError when there is no table of clips."""
    return CremaD(roots, crema_label)


class CremaD(ActedClips):
    """CREMA-D; a root, or a folder in it, is a copy of the repository, its large files fetched by Git LFS.

    - ``processedResults/summaryTable.csv`` lists the clips, called ``<actor>_<sentence>_<emotion>_<level>``.
    - ``VideoFlash/<clip>.flv`` (or .mp4): frames, and the sound that goes with them.
    - ``AudioWAV/<clip>.wav``, else ``AudioMP3/<clip>.mp3``: the sound of a clip whose video is not there.
    - ``VideoDemographics.csv``, where it is there: what is known of the actors, for results by group.

    The label is the emotion that was acted; ``perceived`` ``both``, ``face`` or ``voice`` takes instead what most of
    the crowd said, and leaves ties without annotation. There is no official split: actors are dealt by the hash of
    their number (``split_of_actor``), so that nobody is in two. It has no Surprise, which is left out of the score.

    Source: open-data, "Databases without a form to sign".
    """

    name = "crema-d"
    remedy = "fetch VideoFlash, AudioWAV or AudioMP3: git lfs pull"

    def __init__(self, roots: Iterable[Path | str], perceived: str = "acted") -> None:
        super().__init__(roots)
        self.perceived = perceived
        found = [folder for folder, _ in below(self.roots, self.problems) if has_file(folder / _TABLE, self.problems)]
        if not found:
            raise self._error(f"no {_TABLE.as_posix()}; clone CheyneyComputerScience/CREMA-D there")
        self.folders = found

    def lacks(self, label: str) -> Sequence[str]:
        """Return that there is no Surprise."""
        return ("Surprise",)

    @property
    def _table(self) -> Path:
        return self.folders[0] / _TABLE

    @cached_property
    def _emotions(self) -> dict[str, int | None]:
        """The class of each clip; None where most of the crowd said nothing in common."""
        reader = csv.reader(read_lines(self._table))
        header = next(reader)
        wanted = [_NAME, *([COLUMNS[self.perceived]] if self.perceived in COLUMNS else [])]
        if missing := [name for name in wanted if name not in header]:
            raise DataError(f"{self._table}:1 lacks the column(s) {', '.join(missing)} in its header; clone it anew.")
        at = [header.index(name) for name in wanted]
        found: dict[str, int | None] = {}
        ties = 0
        for row in reader:
            try:
                name, emotion = self._row(row, at)
                if name in found:
                    raise ValueError(f"{name} is listed a second time")
            except ValueError as error:
                self.problems.add(self._table, f"{error}; the row is skipped", reader.line_num)
                continue
            found[name] = emotion
            ties += emotion is None
        if ties:
            what = f"{ties} of {len(found)} clips are ties in {COLUMNS[self.perceived]} and not annotated"
            self.problems.add(self._table, what, extra=True)
        return found

    def _row(self, row: Sequence[str], at: Sequence[int]) -> tuple[str, int | None]:
        """Return a clip's name and its class. Raises ValueError, saying why, for a row that is not one of a clip."""
        if len(row) <= max(at):
            raise ValueError(f"expected {max(at) + 1} values or more, found {len(row)}")
        name, *vote = (row[column].strip() for column in at)
        actor, _, emotion, *_ = [*name.split("_"), "", ""]
        if not actor.isdecimal() or emotion not in ACTED or "/" in name or "\\" in name:
            raise ValueError(f"{name[:40]!r} is not <actor>_<sentence>_<emotion>_<level>")
        if not vote:
            return name, CLASSES.index(ACTED[emotion])
        letters = vote[0].split(":")
        if unknown := [letter for letter in letters if letter not in VOTES]:
            raise ValueError(f"clip {name} has the vote {unknown[0][:10]!r}, which is no emotion")
        return name, CLASSES.index(VOTES[letters[0]]) if len(letters) == 1 else None

    @cached_property
    def _files(self) -> tuple[Mapping[str, Path], Mapping[str, Path]]:
        """The videos and the sounds by clip."""
        videos: dict[str, Path] = {}
        sounds: dict[str, Path] = {}
        for folder in self.folders:
            videos = {**self._media_in(folder / _VIDEO[0], _VIDEO[1]), **videos}
            for kind, suffixes in _SOUND.items():
                sounds = {**self._media_in(folder / kind, suffixes), **sounds}
        for found in (videos, sounds):
            for name in sorted(found.keys() - self._emotions.keys()):
                self.problems.add(found[name], "belongs to no listed clip; ignored", extra=True)
        return videos, sounds

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that have clips, in the order train, val, test; none for another label."""
        if label not in self.label_names:
            return ()
        found = {split_of_actor(actor_of(name)) for name in self._emotions}
        return [split for split in SPLITS if split in found]

    def _clips(self, split: str) -> Iterator[Clip]:
        videos, sounds = self._files
        for name, emotion in self._emotions.items():
            if split_of_actor(actor_of(name)) == split:
                video = videos.get(name)
                yield Clip(name, actor_of(name), emotion, video, None if video else sounds.get(name))

    @cached_property
    def _people(self) -> Mapping[str, Mapping[str, str]]:
        """What the table of actors says of each: age, sex, race and ethnicity; nothing where it is not there."""
        path = self.folders[0] / _ACTORS
        if not path.is_file():
            return {}
        reader = csv.reader(read_lines(path))
        header = [name.strip() for name in next(reader)]
        if "ActorID" not in header:
            self.problems.add(path, "lacks the column ActorID; nothing is known of the actors", 1)
            return {}
        rows = (dict(zip(header, map(str.strip, row), strict=False)) for row in reader if row)
        return {row.pop("ActorID"): {name.lower(): value for name, value in row.items() if value} for row in rows}

    def _traits(self, actor: str) -> Mapping[str, str]:
        return self._people.get(actor, {})

    def _annotation_files(self) -> Iterable[Path]:
        return [self._table]

    def _where(self, label: str, split: str) -> Path:
        return self._table

    def _absent(self, label: str, split: str) -> str:
        return str(self._error(f"{_TABLE.as_posix()} lists no clip of a {split} actor; take the whole table"))


def actor_of(name: str) -> str:
    """Return the number of the actor of a clip.

    >>> actor_of("1001_DFA_ANG_XX")
    '1001'
    """
    return name.partition("_")[0]
