"""Every runtime answers a network of several inputs as PyTorch does, in the state that a run puts the processor in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import Example, Runtime
from abawbench.nn import InputsNetwork, gather
from abawbench.plugins import Plugins
from abawbench.system.repeatable import make_repeatable

pytestmark = pytest.mark.slow

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
PLUGINS = Plugins()
NAMES = [plugin.name for plugin in PLUGINS.all("runtime")]
COMPILES = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
TOLERANCE = {"fp32": 1e-5, "bf16": 0.02, "int8": 0.15}
"""Mean difference of outputs that differ by 0.3 between clips; 8-bit sums saturate on processors without VNNI."""
LENGTH = 4
INPUTS = ("audio", "features:pose", "frames", "text")


class See(nn.Module):
    """Images [U, 3, S, S] to features [U, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.conv(images).mean(dim=(2, 3))
        return found


class Hear(nn.Module):
    """Samples [U, N] to steps [U, N / 20, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 6, 20, stride=20)

    def forward(self, samples: Tensor) -> Tensor:
        found: Tensor = self.conv(samples[:, None]).transpose(1, 2)
        return found


class Read(nn.Module):
    """Tokens [U, L] to features [U, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 6)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.words(tokens).mean(dim=1)
        return found


class Join(nn.Module):
    """A linear layer over the inputs of each frame side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6 * len(INPUTS), 3)

    def forward(self, features: dict[str, Tensor], index: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.linear(torch.cat([gather(features[name], index[name]) for name in INPUTS], dim=-1))
        return logits


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return InputsNetwork({"frames": See(), "audio": Hear(), "text": Read()}, Join(), INPUTS, LENGTH).eval()


@pytest.fixture
def as_in_a_run() -> Iterator[None]:
    with make_repeatable(0):
        yield


def clips(batch: int, seed: int) -> Example:
    """Inputs in the order of their names, some of them absent on some frames."""
    random = torch.Generator().manual_seed(seed)
    return (
        torch.randn(batch, 160, generator=random),
        torch.randn(batch, LENGTH, 6, generator=random),
        torch.randn(batch, LENGTH, 3, 8, 8, generator=random),
        torch.randint(0, 20, (batch, 7), generator=random),
        torch.rand(batch, len(INPUTS), LENGTH, generator=random) > 0.3,
    )


def built(name: str) -> Runtime:
    if name == "openvino-bf16":
        from abawbench_plugins.runtimes.open_vino import open_core

        if "BF16" not in open_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            pytest.skip("no bfloat16 in this processor")
    runtime: Runtime = PLUGINS.get("runtime", name).build()
    return runtime


@pytest.mark.usefixtures("as_in_a_run")
@pytest.mark.parametrize("name", [pytest.param(n, marks=COMPILES) if n == "compile" else n for n in NAMES])
def test_a_runtime_answers_as_the_network(name: str, network: nn.Module) -> None:
    runtime = built(name)
    ranges = [clips(4, seed) for seed in range(8)] if runtime.calibrates else ()
    call = runtime.compile(network, clips(4, 0), ranges)
    for seed in (1, 2):
        with torch.inference_mode():
            expected = network(*clips(4, seed))
        assert (call(*clips(4, seed)) - expected).abs().mean() < TOLERANCE[runtime.precision]


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_saved_files_answer_for_any_number_of_clips(name: str, network: nn.Module, tmp_path: Path) -> None:
    runtime = built(name)
    runtime.save(network, clips(1, 0), tmp_path)
    call = runtime.load(tmp_path)
    for count in (1, 3):
        example = clips(count, 5)
        with torch.inference_mode():
            expected = network(*example)
        np.testing.assert_allclose(call([x.numpy() for x in example]), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("flushed", [False, True])
def test_whether_denormals_are_flushed_is_left_as_it_was(name: str, flushed: bool, network: nn.Module) -> None:
    torch.set_flush_denormal(flushed)
    try:
        built(name).compile(network, clips(2, 0))(*clips(2, 1))
        assert float(torch.tensor(1e-40) * 1) == (0 if flushed else pytest.approx(1e-40))
    finally:
        torch.set_flush_denormal(False)
