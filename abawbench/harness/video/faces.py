"""Faces in a frame: by OpenCV's YuNet where its file is there, else by MTCNN."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from abawbench.contracts import UsageError
from abawbench.harness.video.decode import Frame
from abawbench.system.cache import cache_folder

YUNET = "face_detection_yunet_2023mar.onnx"
"""Of OpenCV's model zoo (MIT)."""
LEAST = 0.6
"""Score from which on a box is a face."""


@dataclass(frozen=True)
class Face:
    """A face in a frame: left, top, width and height in pixels, and how sure the detector is, 0 to 1.

    ``points`` are (x, y) in pixels of five places, where the detector gives them: the eye to the left in the image, the
    other one, the nose, the corner of the mouth to the left in the image, the other one.
    """

    left: float
    top: float
    width: float
    height: float
    score: float
    points: tuple[tuple[float, float], ...] = ()


Detector = Callable[[Frame], list[Face]]


def find_detector(asked: str | None = None) -> tuple[str, Detector]:
    """Return the name of a detector and what finds the faces in an RGB frame.

    ``asked`` is the file of YuNet or ``mtcnn``; without it the file is looked for in the working folder and the cache.
    Raises UsageError, with where to get one, when there is none.
    """
    if asked == "mtcnn":
        return "MTCNN", _mtcnn()
    places = [Path(asked)] if asked else [Path(YUNET), cache_folder() / YUNET]
    file = next((path for path in places if path.is_file()), None)
    if file is not None:
        return f"YuNet ({file.name})", _yunet(file)
    if asked:
        raise UsageError(f"{asked}: no such file; give the file of YuNet, or mtcnn")
    try:
        return "MTCNN", _mtcnn()
    except UsageError as error:
        raise UsageError(
            f"no face detector here: put {YUNET} of github.com/opencv/opencv_zoo into the working folder or "
            f"{cache_folder()}, name it with --detector FILE, or take whole frames with --crop none ({error})"
        ) from error


def _yunet(file: Path) -> Detector:
    import cv2

    try:
        network: Any = cv2.FaceDetectorYN.create(str(file), "", (320, 320), LEAST)
    except cv2.error as error:
        told = " ".join(str(error).split())[:120]
        raise UsageError(f"{file}: not a network of YuNet that OpenCV reads ({told})") from error

    def detect(frame: Frame) -> list[Face]:
        network.setInputSize((frame.shape[1], frame.shape[0]))
        _, rows = network.detect(np.ascontiguousarray(frame[..., ::-1]))
        return [_read_row(row) for row in (rows if rows is not None else ())]

    return detect


def _read_row(row: Any) -> Face:
    """Return the face of a row of YuNet: the box, five points in the order of ``Face.points``, the score."""
    points = tuple((float(x), float(y)) for x, y in row[4:14].reshape(5, 2))
    left, top, width, height = (float(x) for x in row[:4])
    return Face(left, top, width, height, float(row[14]), points)


def _mtcnn() -> Detector:
    from abawbench.faces import detect_faces, load_networks

    load_networks()  # missing weights are told before a video is opened

    def detect(frame: Frame) -> list[Face]:
        found = detect_faces(frame, smallest=40)
        rows = zip(found.boxes.tolist(), found.scores.tolist(), found.landmarks.tolist(), strict=True)
        return [
            Face(a, b, c - a, d - b, score, tuple((x, y) for x, y in points)) for (a, b, c, d), score, points in rows
        ]

    return detect
