"""Tracks whose frames are those of a video file: scenes with a table of frames, and clips labelled as a whole."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench_plugins.databases._folders import changed_at
from abawbench_plugins.databases._images import Images
from abawbench_plugins.databases._tracks import FileTrack, identity
from abawbench_plugins.databases._video import Video


class SceneTrack(FileTrack):
    """A video whose frames are read from its images where a folder of them is there, else decoded from its file."""

    def __init__(self, id: str, numbers: NDArray[np.int64], images: Images, video: Video | None, root: Path):
        self.id = self.subject = id
        self.numbers, self.images, self._scene, self._root = numbers, images, video, root
        self.media = None if video is None else video.path  # an unreadable one has no length and is false
        self.frame_name = "{:05d}.jpg"
        self.__post_init__()

    @property
    def _decoded(self) -> Video | None:
        return None if self.images.folders else self._scene

    def frame_mask(self) -> NDArray[np.bool_]:
        """Return [n_frames], true where the video has such a frame, or an image file exists."""
        video = self._decoded
        return super().frame_mask() if video is None else self.numbers <= len(video)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB images [T, H, W, 3] and a mask [T], false (and black) where a frame is missing or broken."""
        video = self._decoded
        if video is None:
            return super().frames(indices)
        return video.read(self.numbers[np.asarray(indices, dtype=np.intp)] - 1)

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        """Return per frame (``<video file>#<frame>``, bytes and modification time of the video), or None without."""
        video = self._decoded
        if video is None:
            return super().frame_files()
        try:
            status = video.path.stat()
        except OSError:
            return [None] * self.n_frames
        name = video.path.relative_to(self._root).as_posix()
        exists = zip(self.numbers.tolist(), self.frame_mask().tolist(), strict=True)
        return [(f"{name}#{n}", status.st_size, changed_at(status)) if there else None for n, there in exists]

    def identify_frames(self) -> object:
        """Return what tells its frames from others: the video and how many frames it has, or its images."""
        video = self._decoded
        return super().identify_frames() if video is None else [identity(video.path), len(video)]


class ClipTrack(SceneTrack):
    """A clip without rows per frame: it has the frames of its video, or one that is missing where there is none.

    Its sound is that of a file of its own where ``sound`` names one, else that of the video.
    """

    def __init__(
        self, id: str, subject: str, video: Video | None, sound: Path | None, roots: Sequence[Path], absent: str = ""
    ) -> None:
        self.id, self.subject = id, subject
        self.images, self._scene = Images((), absent=absent), video
        self._root = next((root for root in roots if video is not None and video.path.is_relative_to(root)), roots[0])
        self.media = video.path if sound is None and video is not None else sound
        self.frame_name = "{:05d}.jpg"

    @cached_property
    def _video(self) -> Video | None:
        """The video as a clock, whatever file the sound is in."""
        return self._scene

    @cached_property
    def numbers(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Return the numbers of the frames from 1; opening the video waits until they are asked for."""
        return np.arange(1, 1 + max(0 if self._scene is None else len(self._scene), 1))

    @property
    def n_frames(self) -> int:  # type: ignore[override]
        """Return the number of frames, at least 1."""
        return len(self.numbers)

    @property
    def media_files(self) -> list[Path]:
        """The files with its pictures and its sound."""
        pictures = None if self._scene is None else self._scene.path
        return list(dict.fromkeys(path for path in (pictures, self.media) if path is not None))
