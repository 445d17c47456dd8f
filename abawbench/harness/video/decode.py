"""A video file as upright RGB frames with their times, one after the other, at full size."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".m4v", ".mpg", ".mpeg")
RATE = 30.0
"""Frames per second where a file does not tell."""

Frame = NDArray[np.uint8]


def list_videos(paths: list[Path]) -> list[Path]:
    """Return the video files that are named, and those in folders that are. Raises DataError for an empty folder."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: no video here; known endings are {', '.join(SUFFIXES)}")
        found += inside
    return list(dict.fromkeys(found))


def decode(path: Path) -> Generator[tuple[float, Frame], None, None]:
    """Yield (seconds since the first frame, RGB frame [H, W, 3]) of a video, upright as its file says.

    A camera, such as ``/dev/video0``, and a pipe are read as they come.

    A packet that cannot be decoded costs its own frames. Raises DataError for a file without pictures.
    """
    import av

    try:
        with _open(path) as container:
            if not container.streams.video:
                raise DataError(f"{path}: no pictures in this file")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0) or RATE
            first: float | None = None
            last = -1.0 / rate
            for frame in _frames(container, stream):
                told = frame.time
                first = told if first is None else first
                time = last + 1 / rate if told is None or first is None else float(told) - first
                last = max(time, last + 1e-6)
                yield last, _upright(frame)
            if first is None and last < 0:
                raise DataError(f"{path}: no frame of it can be decoded")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable video ({error})") from error


def frame_rate(times: NDArray[np.float64]) -> float:
    """Return the frames per second of frames with these times."""
    return float((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 and times[-1] > times[0] else RATE


def decode_sound(path: Path) -> tuple[NDArray[np.float32], int] | None:
    """Return the sound of a video as mono samples in [-1, 1] and their rate, or None without."""
    import av
    from av.audio.resampler import AudioResampler

    parts: list[NDArray[np.float32]] = []
    with _open(path) as container:
        if not container.streams.audio:
            return None
        rate = int(container.streams.audio[0].rate or 16_000)
        resampler = AudioResampler(format="flt", layout="mono", rate=rate)
        try:
            for frame in container.decode(audio=0):
                parts += [one.to_ndarray()[0] for one in resampler.resample(frame)]
            parts += [one.to_ndarray()[0] for one in resampler.resample(None)]
        except av.FFmpegError:  # what was decoded before stays
            pass
    return (np.concatenate(parts).astype(np.float32), rate) if parts else None


def _open(path: Path) -> Any:
    """Return an open container of a file, a pipe or a camera.

    A name such as ``http:/host/x.mp4`` is a file name, and a playlist opens nothing that is not a local file.
    """
    import av

    if path.is_char_device():
        return av.open(str(path), format="v4l2", metadata_errors="ignore")  # a camera of Linux
    return av.open(f"file:{path}", metadata_errors="ignore", options={"protocol_whitelist": "file"})


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _upright(frame: Any) -> Frame:
    """Return a frame as RGB, turned as its display matrix says, counter-clockwise by ``rotation`` degrees."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
