"""The image folders of tracks that belong together: listed in one go, and counted from the same number."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._image_index import Listing, Report, list_folders

if TYPE_CHECKING:
    from abawbench_plugins.databases._tracks import FileTrack


class ImageFolders:
    """The images of the tracks of a split. The first question about any of them lists them all."""

    def __init__(self, tracks: Sequence["FileTrack"], problems: Problems) -> None:
        self._tracks = [track for track in tracks if track.images.numbered]
        self._problems = problems
        self._found: dict[Path, Listing] | None = None
        for track in self._tracks:
            track.images.together = self

    def list(self, report: Report = lambda done, total, what: None) -> None:
        """List all folders, unless that was done; ``report`` is told how far it is."""
        if self._found is None:
            folders = dict.fromkeys(folder for track in self._tracks for folder, _ in track.images.folders)
            self._found = list_folders(folders, report)

    @property
    def listings(self) -> dict[Path, Listing]:
        """The listing of every folder that can be listed."""
        self.list()
        assert self._found is not None
        return self._found

    @cached_property
    def shift(self) -> int:
        """What is added to the number in a file's name to get the frame's: 1 where files count from 0, else 0.

        A track tells that they do by an image 0, and that they do not by an image of its last row; the majority counts.
        """
        zeros = lasts = 0
        for track in self._tracks:
            found = [self.listings[folder].numbers for folder, _ in track.images.folders if folder in self.listings]
            if track.counted or not any(map(len, found)) or not track.n_frames:
                continue
            rows, files = track.numbers, np.concatenate(found)
            if rows[0] > 0:
                zeros += bool((files == 0).any())
                lasts += bool((files == rows[-1]).any())
        if not zeros:
            return 0
        folder = next(folder for track in self._tracks for folder, _ in track.images.folders)
        if zeros > lasts:
            self._problems.add(
                folder.parent, f"images count from 0: image n is taken as frame n + 1 ({zeros} tracks)", extra=True
            )
            return 1
        what = f"{zeros} track(s) have an image 0, which belongs to no row; images are taken to count from 1"
        self._problems.add(folder.parent, what, extra=True)
        return 0
