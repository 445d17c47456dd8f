"""An exported model of faces, voices and words answers as its network does, without abawbench."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import abawbench
from abawbench.harness.request.databases import Databases
from abawbench.harness.stored.bench import bench_of_run
from abawbench.harness.stored.load import find_run
from abawbench.losses import scores_of
from abawbench.plugins import Plugins
from abawbench.progress import Progress

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
pytest.importorskip("transformers")
SOURCES = abawbench.Sources({"synthetic": ()}, preset="tiny")
SHAPES = {
    "audio": "float32 [clips, samples]",
    "frames": "float32 [clips, 16, 3, 48, 48]",
    "text": "int64 [clips, tokens]",
}
MODELS = {"wav2vec2": ("audio",), "av-fusion": ("audio", "frames"), "avt-fusion": ("audio", "frames", "text")}
WITHOUT_ABAWBENCH = """
import runpy, sys
sys.modules["abawbench"] = sys.modules["abawbench_plugins"] = sys.modules["torch"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Train a model once for the module, and give the folder of its run."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs")

    def call(model: str) -> Path:
        machine = abawbench.Machine(device="cpu", latency_seconds=0)
        out = folder / model
        (record,) = abawbench.run(model, "ah", SOURCES, settings={"epochs": 1}, out=out, machine=machine)
        assert record.status == "ok", record.reason
        return out

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ABAWBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield call


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "form"),
    [("wav2vec2", "onnx"), ("av-fusion", "openvino"), ("avt-fusion", "onnx"), ("avt-fusion", "openvino")],
)
def test_the_example_gives_the_network_s_scores(
    model: str, form: str, run: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = run(model)
    done = abawbench.export(folder, form, data=SOURCES, out=tmp_path / "out")
    assert done.parity.kept
    assert done.parity.change == 0
    assert done.parity.largest_difference < 1e-5

    prepared = json.loads((tmp_path / "out" / "preprocessing.json").read_text())
    count = len(MODELS[model])
    shapes = {name: SHAPES[name] for name in MODELS[model]} | {"present": f"bool [clips, {count}, 16]"}
    assert list(prepared["inputs"].items()) == list(shapes.items())
    assert {name: prepared["sound"][name] for name in ("rate", "normalise")} == {"rate": 16_000, "normalise": True}

    bench = bench_of_run(find_run(folder, Plugins()), Databases(Plugins(), SOURCES, Progress()))
    example = bench.example(20)
    assert example[0].shape[1] == prepared["sound"]["samples"]
    np.savez(tmp_path / "clips.npz", **{name: x.numpy() for name, x in zip(shapes, example, strict=True)})
    expected = scores_of(bench.eager(*example), bench.learner.setting.task)
    found = answers(tmp_path / "out", tmp_path / "clips.npz")
    np.testing.assert_array_equal(found[:, 0], np.repeat(np.arange(20), 16))
    np.testing.assert_allclose(found[:, 1:], expected.flatten(0, 1), atol=1e-5)


def answers(folder: Path, clips: Path) -> np.ndarray:
    command = [sys.executable, "-c", WITHOUT_ABAWBENCH, str(folder / "example.py"), str(clips)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split()[0] == "clip"
    return np.array([row.split() for row in rows], dtype=np.float64)
