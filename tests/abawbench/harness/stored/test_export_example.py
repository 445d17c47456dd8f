"""The example cuts clips and joins their answers as a run does."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from abawbench.contracts import Runtime
from abawbench.harness.data.images import cut_windows
from abawbench.harness.stored.export_example import example_text
from abawbench.plugins import Plugins

TASK = replace(Plugins().get("task", "va").build(), outputs=("first", "mean"))


class Brightness(Runtime):
    """Instead of a network: the brightness of a clip's first frame, and that of all."""

    def compile(self, module: Any, example: Any, calibration: Any = ()) -> Any:
        raise NotImplementedError

    @staticmethod
    def load(folder: Path) -> Any:
        import numpy as np

        return lambda x: np.stack([x[0][:, 0].mean((1, 2, 3)), x[0].mean((1, 2, 3, 4))], axis=1)


@pytest.mark.parametrize("level", ["frame", "track"])
@pytest.mark.parametrize(("frames", "length", "stride"), [(9, 4, 4), (9, 4, 3), (3, 4, 4), (8, 4, 1)])
def test_clips_and_their_means_are_those_of_a_run(
    level: str, frames: int, length: int, stride: int, toy_model, tmp_path: Path
) -> None:
    task = replace(TASK, level=level)
    (tmp_path / "example.py").write_text(example_text(Brightness(), task, toy_model))
    prepared = {"size": 2, "mean": [0, 0, 0], "std": [1, 1, 1], "clip_length": length, "clip_stride": stride}
    (tmp_path / "preprocessing.json").write_text(json.dumps(prepared))
    files = [tmp_path / f"{n}.png" for n in range(frames)]
    for n, file in enumerate(files):
        cv2.imwrite(str(file), np.full((2, 2, 3), 20 * n, dtype=np.uint8))
    command = [sys.executable, str(tmp_path / "example.py"), *map(str, files)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    found = np.array([line.split()[1:] for line in lines], dtype=np.float64)

    at, real = cut_windows(frames, length, stride)
    shades = np.arange(frames) * 20 / 255
    clips = np.stack([shades[at][:, 0], shades[at].mean(axis=1)], axis=1)
    if level == "track":
        expected = clips.mean(axis=0, keepdims=True)
    else:
        expected = np.stack([clips[((at == n) & real).any(axis=1)].mean(axis=0) for n in range(frames)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
