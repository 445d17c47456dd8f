"""As a new user: a run fetches the weights it lacks, and the next one without a network gives the same bits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import local_hub
import numpy as np
import pytest
import tiny_encoders

from abawbench_plugins.databases.facial_expressions import split_of

pytestmark = pytest.mark.slow
NAME = "mobilenetv4_conv_small.e2400_r224_in1k"
EMOTIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")


def write_photographs(root: Path) -> Path:
    """Write the layout of facial-expressions: one photograph of each expression for training and one to score."""
    random = np.random.default_rng(0)
    rows = ["user.id,image,emotion"]
    (root / "images").mkdir(parents=True)
    (root / "data").mkdir()
    for split in ("train", "val"):
        names = [name for n in range(500) if split_of(name := f"Person_{n}x") == split]
        for person, emotion in zip(names, EMOTIONS, strict=False):
            image = f"{person}_0001.jpg"
            cv2.imwrite(str(root / "images" / image), random.integers(0, 256, (40, 40, 3), dtype=np.uint8))
            rows.append(f"someone,{image},{emotion}")
    (root / "data" / "legend.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def run(folder: Path, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "OFFLINE" not in name}
    environment |= {"ABAWBENCH_CACHE": str(folder / "cache"), "HF_HOME": str(folder / "home"), "ABAWBENCH_NETWORK": ""}
    arguments = ["run", "--model", "mnv4-tam", "--task", "expr", "--data", f"facial-expressions={folder / 'faces'}",
                 "--set", "size=32", "--set", "epochs=1", "--latency-seconds", "0", "--json", "--out", out]  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "abawbench", *arguments, *more],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_a_run_fetches_what_it_lacks_and_the_next_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photographs(tmp_path / "faces")
    tiny_encoders.write_timm(tmp_path / "hub", (NAME,))
    with local_hub.serve(local_hub.load(tmp_path / "hub")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        (refused,) = json.loads(run(tmp_path, "none").stdout)
        assert refused["reason"].endswith("run: abawbench weights fetch mnv4-tam imagenet --network")
        (first,) = json.loads(run(tmp_path, "first", "--network").stdout)
        asked = len(hub.asked)
        (second,) = json.loads(run(tmp_path, "second").stdout)
        assert len(hub.asked) == asked
    assert (first["status"], second["status"]) == ("ok", "ok")
    assert first["database"]["name"] == "facial-expressions"
    assert first["weights"]["source"] == "imagenet"
    assert first["weights"]["sha256"] == second["weights"]["sha256"]
    one, other = (next((tmp_path / out).rglob("predictions.parquet")).read_bytes() for out in ("first", "second"))
    assert one == other
