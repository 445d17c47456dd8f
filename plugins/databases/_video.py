"""Frames of a video file, decoded when asked for; number, time and upright position as the container tells them."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._images import EMPTY_SIZE
from abawbench_plugins.databases._media import open_media, packets_of, pictures_of

SIDE = 256
"""Frames whose shorter side is longer are shrunk to it: a hundred frames of full HD would take 800 MB."""

RATES = (1.0, 240.0)
"""Frames per second that a header may claim; what lies outside is the tick of a clock, and the times decide."""

_FAR = 250
"""Frames from which on it is quicker to look for another key frame than to decode all in between."""

_EARLY = 16
"""Frames by which one may come before its turn, after damage (the most that H.264 keeps back)."""


class _Index(NamedTuple):
    """What a video holds, told without decoding anything."""

    ticks: tuple[int, ...]
    """Presentation time of every frame, ascending, in units of ``base`` seconds."""
    keys: tuple[int, ...]
    """The frames from which decoding can start."""
    base: float = 1.0
    last: float = 0.0
    """How long the last frame is shown, in seconds; 0 where the file does not tell."""


@dataclass
class Video:
    """The frames of one video, counted from 0; a file that is missing or broken has none, and is a problem.

    Its frames are those that are shown: what an edit list leaves out, and what comes before the first key frame, are
    none. A picture that cannot be decoded is missing, and costs no other.
    """

    path: Path
    problems: Problems = field(default_factory=Problems)
    _first: tuple[int, ...] | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process reports to nobody, so it need not carry what was found here.
        return {**self.__dict__, "problems": Problems()}

    @cached_property
    def _index(self) -> _Index:
        import av

        found: dict[int, bool] = {}
        durations: dict[int, int] = {}
        untimed = 0
        try:
            with open_media(self.path) as container:
                stream = pictures_of(container)
                base = float(stream.time_base or 1)
                started = False
                for packet in packets_of(container, stream):
                    time = packet.dts if packet.pts is None else packet.pts
                    untimed += time is None and packet.size > 0
                    if not packet.size or time is None:
                        continue
                    if packet.is_keyframe and not started:
                        # nothing can be decoded before the first key frame
                        found, started = {}, True
                    if not packet.is_discard:
                        found[time] = packet.is_keyframe
                        durations[time] = packet.duration or 0
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            self.problems.add(self.path, f"is not a readable video ({error}); its frames are treated as missing")
            return _Index((), ())
        if untimed:
            what = f"has {untimed} pictures without a time, which are passed over; put it into a container such as MP4"
            self.problems.add(self.path, what)
        ticks = sorted(found)
        last = durations[ticks[-1]] * base if ticks else 0.0
        return _Index(tuple(ticks), tuple(i for i, time in enumerate(ticks) if found[time]), base, last)

    def __len__(self) -> int:
        return len(self._index.ticks)

    @cached_property
    def rate(self) -> float | None:
        """Frames per second on the average, or None when the file does not tell."""
        import av

        try:
            with open_media(self.path) as container:
                rate = float(pictures_of(container).average_rate or 0)
        except (av.FFmpegError, OSError, ValueError, IndexError):
            return None
        if RATES[0] <= rate <= RATES[1]:
            return rate
        ticks, _, base, _ = self._index
        return (len(ticks) - 1) / ((ticks[-1] - ticks[0]) * base) if len(ticks) > 1 else None

    @cached_property
    def times(self) -> NDArray[np.float64] | None:
        """The middle of every frame in seconds after the first one begins, [N]; None where ``rate`` says it all.

        That is so where every frame begins, to a tick of the file's clock, where a steady rate puts it.
        """
        ticks, _, base, last = self._index
        rate = self.rate
        if len(ticks) < 2 or rate is None:
            return None
        starts = (np.asarray(ticks, dtype=np.int64) - ticks[0]) * base
        if np.abs(starts - np.arange(len(ticks)) / rate).max() <= base * 1.01:
            return None
        steps = np.diff(starts)
        return np.asarray(starts + np.append(steps, last or np.median(steps)) / 2, dtype=np.float64)

    def middles(self, frames: NDArray[np.int64], rate: float) -> NDArray[np.float64]:
        """Return the time in seconds of the middle of frames counted from 0; beyond the last one they go on at rate."""
        known = self.times
        if known is None:
            return np.asarray(frames + 0.5, dtype=np.float64) / rate
        beyond = np.maximum(frames - (len(known) - 1), 0)
        return np.asarray(known[np.minimum(frames, len(known) - 1)] + beyond / rate, dtype=np.float64)

    def read(self, frames: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB images [T, H, W, 3] and a mask [T], false and black where a frame is missing or broken."""
        decoded: dict[int, NDArray[np.uint8]] = {}
        wanted = np.unique(frames[(frames >= 0) & (frames < len(self))])
        for run in np.split(wanted, np.flatnonzero(np.diff(wanted) > _FAR) + 1):
            if run.size:
                self._decode(run.tolist(), decoded)
        images = np.zeros((len(frames), *self._size(decoded), 3), dtype=np.uint8)
        mask = np.asarray([frame in decoded for frame in frames.tolist()], dtype=np.bool_)
        for row in np.flatnonzero(mask):
            images[row] = _fit(decoded[int(frames[row])], images.shape[1:3])
        return images, mask

    def count_broken(self) -> int:
        """Return how many frames cannot be decoded; all of them are."""
        import av

        left = set(self._index.ticks)
        with open_media(self.path) as container, suppress(av.FFmpegError, OSError, ValueError):
            for frame in _frames(container, pictures_of(container)):
                left.discard(frame.dts if frame.pts is None else frame.pts)
        return len(left)

    def _size(self, decoded: dict[int, NDArray[np.uint8]]) -> tuple[int, ...]:
        """Return height and width of the first picture of the video, whichever were decoded."""
        if not decoded:
            return self._first or EMPTY_SIZE
        if self._first is None:
            first = {0: decoded[0]} if 0 in decoded else dict[int, NDArray[np.uint8]]()
            if not first:
                self._decode([0], first)
            self._first = (first or decoded)[min(first or decoded)].shape[:2]
        return self._first

    def _decode(self, wanted: list[int], decoded: dict[int, NDArray[np.uint8]]) -> None:
        """Decode from the key frame at or before the first wanted frame up to the last one; they ascend.

        Where that key frame is damaged, what follows depends on what was before it: then from one key frame earlier.
        """
        import av

        ticks, keys, *_ = self._index
        place = {time: i for i, time in enumerate(ticks)}
        left = set(wanted)
        try:
            for start in reversed([0, *keys[: bisect_right(keys, wanted[0])]]):
                if self._decode_from(start, place, wanted, left, decoded):
                    break
        except (av.FFmpegError, OSError, ValueError) as error:
            self.problems.add(self.path, f"cannot be decoded any more ({error}); its frames are treated as missing")
            return
        if left:
            self.problems.add(self.path, "has frames that cannot be decoded; treated as missing")

    def _decode_from(
        self,
        start: int,
        place: dict[int, int],
        wanted: list[int],
        left: set[int],
        decoded: dict[int, NDArray[np.uint8]],
    ) -> bool:
        """Decode the wanted frames from a key frame; return False, having decoded none, when that one is damaged."""
        with open_media(self.path) as container:
            stream = pictures_of(container)
            if start:
                container.seek(self._index.ticks[start], stream=stream)
            begun = False
            for frame in _frames(container, stream):
                time = frame.dts if frame.pts is None else frame.pts
                at = -1 if time is None else place.get(time, -1)
                if not begun and start:
                    if at > start or (at == start and frame.is_corrupt):
                        return False
                    begun = at == start
                if at in left:
                    left.remove(at)
                    decoded[at] = _picture(frame)
                if not left or at > wanted[-1] + _EARLY:
                    break
            return begun or not start


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the frames of a stream; a packet that cannot be decoded costs its own."""
    import av

    for packet in packets_of(container, stream):
        ends = not packet.size and packet.pts is None and packet.dts is None
        if not packet.size and not ends:
            continue  # it repeats the picture before, and would end decoding
        try:
            found = stream.decode(None if ends else packet)
        except (av.FFmpegError, ValueError):
            continue
        yield from found
        if ends:
            return


def _picture(frame: Any) -> NDArray[np.uint8]:
    """Return a frame as RGB [H, W, 3], upright, its shorter side at most ``SIDE``."""
    shorter = min(frame.width, frame.height)
    if shorter > SIDE:
        width, height = (round(side * SIDE / shorter) for side in (frame.width, frame.height))
        matrix = _display_matrix(frame)
        frame = frame.reformat(width=width, height=height)
    else:
        matrix = _display_matrix(frame)
    return _upright(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8), matrix)


def _display_matrix(frame: Any) -> tuple[int, ...] | None:
    from av.sidedata.sidedata import Type

    data = frame.side_data.get(Type.DISPLAYMATRIX)
    return None if data is None else tuple(np.frombuffer(bytes(data), dtype=np.int32, count=9).tolist())


def _upright(image: NDArray[np.uint8], matrix: tuple[int, ...] | None) -> NDArray[np.uint8]:
    """Return an image as its display matrix shows it: turned by a multiple of 90 degrees, mirrored or not.

    A pixel (x, y) is shown at (a x + c y, b x + d y); ISO/IEC 14496-12, section 8.3.2.
    """
    if matrix is None:
        return image
    a, b, _, c, d, *_ = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, across, down = image.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    turned = image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    return np.ascontiguousarray(turned)


def _fit(image: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a picture in the size of the first one: streams may change theirs on the way."""
    import cv2

    return image if image.shape[:2] == size else np.asarray(cv2.resize(image, (size[1], size[0])), dtype=np.uint8)
