"""Frames of a video file by their number, found through their time stamps and not by decoding from the start."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.dataset import Problems


@dataclass
class Video:
    """The frames of a video in the order in which they are shown, counted from 0. Nothing is opened before asked."""

    path: Path
    problems: Problems = field(default_factory=Problems)

    @cached_property
    def _stream(self) -> tuple[NDArray[np.int64], float | None]:
        """The ascending time stamps of the frames (empty where the file has none), their number, frames per second."""
        import av

        stamps: list[int | None] = []
        rate: float | None = None
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    self.problems.add(self.path, "holds no video")
                    return np.zeros(0, dtype=np.int64), None
                stream = container.streams.video[0]
                rate = float(stream.average_rate) if stream.average_rate else None
                stamps = [p.pts for p in container.demux(stream) if p.size and not p.is_discard]
        except (av.FFmpegError, OSError, ValueError) as error:
            self.problems.add(self.path, f"is not a readable video ({type(error).__name__}); treated as missing")
        known = [stamp for stamp in stamps if stamp is not None]
        # without time stamps only the order of decoding tells frames apart
        return (np.sort(known) if len(known) == len(stamps) else -np.arange(len(stamps))).astype(np.int64), rate

    @property
    def count(self) -> int:
        """Number of frames; 0 for a file that cannot be read."""
        return len(self._stream[0])

    @property
    def rate(self) -> float | None:
        """Frames per second, where the file tells."""
        return self._stream[1]

    def read(self, frames: NDArray[np.int64]) -> dict[int, NDArray[np.uint8]]:
        """Return frame number -> RGB image [H, W, 3]; a frame that is not there or broken is left out."""
        stamps = self._stream[0]
        wanted = sorted({int(f) for f in frames if 0 <= f < len(stamps)})
        if not wanted:
            return {}
        if len(stamps) > 1 and stamps[1] < stamps[0]:
            return self._decode({frame: frame for frame in wanted}, None, numbered=True)
        by_stamp = {int(stamps[frame]): frame for frame in wanted}
        found = self._decode(by_stamp, int(stamps[wanted[0]]) if wanted[0] else None)
        if len(found) < len(by_stamp) and wanted[0]:
            # some containers seek to a place behind the one asked for
            found |= self._decode({s: f for s, f in by_stamp.items() if f not in found}, None)
        for frame in set(by_stamp.values()) - set(found):
            self.problems.add(self.path, f"frame {frame + 1} cannot be decoded; treated as missing")
        return found

    def _decode(
        self, wanted: dict[int, int], start: int | None, numbered: bool = False
    ) -> dict[int, NDArray[np.uint8]]:
        """Return the frames with the time stamps (or ``numbered`` places) wanted, decoding from a time stamp on."""
        import av

        found: dict[int, NDArray[np.uint8]] = {}
        last = max(wanted)
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                if start is not None:
                    container.seek(start, stream=stream, backward=True)
                for place, picture in enumerate(container.decode(stream)):
                    key = place if numbered else picture.pts
                    if key is None:
                        continue
                    if key in wanted:
                        found[wanted[key]] = picture.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
                    if key >= last:
                        break
        except (av.FFmpegError, OSError, ValueError):
            # what was decoded before stays; the caller notes the frames that are missing
            pass
        return found
