"""Images and sound as they come off a disk: broken, grey, of another size, or fine."""

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abawbench.contracts.errors import DataError
from abawbench_plugins.databases._audio import read_audio
from abawbench_plugins.databases._images import Images, decode_image

PATTERN = (np.indices((16, 16)).sum(axis=0) * 8).astype(np.uint8)


def encoded(image: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(".jpg", image, list(options))[1].tobytes()


@pytest.mark.parametrize("progressive", [0, 1])
def test_every_truncation_of_a_jpeg_is_noticed(progressive: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    whole = encoded(noise, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    assert decode_image(whole).shape == (16, 16, 3)
    for length in range(len(whole) - 1):
        with pytest.raises(ValueError, match=r"is (empty|not|a truncated|an unreadable)"):
            decode_image(whole[:length])


def test_an_embedded_thumbnail_does_not_hide_a_truncation() -> None:
    whole = encoded(np.dstack([PATTERN] * 3))
    thumbnail = encoded(np.zeros((8, 8, 3), dtype=np.uint8))
    comment = b"\xff\xfe" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    carrying = whole[:2] + comment + whole[2:]
    np.testing.assert_array_equal(decode_image(carrying), decode_image(whole))
    with pytest.raises(ValueError, match="truncated"):
        decode_image(carrying[:-20])


@pytest.mark.parametrize("side", [12_000, 30_000, 65_535])
def test_an_image_that_would_fill_the_memory_is_refused_by_its_header(side: int) -> None:
    for form, at in ((".png", 16), (".jpg", None)):
        data = bytearray(cv2.imencode(form, np.zeros((8, 8, 3), np.uint8))[1].tobytes())
        if at is not None:
            data[at : at + 8] = side.to_bytes(4, "big") * 2
        else:
            at = data.index(b"\xff\xc0") + 5
            data[at : at + 4] = side.to_bytes(2, "big") * 2
        with pytest.raises(ValueError, match=f"is an image of {side} x {side} pixels, and at most 128 million"):
            decode_image(bytes(data))


def test_bytes_after_the_end_of_an_image_do_no_harm() -> None:
    whole = encoded(np.dstack([PATTERN] * 3))
    np.testing.assert_array_equal(decode_image(whole + b"\0" * 7), decode_image(whole))


def test_a_grey_jpeg_becomes_three_equal_channels() -> None:
    image = decode_image(encoded(PATTERN))
    assert image.shape == (16, 16, 3)
    assert (image == image[..., :1]).all()


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=80),
    st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff\xda"]),
    st.sampled_from([b"", b"\xff\xd9"]),
)
def test_noise_is_either_an_image_or_a_value_error(body: bytes, start: bytes, end: bytes) -> None:
    try:
        image = decode_image(start + body + end)
    except ValueError:
        return
    assert image.ndim == 3


def test_broken_images_are_black_masked_and_counted(disk: Any) -> None:
    disk.put("v/00001.jpg", b"")
    disk.put("v/00002.jpg", disk.jpeg()[:-30])
    disk.put("v/00003.jpg", b"<html>not found</html>")
    disk.put("v/00004.jpg", disk.jpeg(200, 100, 50))
    images = Images([(disk.root / "v", disk.root)])
    pixels, mask = images.read(np.array([1, 2, 3, 4, 5]))
    assert mask.tolist() == [False, False, False, True, False]
    assert not pixels[~mask].any()
    assert pixels[3, 0, 0].tolist() == pytest.approx([200, 100, 50], abs=6)
    assert [problem.what for problem in images.problems.items] == [
        "is empty; treated as missing",
        "is a truncated JPEG image; treated as missing",
        "is not a readable image; treated as missing",
    ]


def test_every_image_gets_the_size_of_the_first_readable_one_whichever_is_asked_for(disk: Any) -> None:
    disk.put("v/00001.jpg", b"broken")
    disk.put("v/00002.jpg", disk.jpeg(size=12))
    disk.put("v/00003.jpg", disk.jpeg(200, 100, 50, size=20))
    images = Images([(disk.root / "v", disk.root)])
    pixels, mask = images.read(np.array([3]))
    assert pixels.shape == (1, 12, 12, 3)
    assert mask.all()
    assert pixels[0, 6, 6].tolist() == pytest.approx([200, 100, 50], abs=6)
    assert any("differ in size" in problem.what for problem in images.problems.items)


def test_an_image_that_vanishes_after_listing_is_missing(disk: Any) -> None:
    disk.images("v", "00001.jpg", "00002.jpg")
    images = Images([(disk.root / "v", disk.root)])
    assert images.numbers.tolist() == [1, 2]
    (disk.root / "v/00001.jpg").unlink()
    assert images.read(np.array([1, 2]))[1].tolist() == [False, True]


def test_unusual_spellings_of_image_names_are_found(disk: Any) -> None:
    disk.images("v", "00001.JPG", "2.jpeg", "frame-3.jpg", "x4.jpg", "00005.png", "6.gif")
    images = Images([(disk.root / "v", disk.root)])
    assert images.numbers.tolist() == [1, 2, 3, 5]
    assert images.read(np.array([1, 2, 3, 5]))[1].all()
    assert [Path(problem.file).name for problem in images.problems.items] == ["6.gif", "x4.jpg"]


def test_no_frames_asked_for_gives_none(disk: Any) -> None:
    disk.images("v", "00001.jpg")
    pixels, mask = Images([(disk.root / "v", disk.root)]).read(np.array([], dtype=np.int64))
    assert pixels.shape == (0, 8, 8, 3)
    assert mask.shape == (0,)


def test_sound_is_the_mean_of_its_channels_at_the_native_rate(disk: Any) -> None:
    left = np.linspace(-0.9, 0.9, 500, dtype=np.float32)
    path = disk.sound("a.wav", np.stack([left, np.zeros_like(left)]), 11025, "pcm_s16le")
    sound = read_audio(path)
    assert sound is not None
    samples, rate = sound
    assert rate == 11025
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, left / 2, atol=1e-4)


