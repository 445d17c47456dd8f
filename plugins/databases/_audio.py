"""Sound of an audio or video file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases._media import open_media, packets_of

FAR = 600.0
"""Seconds between the starts of sound and video, or between blocks, from which on the clock is taken for broken."""
LOUD = 2.0
"""Beyond it sound was not made for a full scale of 1: decoders of compressed sound overshoot by less."""
GAP = 0.02
"""Seconds by which a block of sound may be off the sum of those before it: clocks of containers are that coarse."""
MOST = 1 << 29
"""Samples that are read of one file, 2 GiB: silence packs into next to nothing, and takes memory all the same."""


def duration(path: Path) -> float | None:
    """Return how many seconds of sound the header of a file tells; None where it tells none."""
    import av

    try:
        with open_media(path) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.duration is None or stream.time_base is None:
                return None
            return float(stream.duration * stream.time_base)
    except (av.FFmpegError, OSError, ValueError):
        return None


def read_audio(path: Path, problems: Problems | None = None) -> tuple[NDArray[np.float32], int] | None:
    """Return mono samples [N] in [-1, 1], the mean of the channels, and their native rate in Hz.

    The first sample is heard with the first frame of the video, where there is one: sound that starts later begins with
    silence, and what comes before the video is cut. Blocks stand where their times put them; one that cannot be decoded
    is silence, and a problem. None without an audio stream, or with one that holds no sample.
    Raises DataError, naming the file, if none of its sound can be decoded, and for NaN or infinity in it.
    """
    import av

    try:
        with open_media(path) as container:
            if not container.streams.audio:
                return None
            sound = _Sound()
            for frame in _frames(container, container.streams.audio[0], sound):
                if not sound.blocks:
                    sound.late = _late(container, frame)
                sound.add(frame)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"{path} has sound that cannot be decoded ({error}); replace the file.") from error
    if not sound.blocks:
        if sound.broken:
            raise DataError(f"{path} has sound that cannot be decoded ({sound.broken} packets); replace the file.")
        return None
    if sound.broken and problems is not None:
        problems.add(path, f"has {sound.broken} packet(s) of sound that cannot be decoded; silence stands for them")
    samples = np.concatenate(sound.blocks)
    if not np.isfinite(samples).all():
        raise DataError(f"{path} has sound with NaN or infinity in it; replace the file.")
    if problems is not None:
        if sound.jumps:
            what = f"has sound whose clock leaps {sound.jumps} time(s) by more than {FAR:g} s"
            problems.add(path, f"{what}; no silence stands for that")
        loud = int((np.abs(samples) > LOUD).sum())
        if loud:
            problems.add(path, f"has {loud} sample(s) of sound beyond full scale; they are cut to it")
    samples = np.clip(samples, -1, 1).astype(np.float32, copy=False)
    shift = round(sound.late * sound.rate)
    return np.concatenate([np.zeros(max(shift, 0), dtype=np.float32), samples[max(-shift, 0) :]]), sound.rate


class _Sound:
    """Blocks of mono samples, one after the other, with silence where time passes without any."""

    def __init__(self) -> None:
        self.blocks: list[NDArray[np.float32]] = []
        self.late = 0.0
        """Seconds that the first sample comes after the video."""
        self.rate = 0
        self.broken = 0
        """Packets that could not be decoded."""
        self.jumps = 0
        """Leaps of the clock that no silence stands for."""
        self._length = 0
        self._start: float | None = None

    def add(self, frame: Any) -> None:
        if not self.rate:
            self.rate, self._start = int(frame.sample_rate), frame.time
        if frame.sample_rate != self.rate:
            raise ValueError(f"its rate changes from {self.rate} to {frame.sample_rate} Hz")
        if frame.time is not None and self._start is not None:
            gap = (frame.time - self._start) - self._length / self.rate
            if gap > FAR:
                self.jumps += 1
                self._start += gap
            elif gap > GAP:
                self._append(np.zeros(round(gap * self.rate), dtype=np.float32))
        self._append(_mono(frame))

    def _append(self, block: NDArray[np.float32]) -> None:
        self.blocks.append(block)
        self._length += len(block)
        if self._length > MOST:
            raise ValueError(f"more than {MOST / self.rate / 3600:.1f} hours of it at {self.rate} Hz; cut the file")


def _frames(container: Any, stream: Any, sound: _Sound) -> Iterator[Any]:
    """Yield the blocks of a stream; packets that cannot be decoded are counted."""
    import av

    for packet in packets_of(container, stream):
        ends = not packet.size and packet.pts is None and packet.dts is None
        if not packet.size and not ends:
            continue  # it holds nothing, and would end decoding
        try:
            found = stream.decode(None if ends else packet)
        except (av.FFmpegError, ValueError):
            sound.broken += 1
            continue
        yield from found
        if ends:
            return


def _mono(frame: Any) -> NDArray[np.float32]:
    """Return a block as float32 [N] with a full scale of 1: the mean of its channels, however many there are."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    kind = values.dtype
    if kind == np.uint8:
        values = (values.astype(np.float32) - 128) / 128
    elif kind.kind == "i":
        values = (values / (np.iinfo(kind).max + 1.0)).astype(np.float32)
    return np.asarray(values.astype(np.float32, copy=False).mean(axis=0), dtype=np.float32)


def _late(container: Any, first: Any) -> float:
    """Return how many seconds after the video the first frame of sound starts; 0 without a video, or without times."""
    from av.stream import Disposition

    for stream in container.streams.video:
        cover = stream.disposition & Disposition.attached_pic
        if not cover and stream.start_time is not None and first.time is not None:
            seconds = float(first.time - stream.start_time * stream.time_base)
            return seconds if abs(seconds) < FAR else 0.0
    return 0.0
