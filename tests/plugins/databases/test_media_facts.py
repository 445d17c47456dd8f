"""Frames, their times and sound are those that the container tells, however many are asked for and whatever is broken.

The reference is one pass of PyAV's own decoding over the whole file.
"""

import struct
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from abawbench.contracts.errors import DataError
from abawbench.contracts.problems import Problems
from abawbench_plugins.databases import _audio, _video
from abawbench_plugins.databases._audio import read_audio
from abawbench_plugins.databases._file_groups import MediaFile
from abawbench_plugins.databases._media import open_media
from abawbench_plugins.databases._video import Video

pytestmark = pytest.mark.slow

TURNS = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}
"""Degrees counter-clockwise -> the upper left of the display matrix."""
STEADY, UNEVEN = (100,), (100, 300, 50)


def film(path: Path, frames: int, steps: tuple[int, ...], back: int) -> Path:
    """A video of 32 x 16 whose frames differ; ``steps`` are the ticks of 1/2500 s between them, in turn."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"g": "6", "bf": str(back)})
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 2500)
        stream.time_base = Fraction(1, 2500)
        at = 0
        for i in range(frames):
            picture = np.zeros((16, 32, 3), dtype=np.uint8)
            picture[:8, :16] = (10 * i, 120, 250 - 10 * i)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 2500)
            at += steps[i % len(steps)]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turn(path: Path, degrees: int) -> None:
    data = bytearray(path.read_bytes())
    start = data.find(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in TURNS[degrees])
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def cut(path: Path, ticks: int) -> None:
    """Let the edit list leave out what is shown before a time."""
    data = bytearray(path.read_bytes())
    entry = data.find(b"elst") + 4 + 8
    assert entry > 12
    shown, begin = struct.unpack(">Ii", data[entry : entry + 8])
    data[entry : entry + 8] = struct.pack(">Ii", shown, begin + ticks)
    path.write_bytes(data)


def damage(path: Path, packet: int) -> None:
    with av.open(str(path)) as container:
        found = [p for p in container.demux(video=0) if p.size]
        place, size = found[packet % len(found)].pos, found[packet % len(found)].size
    data = bytearray(path.read_bytes())
    data[place : place + size] = b"\xff" * size
    path.write_bytes(data)


def one_pass(path: Path) -> dict[int, np.ndarray]:
    """Ticks -> picture, upright, of all that one pass over the file decodes."""
    found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                # after damage a decoder may give two pictures for one time
                found.setdefault(frame.pts, np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90))
    return found


def shown(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return sorted(p.pts for p in container.demux(video=0) if p.size and not p.is_discard)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    degrees=st.sampled_from(sorted(TURNS)),
    steps=st.sampled_from([STEADY, UNEVEN]),
    back=st.sampled_from([0, 2]),
    hidden=st.sampled_from([0, 0, 4]),
    broken=st.sampled_from([None, None, 0, 3, 6, 7, 13]),
    asked=st.lists(st.integers(0, 15), min_size=1, max_size=4),
)
@example(degrees=0, steps=STEADY, back=2, hidden=0, broken=0, asked=[1])  # frame 3 comes before it
def test_frames_and_times_are_those_of_one_pass(
    tmp_path: Path, degrees: int, steps: tuple[int, ...], back: int, hidden: int, broken: int | None, asked: list[int]
) -> None:
    path = film(tmp_path / "x.mp4", 18, steps, back)
    turn(path, degrees)
    if hidden and back:  # the muxer writes an edit list where there are B-frames
        cut(path, hidden * 100)
    if broken is not None:
        damage(path, broken)
    expected, ticks = one_pass(path), shown(path)
    video = Video(path)
    assert len(video) == len(ticks)
    whole, mask = video.read(np.arange(len(video)))
    assert mask.tolist() == [time in expected for time in ticks]
    for place in np.flatnonzero(mask):
        np.testing.assert_array_equal(whole[place], expected[ticks[place]])
    some = np.array([n for n in asked if n < len(video)], dtype=np.int64)
    images, found = video.read(some)
    assert found.tolist() == mask[some].tolist()
    if found.any():
        np.testing.assert_array_equal(images, whole[some])
    assert bool(video.problems.items) == (not mask.all())
    with av.open(str(path)) as container:
        base = float(container.streams.video[0].time_base)
    starts = (np.array(ticks) - ticks[0]) * base
    middles = video.middles(np.arange(len(ticks)), video.rate or 25.0)
    np.testing.assert_allclose(middles[:-1], (starts[:-1] + starts[1:]) / 2, atol=2 * base)


def test_frames_beyond_the_last_go_on_at_the_rate(tmp_path: Path) -> None:
    video = Video(film(tmp_path / "x.mp4", 7, UNEVEN, 0))
    assert video.times is not None
    beyond = video.middles(np.array([6, 7, 8]), 10.0)
    np.testing.assert_allclose(np.diff(beyond), 0.1)


def test_a_video_cut_short_keeps_the_frames_it_has(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mkv", 18, STEADY, 0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 8 // 10])
    video = Video(path)
    assert 3 < len(video) < 18
    assert video.read(np.arange(len(video)))[1][:-1].all()


def test_a_damaged_frame_is_found_by_a_whole_verification(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", 18, STEADY, 0)
    assert MediaFile(path, seen=True).check(fast=False) == []
    damage(path, 3)
    (problem,) = MediaFile(path, seen=True).check(fast=False)
    assert "frame(s) that cannot be decoded" in problem.what
    assert MediaFile(path).check(fast=False) == []


def write_wave(path: Path, channels: int, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.repeat(samples[:, None], channels, axis=1).astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 16])
def test_sound_of_any_number_of_channels_is_their_mean(tmp_path: Path, channels: int) -> None:
    samples = np.arange(-500, 500)
    found = read_audio(write_wave(tmp_path / "x.wav", channels, samples))
    assert found is not None
    np.testing.assert_allclose(found[0], samples / 32768, atol=1e-7)


def test_a_cover_is_no_video_and_sound_alone_is_called_so(tmp_path: Path) -> None:
    def first(order: str) -> Video:
        path = tmp_path / f"{order}.mp4"
        with av.open(str(path), "w") as container:
            streams = {}
            for kind in order:
                codec, side, form = ("mjpeg", 32, "yuvj420p") if kind == "c" else ("mpeg4", 16, "yuv420p")
                streams[kind] = stream = container.add_stream(codec, rate=25)
                stream.width, stream.height, stream.pix_fmt = side, side, form
                if kind == "c":
                    stream.disposition = Disposition.attached_pic
            for kind, stream in streams.items():
                for number in range(1 if kind == "c" else 3):
                    frame = av.VideoFrame.from_ndarray(np.full((stream.height, stream.width, 3), 90, np.uint8))
                    frame.pts = number
                    container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        return Video(path)

    assert [len(first(order)) for order in ("v", "vc", "c")] == [3, 3, 0]
    alone = first("c")
    assert (len(alone), alone.rate) == (0, None)
    assert "no pictures in it, only a cover" in alone.problems.items[0].what
    sound = Video(write_wave(tmp_path / "x.wav", 1, np.arange(100)))
    assert len(sound) == 0
    assert "no pictures in it, only audio" in sound.problems.items[0].what


def leaping(path: Path, seconds: int) -> Path:
    """Two tenths of a second of sound, the clock leaping between them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        for at in (0, 800 + seconds * 8000):
            frame = av.AudioFrame.from_ndarray(np.full((1, 800), 1000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, at, Fraction(1, 8000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_leap_of_the_clock_fills_no_memory_and_is_told(tmp_path: Path) -> None:
    for seconds, length, told in ((2, 2.2, 0), (90_000, 0.2, 1)):
        problems = Problems()
        found = read_audio(leaping(tmp_path / "x.mkv", seconds), problems)
        assert found is not None
        assert len(found[0]) / found[1] == pytest.approx(length, abs=0.01)
        assert [one.what.split(" whose ")[0] for one in problems.items] == ["has sound"] * told


def test_longer_sound_than_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wave(tmp_path / "x.wav", 1, np.zeros(4000))
    monkeypatch.setattr(_audio, "MOST", 1000)
    with pytest.raises(DataError, match=r"more than 0\.0 hours of it at 16000 Hz; cut the file"):
        read_audio(path)


def test_sound_beyond_full_scale_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.full((1, 4000), 300, np.float32), format="flt", layout="mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    problems = Problems()
    found = read_audio(path, problems)
    assert found is not None
    assert found[0].max() == 1
    assert "has 4000 sample(s) of sound beyond full scale" in problems.items[0].what


def test_nan_in_sound_is_refused(disk: Any, tmp_path: Path) -> None:
    path = disk.sound("x.wav", np.full((1, 4000), 0.1, dtype=np.float32), 8000, "pcm_f32le")
    data = bytearray(path.read_bytes())
    data[-400:-396] = struct.pack("<f", float("nan"))
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"x\.wav has sound with NaN"):
        read_audio(path)


def test_a_packet_that_cannot_be_decoded_is_silence_and_moves_nothing(disk: Any) -> None:
    path = disk.film("x.mp4", 50, tone_at=1)
    before = read_audio(path)
    assert before is not None
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(audio=0) if p.size][4]
        place, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[place : place + size] = b"\xff" * size
    path.write_bytes(data)
    problems = Problems()
    after = read_audio(path, problems)
    assert after is not None
    first = [np.flatnonzero(np.abs(sound) > 0.1)[0] / rate for sound, rate in (before, after)]
    assert first[0] == pytest.approx(first[1], abs=0.001)
    assert len(before[0]) == len(after[0])
    assert "silence stands for them" in problems.items[0].what


@pytest.mark.parametrize("name", ["http:/127.0.0.1:9/x.mp4", "concat:a.mp4|b.mp4", "udp:/127.0.0.1:9"])
def test_a_name_is_a_file_and_never_an_address(tmp_path: Path, monkeypatch: Any, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_media(Path(name))


def test_a_playlist_opens_nothing_but_files(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    video = Video(path)
    assert len(video) == 0
    assert video.problems.items


def test_a_pipe_is_no_video(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "x.mp4")
    assert len(Video(tmp_path / "x.mp4")) == 0
    with pytest.raises(DataError, match="not a regular file"):
        read_audio(tmp_path / "x.mp4")


def test_frames_far_apart_are_those_of_one_pass(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(_video, "_FAR", 4)
    video = Video(film(tmp_path / "x.mp4", 18, UNEVEN, 2))
    whole, _ = video.read(np.arange(18))
    images, mask = video.read(np.array([17, 0, 9]))
    assert mask.all()
    np.testing.assert_array_equal(images, whole[[17, 0, 9]])


@pytest.mark.skipif("libx264" not in av.codecs_available, reason="no encoder of H.264 in this PyAV")
def test_pictures_without_times_are_told(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "x.h264"), "w", format="h264") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for grey in range(6):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 9 * grey, np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    video = Video(tmp_path / "x.h264")
    assert len(video) == 0
    assert "6 pictures without a time" in str(video.problems.items[0])