@pytest.mark.parametrize(("name", "codec", "rate"), [("a.mp3", "libmp3lame", 16000), ("a.mp4", "aac", 22050)])
def test_compressed_sound_is_heard_in_range(disk: Any, name: str, codec: str, rate: int) -> None:
    tone = np.sign(np.sin(np.arange(rate) * 2 * np.pi * 440 / rate)).astype(np.float32)
    sound = read_audio(disk.sound(name, tone, rate, codec))
    assert sound is not None
    samples, found = sound
    assert found == rate
    assert len(samples) / rate == pytest.approx(1, abs=0.2)
    assert np.abs(samples).max() <= 1
    assert np.argmax(np.abs(np.fft.rfft(samples, rate))) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("starts", [0, 0.5, 1.2])
def test_sound_that_starts_later_than_the_video_keeps_its_time(disk: Any, suffix: str, starts: float) -> None:
    sound = read_audio(disk.film(f"a.{suffix}", 50, starts=starts, tone_at=1))
    assert sound is not None
    samples, rate = sound
    assert np.flatnonzero(np.abs(samples) > 0.1)[0] / rate == pytest.approx(1 + starts, abs=0.03)


def test_sound_before_the_video_is_cut(disk: Any) -> None:
    sound = read_audio(disk.film("a.mkv", 50, starts=-0.5, tone_at=1))
    assert sound is not None
    samples, rate = sound
    assert np.flatnonzero(np.abs(samples) > 0.1)[0] / rate == pytest.approx(0.5, abs=0.03)


def test_a_video_without_sound_has_none(disk: Any) -> None:
    path = disk.put("silent.mp4", b"")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), dtype=np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    assert read_audio(path) is None


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"\0" * 500, b"RIFF\x10\0\0\0WAVEfmt "])
def test_a_broken_sound_file_is_an_error_that_names_it(disk: Any, content: bytes) -> None:
    path = disk.put("broken.mp3", content)
    with pytest.raises(DataError, match=r"broken\.mp3 has sound that cannot be decoded"):
        read_audio(path)
