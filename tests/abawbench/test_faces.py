"""The face detector finds what its networks see, where they see it; with the real weights, real faces."""

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import avg_pool2d

from abawbench import faces
from abawbench.contracts.errors import UsageError
from abawbench.weights import detector

DATA = Path(os.environ.get("ABAWBENCH_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def installed() -> bool:
    """Whether the wheel with the weights is here."""
    try:
        return bool(distribution("facenet-pytorch"))
    except PackageNotFoundError:
        return False


real = pytest.mark.skipif(not installed() or not DATA.is_dir(), reason="needs facenet-pytorch's wheel and real faces")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    faces.load_networks.cache_clear()
    yield
    faces.load_networks.cache_clear()


def look_for_white(images: torch.Tensor) -> list[torch.Tensor]:
    """Stand for the first network: a face is where a cell is white."""
    bright = avg_pool2d(images.mean(dim=1, keepdim=True), faces.CELL, faces.STRIDE)[:, 0] / 255
    return [bright, torch.zeros(1, 4, *bright.shape[1:])]


def judge_white(images: torch.Tensor) -> list[torch.Tensor]:
    """Stand for the other two: as sure as the crop is white, the box right, all points in its middle."""
    return [images.mean(dim=(1, 2, 3)) / 255, torch.zeros(len(images), 4), torch.full((len(images), 10), 0.5)]


@pytest.fixture
def white(monkeypatch: pytest.MonkeyPatch) -> None:
    networks: Any = (look_for_white, lambda images: judge_white(images)[:2], judge_white)
    monkeypatch.setattr(faces, "load_networks", lambda: networks)
    monkeypatch.setattr(faces.load_networks, "cache_clear", lambda: None, raising=False)


def covered(box: Any, left: int, top: int, side: int) -> float:
    """Share of a box that lies on a square."""
    width = min(box[2], left + side) - max(box[0], left)
    height = min(box[3], top + side) - max(box[1], top)
    return float(max(width, 0) * max(height, 0) / ((box[2] - box[0]) * (box[3] - box[1])))


@pytest.mark.usefixtures("white")
@settings(max_examples=6, deadline=None)
@given(left=st.integers(0, 140), top=st.integers(0, 70), side=st.integers(26, 50))
def test_a_face_is_found_where_it_is(left: int, top: int, side: int) -> None:
    frame = np.zeros((120, 190, 3), np.uint8)
    frame[top : top + side, left : left + side] = 255
    found = faces.detect_faces(frame)
    assert (np.diff(found.scores) <= 0).all()
    assert min(covered(box, left, top, side) for box in found.boxes) > 0.6
    middle = (found.boxes[0, :2] + found.boxes[0, 2:]) / 2
    assert np.abs(found.landmarks[0] - middle).max() < 1.5


@pytest.mark.usefixtures("white")
@pytest.mark.parametrize("shape", [(120, 160, 3), (8, 8, 3), (1, 1, 3)])
def test_a_picture_without_faces_gives_none(shape: tuple[int, ...]) -> None:
    found = faces.detect_faces(np.zeros(shape, np.uint8))
    assert [one.shape for one in found] == [(0, 4), (0, 5, 2), (0,)]


def test_random_networks_have_the_published_shapes() -> None:
    first, second, third = faces.build_networks()
    assert [tuple(one.shape) for one in first(torch.rand(1, 3, 12, 12))] == [(1, 1, 1), (1, 4, 1, 1)]
    assert [tuple(one.shape) for one in second(torch.rand(2, 3, 24, 24))] == [(2,), (2, 4)]
    assert [tuple(one.shape) for one in third(torch.rand(2, 3, 48, 48))] == [(2,), (2, 4), (2, 10)]


@pytest.mark.parametrize("frame", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)])
def test_another_kind_of_frame_is_refused(frame: Any) -> None:
    with pytest.raises(UsageError, match=r"RGB frames, uint8 \[H, W, 3\]"):
        faces.detect_faces(frame)


def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("abawbench.weights.packages.distribution", absent)
    with pytest.raises(UsageError, match=r"run: pip install --no-deps 'facenet-pytorch==2\.6\.0'"):
        faces.detect_faces(np.zeros((40, 40, 3), np.uint8))


def test_another_file_is_refused() -> None:
    with pytest.raises(UsageError, match="has other layers than expected"):
        faces.build_networks()[0].read({"conv1.weight": torch.zeros(1)})
    assert detector.MTCNN.files[0].endswith("pnet.pt")


@real
def test_real_faces_are_found_in_clips() -> None:
    cv2 = pytest.importorskip("cv2")
    clips = sorted((DATA / "crema-d" / "VideoFlash").glob("*.flv"))
    frames = []
    for clip in clips:
        video = cv2.VideoCapture(str(clip))
        done, frame = video.read()
        video.release()
        assert done
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    for frame in frames[:2]:
        found = faces.detect_faces(frame, smallest=40)
        assert len(found.boxes) == 1
        assert found.scores[0] > 0.95
        eyes, nose, mouth = found.landmarks[0, :2], found.landmarks[0, 2], found.landmarks[0, 3:]
        assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
        assert eyes[0, 0] < nose[0] < eyes[1, 0]
    both = faces.detect_faces(np.hstack(frames[:2]), smallest=40)
    assert sorted((both.boxes[:, 0] > frames[0].shape[1] - 20).tolist()) == [False, True]
