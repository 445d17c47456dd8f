"""People in videos: found, followed, cropped, and predicted as the benchmark predicts them."""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from threading import Event, Thread
from typing import Any
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import abawbench
from abawbench import insight
from abawbench.contracts import DataError, UsageError
from abawbench.harness.video import live
from abawbench.harness.video import predict as module
from abawbench.harness.video.decode import decode, decode_sound, list_videos
from abawbench.harness.video.faces import Face, find_detector
from abawbench.harness.video.follow import follow, overlap
from abawbench.harness.video.live import Statement
from abawbench.harness.video.pose import pose_of
from abawbench.harness.video.tracks import align, crop
from abawbench.plugins import Plugins
from abawbench.records import store

SETTINGS = {"epochs": 2, "batch": 8, "lr": 0.05, "schedule": "constant"}
RED, BLUE = (230, 20, 20), (20, 20, 230)


def write_video(path: Path, frames: Sequence[np.ndarray], times: Sequence[int] | None = None) -> None:
    """Write frames, at 25 a second or at these ticks of 1/25 s."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mpeg4", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for n, frame in enumerate(frames):
            one = av.VideoFrame.from_ndarray(frame, format="rgb24")
            one.pts, one.time_base = n if times is None else times[n], Fraction(1, 25)
            out.mux(stream.encode(one))
        out.mux(stream.encode(None))


def crossing(count: int = 60) -> tuple[list[np.ndarray], list[list[Face]]]:
    """Two squares that pass in front of each other, and the boxes one sees: one only while they overlap."""
    frames, boxes = [], []
    for n in range(count):
        frame = np.full((96, 192, 3), 90, dtype=np.uint8)
        left, right = 10 + round(2.4 * n), 152 - round(2.4 * n)
        frame[44:74, right : right + 30], frame[32:62, left : left + 30] = BLUE, RED
        both = [Face(left, 32, 30, 30, 0.9), Face(right, 44, 30, 30, 0.9)]
        frames.append(frame)
        boxes.append(both[:1] if abs(left - right) < 14 else both)
    return frames, boxes


def test_two_people_who_cross_keep_who_they_are() -> None:
    _, boxes = crossing()
    first, second = follow(boxes)
    assert len(first.faces) == 60
    assert all(first.faces[n].left == 10 + round(2.4 * n) for n in range(60))
    assert all(face.left == 152 - round(2.4 * n) for n, face in second.faces.items())
    assert (min(second.faces), second.last) == (0, 59)


def test_a_flicker_is_nobody_and_a_newcomer_is_somebody() -> None:
    still = Face(10, 10, 20, 20, 0.9)
    frames = [[still, Face(100, 100, 9, 9, 0.7)] if n == 4 else [still] for n in range(40)]
    assert [len(one.faces) for one in follow(frames)] == [40]
    late = [[still] if n < 20 else [still, Face(100, 10, 20, 20, 0.8)] for n in range(40)]
    assert [min(one.faces) for one in follow(late)] == [0, 20]
    assert overlap(still, still) == 1
    assert overlap(still, Face(50, 50, 5, 5, 1)) == 0


def test_a_crop_is_a_square_and_black_beyond_the_frame() -> None:
    frame = np.full((40, 60, 3), 200, dtype=np.uint8)
    found = crop(frame, Face(-10, 10, 20, 10, 0.9), margin=0.0)
    assert found.shape == (20, 20, 3)
    assert (found[:, :10] == 0).all()
    assert (found[:, 10:] == 200).all()
    assert crop(frame, Face(0, 0, 900, 900, 0.9)).shape == (256, 256, 3)


def test_an_aligned_face_stands_upright() -> None:
    frame = np.zeros((200, 200, 3), dtype=np.uint8)
    eyes = [(80, 110), (110, 80)]  # the head leans by 45 degrees
    rest = [(112, 112), (115, 145), (145, 115)]
    for x, y in eyes:
        frame[y - 2 : y + 3, x - 2 : x + 3] = 255
    face = Face(60, 60, 100, 100, 0.9, tuple((float(x), float(y)) for x, y in eyes + rest))
    found = align(frame, face)
    assert found.shape == (112, 112, 3)
    rows = np.argwhere(found[..., 0] > 100)
    assert np.ptp(rows[:, 0]) < 12
    assert np.ptp(rows[:, 1]) > 25
    assert align(frame, Face(60, 60, 100, 100, 0.9)).shape == (120, 120, 3)


def test_of_a_camera_the_newest_frame_is_taken() -> None:
    seen, image = Event(), np.zeros((4, 4, 3), dtype=np.uint8)

    def camera() -> Iterator[tuple[float, np.ndarray]]:
        yield 0.0, image
        assert seen.wait(20)
        yield from ((n / 30, image) for n in range(1, 6))
        raise DataError("unplugged")

    newest = live._Newest(camera())
    frames = iter(newest)
    assert next(frames)[0] == 0
    seen.set()
    newest._reader.join(20)
    assert next(frames)[0] == 5 / 30
    assert newest.dropped == 4
    with pytest.raises(DataError, match="unplugged"):
        next(frames)


@given(angle=st.floats(-40, 40), turn=st.floats(-0.4, 0.4))
def test_a_pose_is_the_one_that_a_face_was_given(angle: float, turn: float) -> None:
    upright = np.array([[-20, 0], [20, 0], [40 * turn, 25], [-15, 50], [15, 50]])
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    points = upright @ np.array([[c, s], [-s, c]]) + 100
    found = pose_of(Face(0, 0, 200, 200, 0.9, tuple(map(tuple, points.tolist()))))
    assert found is not None
    assert found.roll == pytest.approx(angle, abs=1e-6)
    assert found.yaw == pytest.approx(turn, abs=1e-6)


@pytest.mark.parametrize("name", ["http:x.mp4", "concat:a.mp4", "pipe:0", "-"])
def test_a_video_called_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "plain.mp4", [np.full((48, 64, 3), 9 * n, dtype=np.uint8) for n in range(3)])
    (tmp_path / "plain.mp4").rename(tmp_path / name)
    assert len(list(decode(Path(name)))) == 3
    assert decode_sound(Path(name)) is None


def test_a_playlist_opens_nothing_but_files(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(DataError, match=r"list\.m3u8"):
        list(decode(path))


def test_times_are_those_that_the_file_tells(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), 9 * n, dtype=np.uint8) for n in range(6)]
    write_video(tmp_path / "odd.mkv", frames, times=[0, 1, 5, 6, 7, 20])
    told = [time for time, _ in decode(tmp_path / "odd.mkv")]
    assert told == pytest.approx([0, 0.04, 0.2, 0.24, 0.28, 0.8], abs=2e-3)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match="not a readable video"):
        list(decode(tmp_path / "text.mp4"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no video here"):
        list_videos([tmp_path / "empty"])
    with pytest.raises(UsageError, match="no such file; give the file of YuNet, or mtcnn"):
        find_detector(str(tmp_path / "nothing.onnx"))


def find_squares(frame: np.ndarray) -> list[Face]:
    """The boxes of what is red and of what is blue; of the one behind what is left to see."""
    found = []
    for channel in (0, 2):
        mask = (frame[..., channel] > 150) & (frame[..., 2 - channel] < 100)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(columns) > 15:
            width, height = columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]
            found.append(Face(float(columns[0]), float(rows[0]), float(width), float(height), 0.9))
    return found


@pytest.fixture
def two(run: Callable[..., list[abawbench.Record]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A video of two squares that cross, beside a run that tells their colours; the detector finds squares."""
    run(settings=SETTINGS | {"epochs": 20})
    monkeypatch.setattr(module, "find_detector", lambda asked: ("squares", find_squares))
    write_video(tmp_path / "two.mp4", crossing()[0])
    return tmp_path / "two.mp4"


