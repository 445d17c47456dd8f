"""How heads are held, from the five places of a face that a detector finds."""

import math
from statistics import fmean
from typing import NamedTuple

import numpy as np

from abawbench.contracts import Track
from abawbench.harness.video.faces import Detector, Face

SAMPLED = 8
"""Frames of a track that are looked at."""


class Pose(NamedTuple):
    """``roll``: degrees by which the line of the eyes falls to the right of the image.

    ``yaw``: how far the nose stands to the right of the middle of the eyes, along their line, in distances of the
    eyes: about 0 from the front, and a sign for the side to which a head is turned, not an angle.
    """

    roll: float
    yaw: float


def pose_of(face: Face) -> Pose | None:
    """Return how a head is held, or None for a face without points or with both eyes in one place."""
    if len(face.points) != 5:
        return None
    (left_x, left_y), (right_x, right_y), (nose_x, nose_y) = face.points[:3]
    along = right_x - left_x, right_y - left_y
    apart = math.hypot(*along)
    if apart < 1e-6:
        return None
    beside = nose_x - (left_x + right_x) / 2, nose_y - (left_y + right_y) / 2
    return Pose(math.degrees(math.atan2(along[1], along[0])), (beside[0] * along[0] + beside[1] * along[1]) / apart**2)


def measure_pose(track: Track, detect: Detector) -> Pose | None:
    """Return the mean pose of the largest face in some frames of a track, or None where none was found.

    A crop of a face is shown to the detector with a black edge around it, as wide as half of it.
    """
    there = np.flatnonzero(track.frame_mask())
    if not len(there):
        return None
    images, good = track.frames(there[np.linspace(0, len(there) - 1, min(SAMPLED, len(there))).astype(np.int64)])
    found = []
    for image in images[good]:
        edge = max(image.shape[:2]) // 2
        faces = detect(np.pad(image, ((edge, edge), (edge, edge), (0, 0))))
        if faces and (pose := pose_of(max(faces, key=lambda one: one.width * one.height))):
            found.append(pose)
    return Pose(fmean(one.roll for one in found), fmean(one.yaw for one in found)) if found else None
