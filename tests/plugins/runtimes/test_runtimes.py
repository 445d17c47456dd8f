"""Every runtime answers as the network does, and leaves it as it was."""

import copy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import Runtime, RuntimeDeclaration, UsageError
from abawbench.nn import ClipNetwork, freeze, gather
from abawbench.plugins import Plugins

pytestmark = pytest.mark.slow

PLUGINS = Plugins()
NAMES = [plugin.name for plugin in PLUGINS.all("runtime")]
TOLERANCE = {"fp32": 1e-4, "bf16": 0.05, "int8": 0.1}
"""Largest difference of outputs that are of the order of 1."""
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
COMPILES = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")


class Head(nn.Module):
    """Pool, join the clip's frames, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 3)

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        logits: Tensor = self.linear(gather(features.mean(dim=(2, 3)), index).mean(dim=1))
        return logits


class TwoInputs(nn.Module):
    """Clips and, by name, two more inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.sound, self.text = nn.Linear(5, 3), nn.Linear(4, 3)

    def forward(self, clips: Tensor, others: dict[str, Tensor]) -> Tensor:
        mean: Tensor = clips.mean(dim=(1, 3, 4))
        return mean + self.sound(others["sound"]) + self.text(others["text"])


@pytest.fixture
def network() -> ClipNetwork:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    embed = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    embed[1].running_mean.uniform_(-0.5, 0.5)
    embed[1].running_var.uniform_(0.5, 2)
    return ClipNetwork(freeze(embed), Head())


@pytest.fixture
def clips() -> Tensor:
    return torch.randn(2, 4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def compiled(runtime: Runtime, network: nn.Module, *inputs: Tensor) -> Callable[..., Tensor]:
    return runtime.compile(network, inputs, [inputs]) if runtime.calibrates else runtime.compile(network, inputs)


def built(name: str) -> Runtime:
    runtime: Runtime = PLUGINS.get("runtime", name).build()
    return runtime


def ready(name: str) -> Runtime:
    """The runtime; the test is skipped where this machine cannot run it."""
    if name == "openvino-bf16":
        from abawbench_plugins.runtimes.open_vino import open_core

        if "BF16" not in open_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            pytest.skip("no bfloat16 in this processor")
    return built(name)


@pytest.mark.parametrize("name", [pytest.param(n, marks=COMPILES) if n == "compile" else n for n in NAMES])
def test_a_runtime_answers_as_the_network_and_leaves_it_alone(name: str, network: ClipNetwork, clips: Tensor) -> None:
    runtime = ready(name)
    before = copy.deepcopy(network.state_dict())
    call = compiled(runtime, network, clips)
    with torch.inference_mode():
        expected = network.eval()(clips.flip(0))
    found = call(clips.flip(0))
    assert found.dtype == torch.float32
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < TOLERANCE[runtime.precision]
    assert not torch.equal(found, call(clips * 0))
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("name", ["eager", "channels-last", "onnxruntime", "openvino"])
def test_a_network_with_several_inputs_runs(name: str, clips: Tensor) -> None:
    network = TwoInputs()
    inputs = (clips, {"sound": torch.randn(2, 5), "text": torch.randn(2, 4)})
    with torch.inference_mode():
        expected = network(*inputs)
    assert torch.allclose(built(name).compile(network, inputs)(*inputs), expected, atol=1e-5)


def test_names_and_precisions_are_those_declared() -> None:
    for name in NAMES:
        assert built(name).name == name
        assert built(name).precision in TOLERANCE
    assert {n for n in NAMES if built(n).calibrates} == {"onnxruntime-int8", "openvino-int8"}


def test_int8_rests_on_the_ranges_of_the_calibration_clips(network: ClipNetwork, clips: Tensor) -> None:
    runtime = built("onnxruntime-int8")
    near = runtime.compile(network, (clips,), [(clips,)])(clips)
    far = runtime.compile(network, (clips,), [(clips * 100,)])(clips)
    with torch.inference_mode():
        expected = network.eval()(clips)
    assert (near - expected).abs().max() < 0.2 * (far - expected).abs().max()


def test_int8_without_calibration_clips_is_refused(network: ClipNetwork, clips: Tensor) -> None:
    with pytest.raises(UsageError, match="training split"):
        built("openvino-int8").compile(network, (clips,))


def test_a_missing_compiler_is_one_sentence(
    network: ClipNetwork, clips: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UsageError, match="no 'no-such-compiler'; install one"):
        built("compile").compile(network, (clips,))


@pytest.mark.parametrize("plugin", [p for p in PLUGINS.all("runtime") if p.declaration.extra], ids=lambda p: p.name)
def test_an_absent_extra_is_one_sentence_with_the_command(plugin: object, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from abawbench.contracts import declarations
    from abawbench.plugins import Plugin

    assert isinstance(plugin, Plugin)
    real = importlib.util.find_spec
    monkeypatch.setattr(declarations, "find_spec", lambda name: None if name == "onnx" else real(name))
    with pytest.raises(UsageError, match=r"needs onnx; run: pip install 'abawbench\[(onnx|openvino)\]'"):
        plugin.build()


@pytest.mark.parametrize("plugin", [p for p in PLUGINS.all("runtime") if p.name in ("onnxruntime", "openvino")],
                         ids=lambda p: p.name)  # fmt: skip
def test_what_a_runtime_saves_answers_for_any_number_of_clips(
    plugin: object, network: ClipNetwork, tmp_path: Path
) -> None:
    from abawbench.plugins import Plugin

    assert isinstance(plugin, Plugin)
    assert isinstance(plugin.declaration, RuntimeDeclaration)
    assert plugin.declaration.format
    runtime: Runtime = plugin.build()
    runtime.save(network, (torch.zeros(1, 4, 3, 16, 16),), tmp_path)
    call = runtime.load(tmp_path)
    for count in (1, 3):
        clips = torch.randn(count, 4, 3, 16, 16)
        with torch.inference_mode():
            expected = network.eval()(clips)
        np.testing.assert_allclose(call([clips.numpy()]), expected, atol=1e-5)


def test_a_runtime_without_files_says_so(network: ClipNetwork, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'eager' writes no files"):
        built("eager").save(network, (torch.zeros(1, 4, 3, 16, 16),), tmp_path)


def test_a_network_that_cannot_be_traced_is_one_sentence(clips: Tensor) -> None:
    class Branches(nn.Module):
        def forward(self, clips: Tensor) -> Tensor:
            return clips if clips.sum() > 0 else -clips

    with pytest.raises(UsageError, match="cannot write this network as ONNX"):
        built("onnxruntime").compile(Branches(), (clips,))


SIGNALLED = """
import faulthandler, gc, os, signal
import torch
from abawbench.plugins import Plugins
faulthandler.enable()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
runtime = Plugins().get("runtime", "openvino").build()
first, second = (runtime.compile(torch.nn.Linear(8, 8), (torch.zeros(1, 8),)) for _ in range(2))
del first
gc.collect()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_a_signal_after_two_networks_of_openvino_is_handled() -> None:
    """The end of a worker that reads images is one; two Cores that end in their order left no stack for it."""
    done = subprocess.run([sys.executable, "-c", SIGNALLED], capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
