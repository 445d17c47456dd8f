"""Frames of a video file, decoded when asked for."""

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._images import EMPTY_SIZE

SIDE = 256
"""Frames whose shorter side is longer are shrunk to it: a hundred frames of full HD would take 800 MB."""


_FAR = 250
"""Frames from which on it is quicker to look for another key frame than to decode all in between."""


class _Index(NamedTuple):
    """What a video holds, told without decoding anything."""

    times: tuple[int, ...]
    """Presentation time of every frame, ascending."""
    keys: tuple[int, ...]
    """The frames from which decoding can start."""


@dataclass
class Video:
    """The frames of one video, counted from 0; a file that is missing or broken has none, and is a problem."""

    path: Path
    problems: Problems = field(default_factory=Problems)

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process reports to nobody, so it need not carry what was found here.
        return {**self.__dict__, "problems": Problems()}

    @cached_property
    def _index(self) -> _Index:
        import av

        try:
            with av.open(str(self.path)) as container:
                packets = [packet for packet in container.demux(video=0) if packet.size]
                timed = [(packet.dts if packet.pts is None else packet.pts, packet.is_keyframe) for packet in packets]
                found = sorted((time, key) for time, key in timed if time is not None)
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            self.problems.add(self.path, f"is not a readable video ({error}); its frames are treated as missing")
            return _Index((), ())
        return _Index(tuple(time for time, _ in found), tuple(i for i, (_, key) in enumerate(found) if key))

    def __len__(self) -> int:
        return len(self._index.times)

    @cached_property
    def rate(self) -> float | None:
        """Frames per second, or None when the file does not tell."""
        import av

        try:
            with av.open(str(self.path)) as container:
                rate = container.streams.video[0].average_rate
        except (av.FFmpegError, OSError, ValueError, IndexError):
            return None
        return float(rate) if rate else None

    def read(self, frames: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB images [T, H, W, 3] and a mask [T], false and black where a frame is missing or broken."""
        decoded: dict[int, NDArray[np.uint8]] = {}
        wanted = np.unique(frames[(frames >= 0) & (frames < len(self))])
        for run in np.split(wanted, np.flatnonzero(np.diff(wanted) > _FAR) + 1):
            if run.size:
                self._decode(run.tolist(), decoded)
        shape = next(iter(decoded.values())).shape if decoded else (*EMPTY_SIZE, 3)
        images = np.zeros((len(frames), *shape), dtype=np.uint8)
        mask = np.asarray([frame in decoded for frame in frames.tolist()], dtype=np.bool_)
        for row in np.flatnonzero(mask):
            images[row] = decoded[int(frames[row])]
        return images, mask

    def _decode(self, wanted: list[int], decoded: dict[int, NDArray[np.uint8]]) -> None:
        """Decode from the key frame at or before the first wanted frame up to the last one; they ascend."""
        import av

        times, keys = self._index
        place = {time: i for i, time in enumerate(times)}
        before = bisect_right(keys, wanted[0])
        left = set(wanted)
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                if before and keys[before - 1]:
                    container.seek(times[keys[before - 1]], stream=stream)
                for frame in container.decode(stream):
                    time = frame.dts if frame.pts is None else frame.pts
                    at = -1 if time is None else place.get(time, -1)
                    if at in left:
                        left.remove(at)
                        decoded[at] = _small(frame)
                    if not left or at > wanted[-1]:
                        break
        except (av.FFmpegError, OSError, ValueError) as error:
            self.problems.add(self.path, f"has frames that cannot be decoded ({error}); treated as missing")


def _small(frame: Any) -> NDArray[np.uint8]:
    shorter = min(frame.width, frame.height)
    if shorter > SIDE:
        width, height = (round(side * SIDE / shorter) for side in (frame.width, frame.height))
        frame = frame.reformat(width=width, height=height)
    return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
