"""OpenVINO on the CPU, in float32, bfloat16 and 8-bit integers."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abawbench.contracts import Example, Runtime, UsageError
from abawbench_plugins.runtimes._onnx import MODEL, arrays, write_network, write_onnx

if TYPE_CHECKING:
    from torch import Tensor, nn

SAVED = "model.xml"


SMALLEST = 5e-324
"""The smallest number above zero, which is zero to a processor that flushes denormal numbers."""


@contextmanager
def _keep_denormals() -> Iterator[None]:
    """Flush no denormal number to zero inside, as a run does elsewhere.

    OpenVINO prepares a network's integers by instructions for floats, where a 7 has the bits of a denormal: flushed, an
    index becomes 0.
    """
    import torch

    flushed = SMALLEST == 0.0
    torch.set_flush_denormal(False)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)


@cache
def open_core() -> Any:
    """Return the one Core of this process.

    Each gives the thread a signal stack of its own. When two end in the order in which they began, the stack of the
    first stays in use after it was freed, and the next signal (of a worker that ended, Ctrl-C) ends the process.
    """
    import openvino

    openvino.one_core = openvino.Core()
    return openvino.one_core


class OpenVino(Runtime):
    """The network as ONNX, by OpenVINO, which would choose bfloat16 by itself where the processor has it."""

    hint = "f32"

    def compile(
        self, module: "nn.Module", example: Example, calibration: Sequence[Example] = ()
    ) -> "Callable[..., Tensor]":
        """Return the network compiled for the CPU and for the shapes in ``example``. Raises UsageError without bf16."""
        import torch

        core = open_core()
        if self.hint == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise UsageError(f"runtime '{self.name}': this processor has no bfloat16; use --runtime openvino")
        config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self.hint,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        with tempfile.TemporaryDirectory() as folder, _keep_denormals():
            path = write_network(module, example, Path(folder), calibration if self.calibrates else None)
            compiled = core.compile_model(core.read_model(path), "CPU", config)

        def forward(*inputs: "Tensor | dict[str, Tensor]") -> "Tensor":
            with _keep_denormals():
                return torch.from_numpy(compiled(arrays(inputs), share_inputs=True)[0])

        return forward

    def save(self, module: "nn.Module", example: Example, folder: Path) -> None:
        """Write ``model.xml`` and ``model.bin``, in float32."""
        import openvino

        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / MODEL
            write_onnx(module, example, path, any_batch=True)
            openvino.save_model(open_core().read_model(path), folder / SAVED, compress_to_fp16=False)

    @staticmethod
    def load(folder: Path) -> "Callable[[list[Any]], Any]":
        """Return ``model.xml`` compiled for the CPU as a function of its inputs."""
        import openvino

        # the text of this function stands by itself in an exported folder, where nobody made a Core before
        core = getattr(openvino, "one_core", None) or openvino.Core()
        compiled = core.compile_model(folder / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda inputs: compiled(inputs)[0]


class OpenVinoBfloat16(OpenVino):
    """The same with most arithmetic in bfloat16."""

    precision, hint = "bf16", "bf16"


class OpenVinoInt8(OpenVino):
    """Convolutions and matrix products in 8-bit integers; the ONNX file is quantised as for ONNX Runtime."""

    precision, calibrates = "int8", True
