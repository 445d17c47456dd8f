"""Tiny databases on disk: every test writes the few files it is about."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray


def jpeg(red: int = 200, green: int = 100, blue: int = 50, size: int = 8) -> bytes:
    image = np.full((size, size, 3), (blue, green, red), dtype=np.uint8)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def sound(path: Path, samples: NDArray[np.float32], rate: int, codec: str) -> None:
    """Write samples [channels, N]."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono" if len(samples) == 1 else "stereo")
        interleaved = (samples.T.reshape(1, -1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(interleaved, format="s16", layout=stream.layout.name)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format.name, layout=stream.layout.name, rate=rate)
        for block in resampler.resample(frame):
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))


def film(path: Path, frames: int, rate: int, starts: float = 0, tone_at: float | None = None) -> None:
    """Write a black video, and with it sound that starts ``starts`` s later and has a tone from ``tone_at`` s of it."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=rate)
        video.width = video.height = 16
        video.pix_fmt = "yuv420p"
        audio = None if tone_at is None else container.add_stream("aac", rate=16000, layout="mono")
        for _ in range(frames):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        container.mux(video.encode(None))
        if audio is None:
            return
        time = np.arange(round(frames / rate * 16000)) / 16000
        samples = (0.5 * np.sin(2 * np.pi * 440 * time) * (time >= tone_at)).astype(np.float32)
        for first in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, first : first + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 16000, Fraction(1, 16000), first + round(starts * 16000)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


class Disk:
    """Writes files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, content: str | bytes) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def images(self, folder: str, *names: str, content: bytes | None = None) -> None:
        for name in names:
            self.put(f"{folder}/{name}", jpeg() if content is None else content)

    def sound(self, path: str, samples: NDArray[np.float32], rate: int, codec: str) -> Path:
        target = self.put(path, b"")
        sound(target, np.atleast_2d(samples), rate, codec)
        return target

    def film(self, path: str, frames: int, rate: int = 25, starts: float = 0, tone_at: float | None = None) -> Path:
        target = self.put(path, b"")
        film(target, frames, rate, starts, tone_at)
        return target

    @staticmethod
    def jpeg(red: int = 200, green: int = 100, blue: int = 50, size: int = 8) -> bytes:
        return jpeg(red, green, blue, size)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "root")


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Disk]:
    """A new empty folder per call, for tests that write many databases."""
    made = iter(range(1_000_000))
    return lambda: Disk(tmp_path / f"fresh{next(made)}")
