"""People of a video as tracks, as a database would give them: crops, a mask, times and the sound."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Track
from abawbench.harness.video.decode import Frame
from abawbench.harness.video.faces import Face

MARGIN = 0.1
"""Of the longer side of a face's box, added on each side of its square."""
EDGE = 256
"""Pixels of a crop's side at most: larger ones are shrunk, as the databases shrink videos."""


class ShownTrack(Track):
    """Images in memory, one for each frame that has one."""

    def __init__(
        self,
        name: str,
        images: Sequence[Frame | None],
        times: NDArray[np.float64],
        rate: float,
        sound: tuple[NDArray[np.float32], int] | None = None,
    ) -> None:
        self.id = self.subject = name
        self.n_frames, self.rate = len(images), rate
        self._images, self._times, self._sound = images, times, sound
        self._size = next((one.shape[:2] for one in images if one is not None), (1, 1))

    def frame_mask(self) -> NDArray[np.bool_]:
        """Return [n_frames], true where the face was found."""
        return np.array([one is not None for one in self._images], dtype=np.bool_)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return RGB crops [T, H, W, 3], of the first one's size, and which exist."""
        import cv2

        found = np.zeros((len(indices), *self._size, 3), dtype=np.uint8)
        for row, at in enumerate(np.asarray(indices).tolist()):
            image = self._images[at]
            if image is not None:
                same = image.shape[:2] == self._size
                found[row] = image if same else cv2.resize(image, self._size[::-1], interpolation=cv2.INTER_AREA)
        return found, self.frame_mask()[indices]

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        """Return that no file holds a crop."""
        return [None] * self.n_frames

    def identify_frames(self) -> object:
        """Return the digest of the images."""
        sha = hashlib.sha256()
        for one in self._images:
            sha.update(b"-" if one is None else repr(one.shape).encode() + one.tobytes())
        return sha.hexdigest()

    def times(self) -> NDArray[np.float64]:
        """Return the times of the frames in the video, in seconds."""
        return self._times

    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        """Return the sound of the video."""
        return self._sound


def crop(frame: Frame, face: Face, margin: float = MARGIN) -> Frame:
    """Return the square around a face, the margin on each side of its longer side; beyond the frame it is black."""
    side = max(1, round(max(face.width, face.height) * (1 + 2 * margin)))
    left, top = round(face.left + face.width / 2 - side / 2), round(face.top + face.height / 2 - side / 2)
    found = np.zeros((side, side, 3), dtype=np.uint8)
    high, wide = frame.shape[:2]
    x, y = max(left, 0), max(top, 0)
    inside = frame[y : max(min(top + side, high), y), x : max(min(left + side, wide), x)]
    found[y - top : y - top + inside.shape[0], x - left : x - left + inside.shape[1]] = inside
    return shrink(found)


TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""Where eyes, nose and corners of the mouth of an aligned face lie in 112 x 112 pixels; source: ArcFace (Deng et al.,
2019), as most aligned face images of 112 x 112 are made."""
ALIGNED = 112


def align(frame: Frame, face: Face, margin: float = MARGIN) -> Frame:
    """Return a face turned, scaled and moved so that its five points lie at those of ``TEMPLATE``, [112, 112, 3].

    A face without points gives its ``crop``, and beyond the frame it is black.
    """
    import cv2

    if len(face.points) != len(TEMPLATE):
        return crop(frame, face, margin)
    turned = fit_similarity(np.array(face.points), np.array(TEMPLATE))
    return np.asarray(cv2.warpAffine(frame, turned, (ALIGNED, ALIGNED), flags=cv2.INTER_AREA), dtype=np.uint8)


def fit_similarity(points: NDArray[np.float64], to: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation, scale and shift [2, 3] that bring points [P, 2] nearest to others, by least squares."""
    x, y = points.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
    (a, b, right, down), *_ = np.linalg.lstsq(rows, to.T.ravel(), rcond=None)
    return np.array([[a, -b, right], [b, a, down]])


def shrink(image: Frame) -> Frame:
    """Return an image whose shorter side is at most ``EDGE`` pixels."""
    import cv2

    high, wide = image.shape[:2]
    shorter = min(high, wide)
    if shorter <= EDGE:
        return image
    size = round(wide * EDGE / shorter), round(high * EDGE / shorter)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def stem_of(path: Path) -> str:
    """Return what a video's people are called after."""
    return path.stem
