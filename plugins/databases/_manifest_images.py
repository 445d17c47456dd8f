"""What a manifest names, counted and read whole: its tracks, images, videos and sounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from abawbench.contracts import Count, FileGroup, Labels
from abawbench.contracts.problems import Problem, Problems
from abawbench.contracts.text import person_key, read_regular
from abawbench_plugins.databases._images import decode_image
from abawbench_plugins.databases._media import check_inside

if TYPE_CHECKING:
    from abawbench_plugins.databases.manifest import ManifestTrack


@dataclass(frozen=True)
class ListedImages(FileGroup):
    """The images that a manifest lists for one track."""

    folder: Path
    paths: tuple[str, ...]

    @property
    def files(self) -> int:  # type: ignore[override]
        """The number of images."""
        return len(self.paths)

    def check(self, fast: bool) -> Sequence[Problem]:
        """Return the images that are not there or cannot be read; ``fast`` looks whether they are there."""
        problems = Problems()
        for name in self.paths:
            path = self.folder / name
            try:
                if fast and path.stat().st_size:
                    continue
                data = read_regular(path)
                decode_image(data)
                check_inside(data)
            except OSError as error:
                problems.add(path, f"is listed and cannot be read: {error.strerror}")
            except ValueError as error:
                problems.add(path, f"{error}; treated as missing")
        return problems.items


def count_tracks(
    label: str, split: str, tracks: Sequence["ManifestTrack"], labels: Sequence[Labels]
) -> Iterator[Count]:
    """Yield the tracks and subjects of a split, its rows, and how many are annotated and have an image listed."""
    rows = sum(track.n_frames for track in tracks)
    annotated = sum(int(known.annotated.sum()) for known in labels)
    yield Count(label, split, "tracks", len(tracks))
    yield Count(label, split, "participants", len({person_key(track.subject) for track in tracks}))
    yield Count(label, split, "rows", rows)
    yield Count(label, split, "annotated", annotated)
    listed = sum(path is not None for track in tracks for path in track.paths)
    yield Count(label, split, "rows with image listed", listed)
