"""Reading whole files of a copy to see whether they are sound: image folders, media, transcripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from abawbench.contracts.errors import DataError
from abawbench.contracts.inspection import FileGroup
from abawbench.contracts.problems import Problem, Problems
from abawbench_plugins.databases._image_index import NUMBERED
from abawbench_plugins.databases._images import DOUBLE, decode_image, image_size
from abawbench_plugins.databases._media import check_inside
from abawbench_plugins.databases._packs import each_file, list_images
from abawbench_plugins.databases._text import compose, mapping, scalar


@dataclass(frozen=True)
class ImageFolder(FileGroup):
    """The images of one track in one folder."""

    path: Path
    frame_name: str
    """How the files are called officially."""
    size: tuple[int, int] | None = None
    """Height and width of every image, where that is known."""
    files: int = 1

    def check(self, fast: bool) -> Sequence[Problem]:
        """Return images that cannot be read, that have the wrong size, and names that are wrong or double."""
        problems = Problems()
        names: dict[int, list[str]] = {}
        missized = []
        try:
            listing = list_images(self.path)
        except (OSError, DataError) as error:
            problems.add(self.path, f"cannot be read: {error}")
            return problems.items
        strays = frozenset(listing.strays)
        for name in listing.doubles:
            problems.add(self.path / name, DOUBLE)
        for name, read in each_file(self.path):
            match = NUMBERED.match(name)
            if match is None or name in strays:
                problems.add(self.path / name, "is not a numbered image; ignored", extra=True)
                continue
            names.setdefault(int(match[2]), []).append(name)
            try:
                data = read()
                found = image_size(data) if fast else decode_image(data).shape[:2]
                if not fast:
                    check_inside(data)
            except (OSError, ValueError) as error:
                problems.add(self.path / name, f"{error}; treated as missing")
            else:
                if self.size is not None and found != self.size:
                    missized.append(f"{name} is {found[1]}x{found[0]}")
        if not names:
            problems.add(self.path, "holds no image")
        self._check_names(names, problems)
        if missized and self.size is not None:
            height, width = self.size
            problems.add(self.path, f"{len(missized)} image(s) are not {width}x{height} (first {missized[0]})")
        return problems.items

    def _check_names(self, names: dict[int, list[str]], problems: Problems) -> None:
        misnamed = [found[0] for number, found in names.items() if self.frame_name.format(number) not in found]
        if misnamed:
            pattern = self.frame_name.format(1)
            what = f"{len(misnamed)} image(s) are not called like {pattern} (first {misnamed[0]}), so they sort wrongly"
            problems.add(self.path, what)


@dataclass(frozen=True)
class MediaFile(FileGroup):
    """A video or a file of sound."""

    path: Path
    seen: bool = False
    """Whether the pictures of the video are the frames of a track; all of them are decoded then."""
    files: int = 1

    def check(self, fast: bool) -> Sequence[Problem]:
        """Return why the file cannot be played: its first picture is decoded, and all its sound unless ``fast``.

        So are all pictures that are ``seen``.
        """
        import av

        from abawbench_plugins.databases._audio import read_audio
        from abawbench_plugins.databases._media import open_media
        from abawbench_plugins.databases._video import Video

        problems = Problems()
        try:
            with open_media(self.path) as container:
                if not container.streams.video and not container.streams.audio:
                    problems.add(self.path, "holds neither pictures nor sound")
                elif container.streams.video and next(container.decode(video=0), None) is None:
                    problems.add(self.path, "holds no picture that can be decoded")
            if not fast and not problems.items:
                read_audio(self.path, problems)
                if self.seen:
                    lost = Video(self.path).count_broken()
                    if lost:
                        problems.add(self.path, f"has {lost} frame(s) that cannot be decoded; treated as missing")
        except (av.FFmpegError, OSError, ValueError, DataError) as error:
            reason = str(error.__cause__ or error).partition(":")[0]
            problems.add(self.path, f"is a media file that cannot be decoded ({reason})")
        return problems.items


@dataclass(frozen=True)
class Transcript(FileGroup):
    """A YAML file that says under ``text`` what was spoken."""

    path: Path
    files: int = 1

    def check(self, fast: bool) -> Sequence[Problem]:
        """Return why there is no text in it."""
        problems = Problems()
        try:
            if scalar(mapping(compose(self.path)).get("text")) is None:
                problems.add(self.path, "has no text under the key 'text'")
        except DataError as error:
            problems.add(self.path, str(error).removeprefix(str(self.path)).lstrip(": "))
        return problems.items
