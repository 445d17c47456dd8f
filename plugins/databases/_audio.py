"""Sound of an audio or video file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts.errors import DataError


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

    None without an audio stream, or with one that holds no sample. Raises DataError, naming the file, if it is broken.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            resampler = av.AudioResampler(format="fltp")
            blocks = []
            for frame in container.decode(audio=0):
                rate = frame.sample_rate
                blocks += [block.to_ndarray().mean(axis=0) for block in resampler.resample(frame)]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"{path} has sound that cannot be decoded ({error}); replace the file.") from error
    if not blocks:
        return None
    return np.clip(np.concatenate(blocks), -1, 1).astype(np.float32, copy=False), int(rate)
