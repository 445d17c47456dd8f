"""Declared corruptions of tracks, at five severities each, in the ways in which these systems meet them.

Chance is seeded by corruption, track and frame: a frame is disturbed in the same way whoever reads it, and when.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, Track

SEVERITIES = (1, 2, 3, 4, 5)
Image = NDArray[np.uint8]
Sound = NDArray[np.float32]
Random = np.random.Generator
IDENTITY = "identity"
"""The control: read, decoded and predicted like the others, and nothing is changed."""


@dataclass(frozen=True)
class Corruption:
    """One way in which a track is disturbed."""

    name: str
    input: str
    """The input that it disturbs: ``frames``, ``audio`` or ``text``."""
    levels: tuple[float, float, float, float, float]
    """By severity, mildest first."""
    unit: str
    """What a level is."""
    image: Callable[[Image, float, Random], Image] | None = None
    shown: Callable[[int, float, Random], NDArray[np.intp]] | None = None
    """From the number of frames to the frame that each shows, -1 for none."""
    sound: Callable[[Sound, int, float, Random], Sound] | None = None
    missing: bool = False
    """Whether the level is the share of tracks that lack the input."""


def _jpeg(image: Image, quality: float, random: Random) -> Image:
    import cv2

    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1], dtype=np.uint8)


def _blur(image: Image, share: float, random: Random) -> Image:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(share * min(image.shape[:2]), 1e-3)), dtype=np.uint8)


def _darken(image: Image, gain: float, random: Random) -> Image:
    return np.asarray(np.rint(image * gain), dtype=np.uint8)


def _noise(image: Image, sigma: float, random: Random) -> Image:
    noise = random.standard_normal(image.shape, dtype=np.float32)
    noise *= np.float32(sigma)
    noise += image
    return np.clip(np.rint(noise, out=noise), 0, 255, out=noise).astype(np.uint8)


def _shrink(image: Image, factor: float, random: Random) -> Image:
    import cv2

    high, wide = image.shape[:2]
    size = max(1, round(wide / factor)), max(1, round(high / factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (wide, high), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _cover(image: Image, centre: float, share: float) -> Image:
    high, wide = image.shape[:2]
    found = image.copy()
    top, bottom = round((centre - share / 4) * high), round((centre + share / 4) * high)
    left, right = round((0.5 - share / 2) * wide), round((0.5 + share / 2) * wide)
    found[max(top, 0) : bottom, max(left, 0) : right] = 0
    return found


def _cover_mouth(image: Image, share: float, random: Random) -> Image:
    return _cover(image, 0.75, share)


def _cover_eyes(image: Image, share: float, random: Random) -> Image:
    return _cover(image, 0.35, share)


def _rotate(image: Image, degrees: float, random: Random) -> Image:
    import cv2

    high, wide = image.shape[:2]
    turn = cv2.getRotationMatrix2D((wide / 2 - 0.5, high / 2 - 0.5), degrees * random.choice((-1, 1)), 1)
    return np.asarray(cv2.warpAffine(image, turn, (wide, high), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def _jitter(image: Image, share: float, random: Random) -> Image:
    import cv2

    high, wide = image.shape[:2]
    angle = random.uniform(0, 2 * np.pi)
    move = np.array([[1, 0, share * wide * np.cos(angle)], [0, 1, share * high * np.sin(angle)]])
    return np.asarray(cv2.warpAffine(image, move, (wide, high), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def _drop(count: int, share: float, random: Random) -> NDArray[np.intp]:
    return np.where(random.random(count) < share, -1, np.arange(count)).astype(np.intp)


def _freeze(count: int, share: float, random: Random) -> NDArray[np.intp]:
    """Return frames of which a share repeats the one before, in runs of a second or so."""
    shows = np.arange(count)
    run = min(30, max(1, count // 4))
    for start in range(0, count, run):
        if random.random() < share:
            shows[start : start + run] = max(start - 1, 0)
    return shows.astype(np.intp)


def _slow(count: int, every: float, random: Random) -> NDArray[np.intp]:
    return (np.arange(count) // int(every) * int(every)).astype(np.intp)


def _hiss(sound: Sound, rate: int, decibels: float, random: Random) -> Sound:
    power = float(np.mean(sound.astype(np.float64) ** 2))
    noise = random.normal(0, np.sqrt(power / 10 ** (decibels / 10)), len(sound)) if power else 0.0
    return np.asarray(np.clip(sound + noise, -1, 1), dtype=np.float32)


def _clip(sound: Sound, rate: int, share: float, random: Random) -> Sound:
    peak = float(np.abs(sound).max(initial=0.0)) * share
    return np.asarray(np.clip(sound, -peak, peak), dtype=np.float32)


def _shift(sound: Sound, rate: int, seconds: float, random: Random) -> Sound:
    late = min(round(seconds * rate), len(sound))
    return np.asarray(np.concatenate([np.zeros(late), sound[: len(sound) - late]]), dtype=np.float32)


def _recode(sound: Sound, rate: int, kilobits: float, random: Random) -> Sound:
    """Return the sound after Opus (MP3 where FFmpeg lacks it) at a bit rate, as long as it was."""
    import av
    from av.audio.resampler import AudioResampler

    if not len(sound):
        return sound
    codec, form, layout = ("libopus", "ogg", 48_000) if "libopus" in av.codecs_available else ("mp3", "mp3", 44_100)
    file = io.BytesIO()
    with av.open(file, "w", format=form) as out:
        stream: Any = out.add_stream(codec, rate=layout, bit_rate=int(kilobits * 1000), layout="mono")
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = AudioResampler(format=stream.codec_context.format, layout="mono", rate=layout)
        resampled = [*resampler.resample(frame), *resampler.resample(None)]
        for one in resampled:
            for packet in stream.encode(one):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    file.seek(0)
    back = AudioResampler(format="fltp", layout="mono", rate=rate)
    parts = []
    with av.open(file, "r") as coded:
        for one in coded.decode(audio=0):
            parts += [piece.to_ndarray()[0] for piece in back.resample(one)]
    parts += [piece.to_ndarray()[0] for piece in back.resample(None)]
    joined = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
    return np.pad(joined, (0, max(0, len(sound) - len(joined))))[: len(sound)].astype(np.float32)


CORRUPTIONS: dict[str, Corruption] = {
    one.name: one
    for one in (
        Corruption("jpeg", "frames", (60, 40, 25, 15, 8), "quality", image=_jpeg),
        Corruption("blur", "frames", (0.005, 0.01, 0.02, 0.03, 0.05), "sigma over the shorter side", image=_blur),
        Corruption("low-light", "frames", (0.7, 0.5, 0.35, 0.2, 0.1), "gain", image=_darken),
        Corruption("noise", "frames", (5, 10, 20, 35, 50), "sigma of 255", image=_noise),
        Corruption("low-resolution", "frames", (2, 3, 4, 6, 8), "times smaller", image=_shrink),
        Corruption("mouth-covered", "frames", (0.2, 0.35, 0.5, 0.65, 0.8), "share of the width", image=_cover_mouth),
        Corruption("eyes-covered", "frames", (0.2, 0.35, 0.5, 0.65, 0.8), "share of the width", image=_cover_eyes),
        Corruption("rotation", "frames", (5, 10, 15, 20, 30), "degrees", image=_rotate),
        Corruption("crop-jitter", "frames", (0.03, 0.06, 0.1, 0.15, 0.2), "share of the side", image=_jitter),
        Corruption("dropped-frames", "frames", (0.1, 0.2, 0.35, 0.5, 0.7), "share without an image", shown=_drop),
        Corruption("frozen-frames", "frames", (0.1, 0.2, 0.35, 0.5, 0.7), "share of the runs", shown=_freeze),
        Corruption("frame-rate", "frames", (2, 3, 5, 8, 15), "times fewer frames", shown=_slow),
        Corruption("frames-missing", "frames", (0.2, 0.4, 0.6, 0.8, 1), "share of the tracks", missing=True),
        Corruption("sound-noise", "audio", (20, 15, 10, 5, 0), "dB signal to noise", sound=_hiss),
        Corruption("sound-clipping", "audio", (0.7, 0.5, 0.3, 0.2, 0.1), "share of the peak", sound=_clip),
        Corruption("sound-codec", "audio", (32, 24, 16, 12, 8), "kbit/s of Opus", sound=_recode),
        Corruption("sound-shift", "audio", (0.1, 0.25, 0.5, 1, 2), "seconds late", sound=_shift),
        Corruption("sound-missing", "audio", (0.2, 0.4, 0.6, 0.8, 1), "share of the tracks", missing=True),
        Corruption("text-missing", "text", (0.2, 0.4, 0.6, 0.8, 1), "share of the tracks", missing=True),
    )
}
CONTROL = Corruption(IDENTITY, "frames", (0, 0, 0, 0, 0), "nothing")


class CorruptedTrack(Track):
    """A track as it would be seen and heard under a corruption."""

    def __init__(self, track: Track, corruption: Corruption, severity: int) -> None:
        self._track, self._corruption = track, corruption
        self.level = corruption.levels[severity - 1]
        self.id, self.subject, self.rate = track.id, track.subject, track.rate
        self.n_frames = track.n_frames
        shows = np.arange(self.n_frames, dtype=np.intp)
        if corruption.shown is not None:
            shows = corruption.shown(self.n_frames, self.level, self._random("frames"))
        # one draw a track whatever the level: who lacks an input at a mild level lacks it at a severe one
        lacks = corruption.missing and self._random("missing").random() < self.level
        self._lacks = corruption.input if lacks else None
        self._shows = np.full_like(shows, -1) if self._lacks == "frames" else shows

    def _random(self, what: object) -> Random:
        key = f"{self._corruption.name}/{self.id}/{what}".encode("utf-8", "surrogatepass")
        return np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()[:8], "little"))

    def frame_mask(self) -> NDArray[np.bool_]:
        """Return [n_frames], true where an image is left."""
        return np.where(self._shows < 0, False, self._track.frame_mask()[np.maximum(self._shows, 0)])

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the disturbed images and which of them exist."""
        shows = self._shows[indices]
        images, good = self._track.frames(np.maximum(shows, 0))
        good = good & (shows >= 0)
        change = self._corruption.image
        if change is not None:
            images = (
                np.stack(
                    [
                        change(image, self.level, self._random(at)) if there else image
                        for image, at, there in zip(images, shows.tolist(), good.tolist(), strict=True)
                    ]
                )
                if len(images)
                else images
            )
        images = np.where(good[:, None, None, None], images, 0).astype(np.uint8)
        return images, good

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        """Return the files of the frames that are left."""
        files = self._track.frame_files()
        return [files[at] if at >= 0 else None for at in self._shows.tolist()]

    def identify_frames(self) -> object:
        """Return what tells these images from undisturbed ones."""
        return [self._track.identify_frames(), self._corruption.name, self.level]

    def frame_names(self) -> Sequence[str]:
        """Return the official names."""
        return self._track.frame_names()

    def times(self) -> NDArray[np.float64]:
        """Return the times of the frames, which stay."""
        return self._track.times()

    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        """Return the disturbed sound."""
        found = None if self._lacks == "audio" else self._track.audio()
        if found is None or self._corruption.sound is None:
            return found
        sound, rate = found
        try:
            return self._corruption.sound(sound, rate, self.level, self._random("sound")), rate
        except OSError as error:  # of FFmpeg
            raise DataError(f"the sound of track '{self.id}' cannot be coded: {error}") from error

    def audio_file(self) -> tuple[str, int, int] | None:
        """Return the file of an undisturbed sound; another is recognised by what it sounds like."""
        return self._track.audio_file() if self._corruption.input != "audio" else None

    def text(self) -> str | None:
        """Return the transcript, where it is left."""
        return None if self._lacks == "text" else self._track.text()

    def features(self, name: str) -> NDArray[np.float32] | None:
        """Return shipped features, which no corruption reaches."""
        return self._track.features(name)

    def features_file(self, name: str) -> tuple[str, int, int] | None:
        """Return the file of shipped features."""
        return self._track.features_file(name)
