"""A tiny copy in the layout of ``image-folders``, for the checks and the tests.

``python -m abawbench_image_folders.example FOLDER`` writes one to try a run on.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from abawbench_image_folders.database import CLASSES


def write(folder: Path) -> None:
    """Write three training images and two validation images of every class, one colour each."""
    random = np.random.default_rng(0)
    for name in CLASSES:
        colour = random.integers(0, 256, 3)
        for split, count in (("train", 3), ("val", 2)):
            images = folder / split / name
            images.mkdir(parents=True)
            for number in range(count):
                image = np.clip(colour + random.integers(-9, 10, (48, 48, 3)), 0, 255).astype(np.uint8)
                cv2.imwrite(str(images / f"{number}.png"), image)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
