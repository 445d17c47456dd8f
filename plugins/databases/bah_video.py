"""BAH in the package of ABAW10 and 11: ambivalence or hesitancy per video."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from abawbench.contracts.database import LabelledTrack, Labels
from abawbench.contracts.inspection import Expected
from abawbench_plugins.databases._database import SPLITS
from abawbench_plugins.databases._expected import expected_counts
from abawbench_plugins.databases._folders import below, has_file, holds_images, subfolders
from abawbench_plugins.databases._images import Images
from abawbench_plugins.databases._listings import read_lines
from abawbench_plugins.databases._tracks import CountedTrack
from abawbench_plugins.databases.bah import FRAME_NAME, AnswerDatabase, AnswerTrack, read_split

_FACES = "cropped-aligned-faces"
_VIDEOS = "Videos"
_TEMPLATES = ("submissions", "predictions-submissions")


def open_database(roots: Sequence[Path], bah_rate: str = "24") -> "BAHVideo":
    """Return the ABAW10/11 package of BAH as found in the roots together. Raises DataError without it."""
    return BAHVideo(roots, float(bah_rate))


class VideoTrack(CountedTrack, AnswerTrack):
    """The recorded answer to one question, labelled as a whole; its face images are its frames."""


class BAHVideo(AnswerDatabase):
    """BAH, the package of ABAW10 and 11; a root, or a folder in it, holds ``split``.

    - ``split/train.txt``, ``val.txt`` and ``test.txt`` (the public test set, with labels): rows
      ``<path>,<label>,<transcript>``, cut at the first two commas only; 1 means that ambivalence or hesitancy is there.
    - ``Videos/<pid>/<visit>/<video>.mp4``, ``cropped-aligned-faces/Videos/.../<video>.mp4/frame-<k>.jpg`` (k from 0,
      not padded), ``transcription/Videos/.../<video>.mp4/<video>.yml``. Names may hold spaces.
    - The private test set: a copy that holds a submission template, ``submissions/*.txt`` or
      ``predictions-submissions/*.txt``, and no ``split/test.txt``; its videos are predicted and have no label.
    - The labels per frame of ``video_annotation.yaml`` are not read: ABAW10 and 11 score videos.

    A track's id is the path as the submissions have it, ``Videos/`` first. Layout: abaw-protocols, section 5.2
    (CONFIRMED); 24 frames per second are INFERRED there.
    """

    name = "bah-video"
    label_names = ("ah-video",)
    classes: ClassVar = {"ah-video": ("absent", "present")}
    faces = f"{_FACES}/{_VIDEOS}"

    def __init__(self, roots: Iterable[Path | str], rate: float = 24.0):
        super().__init__(roots, rate)
        self._packages = list(below(self.roots, self.problems))
        self._lists: dict[str, Path] = {}
        for folder, _ in self._packages:
            for split in SPLITS:
                if has_file(path := folder / "split" / f"{split}.txt", self.problems):
                    self._lists.setdefault(split, path)
        folders = [folder / name for folder, _ in self._packages for name in _TEMPLATES]
        templates = [path for folder in folders for path in sorted(folder.glob("*.txt")) if _lists_videos(path)]
        self._template = templates[0] if templates and "test" not in self._lists else None
        if self._template:
            if not self._lists:
                self.released = ("test",)
            self._lists["test"] = self._template
        if not self._lists:
            raise self._error("no split/*.txt and no submissions/*.txt; unpack the ABAW10 or ABAW11 package there")

    def expected(self, edition: int | None = None) -> Sequence[Expected]:
        """Return the numbers that an official copy has: of the private test set where this is one."""
        return expected_counts(f"{self.name}-private" if self._template else self.name, edition)

    @cached_property
    def _face_folders(self) -> list[tuple[Path, Path]]:
        return [(folder / self.faces, root) for folder, root in self._packages if (folder / self.faces).is_dir()]

    @cached_property
    def _unlisted(self) -> dict[str, Path]:
        known = {video for split in self._lists for video in self._listed(split)}
        found = {}
        for faces, _ in self._face_folders:
            for person in subfolders(faces, self.problems):
                for visit in subfolders(faces / person, self.problems):
                    for video in subfolders(faces / person / visit, self.problems):
                        if (name := f"{person}/{visit}/{video}") not in known:
                            found[name] = faces / person / visit / video
        return found

    def splits(self, label: str) -> Sequence[str]:
        """Return the splits that exist on disk for a label, in the order train, val, test; empty if there are none."""
        return [split for split in SPLITS if split in self._lists] if label in self.label_names else ()

    def template(self, label: str) -> Path | None:
        """Return the template of the private test set, or None without one or beside the public test set."""
        return self._template if label in self.label_names else None

    def _listed(self, split: str) -> Mapping[str, tuple[int | None, str | None]]:
        """Return label and words of each video of a split; None for those that a template does not give."""
        path = self._lists[split]
        if path != self._template:
            return {video: (present, spoken) for video, (_, present, spoken) in read_split(path, self.problems).items()}
        names = (line.partition(",")[0].strip() for line in read_lines(path) if line.strip())
        return {name.removeprefix(f"{_VIDEOS}/"): (None, None) for name in names}

    def _read(self, label: str, split: str) -> Iterator[LabelledTrack]:
        self._note_unlisted(self._unlisted, ())
        for video, (present, spoken) in self._listed(split).items():
            folders = [(folder / video, root) for folder, root in self._face_folders if holds_images(folder / video)]
            track = VideoTrack(
                id=f"{_VIDEOS}/{video}",
                subject=video.partition("/")[0],
                rate=self.rate,
                images=Images(folders, self.problems, frame_name=FRAME_NAME),
                frame_name=FRAME_NAME,
            )
            track.media = self._beside(video)
            track.transcript = self._beside(f"{video}/{Path(video).name.removesuffix('.mp4')}.yml", "transcription")
            track.spoken = spoken
            labels = None if present is None else Labels(np.array([present]), np.ones(1, dtype=np.bool_))
            yield LabelledTrack(track, labels)

    def _beside(self, path: str, kind: str = "") -> Path | None:
        return next((p for folder, _ in self._packages if (p := folder / kind / _VIDEOS / path).is_file()), None)

    def _annotation_files(self) -> Iterable[Path]:
        return self._lists.values()

    def _where(self, label: str, split: str) -> Path:
        return self._lists[split]

    def _absent(self, label: str, split: str) -> str:
        return str(self._error(f"no split/{split}.txt; unpack the ABAW10 or ABAW11 package there"))


def _lists_videos(path: Path) -> bool:
    """Return whether a template is one of videos; that of ABAW8 lists frames, and no folder before them."""
    return read_lines(path)[0].startswith(f"{_VIDEOS}/")
