"""Tiny databases on disk: every test writes the few files it is about."""

from collections.abc import Callable
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
