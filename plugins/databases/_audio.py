"""Sound of an audio or video file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError

FAR = 600.0
"""Seconds between the starts of sound and video from which on the clock of the file is taken for broken."""


def duration(path: Path) -> float | None:
    """Return how many seconds of sound the header of a file tells; None where it tells none."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or stream.duration is None or stream.time_base is None:
                return None
            return float(stream.duration * stream.time_base)
    except (av.FFmpegError, OSError, ValueError):
        return None


def read_audio(path: Path) -> tuple[NDArray[np.float32], int] | None:
    """Return mono samples [N] in [-1, 1], the mean of the channels, and their native rate in Hz.

    The first sample is heard with the first frame of the video, where there is one: sound that starts later begins with
    silence, and what comes before the video is cut. None without an audio stream, or with one that holds no sample.
    Raises DataError, naming the file, if it is broken.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            resampler = av.AudioResampler(format="fltp")
            blocks: list[NDArray[np.float32]] = []
            late = 0.0
            for frame in container.decode(audio=0):
                if not blocks:
                    late = _late(container, frame)
                rate = frame.sample_rate
                blocks += [block.to_ndarray().mean(axis=0) for block in resampler.resample(frame)]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"{path} has sound that cannot be decoded ({error}); replace the file.") from error
    if not blocks:
        return None
    samples = np.clip(np.concatenate(blocks), -1, 1).astype(np.float32, copy=False)
    shift = round(late * rate)
    return np.concatenate([np.zeros(max(shift, 0), dtype=np.float32), samples[max(-shift, 0) :]]), int(rate)


def _late(container: Any, first: Any) -> float:
    """Return how many seconds after the video the first frame of sound starts; 0 without a video, or without times."""
    from av.stream import Disposition

    for stream in container.streams.video:
        cover = stream.disposition & Disposition.attached_pic
        if not cover and stream.start_time is not None and first.time is not None:
            seconds = float(first.time - stream.start_time * stream.time_base)
            return seconds if abs(seconds) < FAR else 0.0
    return 0.0