@pytest.mark.slow
def test_people_of_a_video_are_predicted_frame_by_frame(two: Path, toys: Plugins, tmp_path: Path) -> None:
    drawn = tmp_path / "two.svg"
    name, (found,) = insight.predict(
        two, tmp_path / "runs", out=tmp_path / "two.csv", overlay=tmp_path / "drawn", timeline=drawn,
        device="cpu", plugins=toys,
    )  # fmt: skip
    lines = ElementTree.parse(drawn).getroot().findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [60] * 6
    assert name == "squares"
    assert (found.frames, len(found.people), found.without_face) == (60, 2, 0)
    red, blue = found.people
    assert len(red.scores) == len(blue.scores) == 60
    assert np.mean(red.decisions == 0) > 0.9
    assert np.mean(blue.decisions == 2) > 0.9
    assert found.seconds == pytest.approx(60 / 25)
    assert found.stages.total > found.stages.network > 0
    with (tmp_path / "two.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["track"], int(row["video_frame"])) for row in rows] == [
        (f"two/{person}", n) for person in (1, 2) for n in range(60)
    ]
    assert float(rows[59]["time"]) == pytest.approx(59 / 25)
    assert len(list(decode(tmp_path / "drawn" / "two.mp4"))) == 60


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_stream_is_predicted_as_it_comes(two: Path, toys: Plugins, tmp_path: Path) -> None:
    _, (whole,) = insight.predict(two, tmp_path / "runs", device="cpu", plugins=toys)
    # Written by Python: PyAV keeps the interpreter's lock while it waits for a reader of the pipe, and none can come.
    write_video(tmp_path / "two.nut", crossing()[0])
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=(tmp_path / "pipe").write_bytes, args=((tmp_path / "two.nut").read_bytes(),), daemon=True)
    writer.start()
    said: dict[int, list[tuple[int, Statement]]] = {}

    def show(frame: np.ndarray, time: float, statements: Sequence[Statement]) -> bool:
        for one in statements:
            said.setdefault(one.person, []).append((round(time * 25), one))
        return True

    seen = insight.live(tmp_path / "pipe", tmp_path / "runs", show, device="cpu", plugins=toys)
    writer.join(20)
    assert (seen.frames, seen.people, seen.dropped) == (60, 2, 0)
    assert set(said) == {1, 2}
    for person, wanted in zip(said.values(), whole.people, strict=True):
        told = [(n, one) for n, one in person if one.new]
        assert len(told) >= 10
        assert np.mean([one.scores.argmax() == wanted.decisions[n] for n, one in told]) > 0.9
    short = insight.live(two, tmp_path / "runs", lambda *_: False, device="cpu", plugins=toys)
    assert short.frames == 1


@pytest.mark.slow
def test_whole_frames_are_predicted_as_in_the_benchmark(toys: Plugins, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = ["track,video,split,ah-video"]
    for n in range(8):
        name, shade = f"clip{n}", int(random.integers(0, 200))
        frames = [np.full((48, 64, 3), min(255, shade + 3 * k), dtype=np.uint8) for k in range(12)]
        write_video(tmp_path / f"{name}.mp4", frames)
        lines.append(f"{name},{name}.mp4,{'train' if n < 4 else 'val'},{n % 2}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    machine = abawbench.Machine(device="cpu", latency_seconds=0)
    (record,) = abawbench.run(
        "toy", "ah-video", {"manifest": tmp_path}, settings=SETTINGS, out=tmp_path / "runs", machine=machine,
        plugins=toys,
    )  # fmt: skip
    assert record.status == "ok", record.reason
    stored = store.read_run_predictions(store.folder_of(tmp_path / "runs", record)).scores
    videos = [tmp_path / f"{name}.mp4" for name in stored]
    _, found = insight.predict(videos, tmp_path / "runs", crop="none", device="cpu", plugins=toys)
    for one, scores in zip(found, stored.values(), strict=True):
        np.testing.assert_array_equal(one.people[0].scores, scores)
