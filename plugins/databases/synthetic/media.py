"""Encoded pictures, sound and video, the same bytes every time."""

import io
import wave
from collections.abc import Sequence
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

_QUALITY = 90
_CHUNK = 1024


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture, uint8 RGB [H, W, 3], as a JPEG file."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags)[1].tobytes()


def mp3(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return mono samples in [-1, 1] as an MP3 file of 32 kbit/s."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options={"fflags": "+bitexact", "id3v2_version": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=rate, options={"flags": "+bitexact"})
        stream.bit_rate = 32_000
        stream.layout = "mono"
        _encode_sound(container, stream, samples, rate, "s16p")
    return file.getvalue()


def mp4(
    pictures: Sequence[NDArray[np.uint8]], frame_rate: int, samples: NDArray[np.float32], sample_rate: int
) -> bytes:
    """Return pictures, uint8 RGB [H, W, 3] of even size, and mono samples in [-1, 1] as an MP4 file (MPEG-4, AAC)."""
    return _film(("mp4", "mpeg4", "aac", "fltp"), pictures, frame_rate, samples, sample_rate)


def flv(
    pictures: Sequence[NDArray[np.uint8]], frame_rate: int, samples: NDArray[np.float32], sample_rate: int
) -> bytes:
    """Return the same as a Flash video (Sorenson, MP3); its sound has 11,025, 22,050 or 44,100 samples a second."""
    return _film(("flv", "flv", "libmp3lame", "s16p"), pictures, frame_rate, samples, sample_rate)


def wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return mono samples in [-1, 1] as a WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _film(
    formats: tuple[str, str, str, str],
    pictures: Sequence[NDArray[np.uint8]],
    frame_rate: int,
    samples: NDArray[np.float32],
    sample_rate: int,
) -> bytes:
    """Return a video; ``formats`` are those of the file, its pictures, its sound, and the samples of that."""
    form, picture_codec, sound_codec, sample_form = formats
    file = io.BytesIO()
    with av.open(file, "w", format=form, options={"fflags": "+bitexact"}) as container:
        video: Any = container.add_stream(picture_codec, rate=frame_rate, options={"flags": "+bitexact"})
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.bit_rate = 150_000
        video.codec_context.thread_count = 1
        sound: Any = container.add_stream(sound_codec, rate=sample_rate, options={"flags": "+bitexact"})
        sound.bit_rate = 48_000
        sound.layout = "mono"
        for t, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = t
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        _encode_sound(container, sound, samples, sample_rate, sample_form)
    return file.getvalue()


def _encode_sound(
    container: "av.container.OutputContainer",
    stream: "av.AudioStream",
    samples: NDArray[np.float32],
    rate: int,
    form: str,
) -> None:
    if form == "s16p":
        samples = np.rint(samples * 32767).astype(np.int16)
    size = _CHUNK if form == "fltp" else 576
    for start in range(0, len(samples), size):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None, start : start + size]), format=form, layout="mono"
        )
        frame.sample_rate = rate
        frame.pts = start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
