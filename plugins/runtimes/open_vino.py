"""OpenVINO on the CPU, in float32, bfloat16 and 8-bit integers."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from abawbench.contracts import Inputs, Runtime, RuntimeDeclaration, UsageError
from abawbench.hookspecs import hookimpl
from abawbench_plugins.runtimes._onnx import MODEL, arrays, write_onnx, written

if TYPE_CHECKING:
    from torch import Tensor, nn

EXTRA = "abawbench[openvino]"
NEEDS = ("onnx", "onnxscript", "openvino")
SAVED = "model.xml"


class OpenVino(Runtime):
    """The network as ONNX, by OpenVINO, which would choose bfloat16 by itself where the processor has it."""

    name = "openvino"
    hint = "f32"
    loader: ClassVar[str] = f"""\
import openvino
compiled = openvino.Core().compile_model(folder / "{SAVED}", "CPU", {{"INFERENCE_PRECISION_HINT": "f32"}})
network = lambda inputs: compiled(inputs)[0]"""

    def compile(
        self, module: "nn.Module", example: Inputs, calibration: Sequence[Inputs] = ()
    ) -> "Callable[..., Tensor]":
        """Return the network compiled for the CPU and for the shapes in ``example``. Raises UsageError without bf16."""
        import openvino
        import torch

        core = openvino.Core()
        if self.hint == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise UsageError(f"runtime '{self.name}': this processor has no bfloat16; use --runtime openvino")
        config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self.hint,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        with tempfile.TemporaryDirectory() as folder:
            path = written(module, example, Path(folder), calibration if self.calibrates else None)
            compiled = core.compile_model(core.read_model(path), "CPU", config)

        def forward(*inputs: "Tensor | dict[str, Tensor]") -> "Tensor":
            return torch.from_numpy(compiled(arrays(inputs), share_inputs=True)[0])

        return forward

    def save(self, module: "nn.Module", example: Inputs, folder: Path) -> None:
        """Write ``model.xml`` and ``model.bin``, in float32."""
        import openvino

        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / MODEL
            write_onnx(module, example, path, any_batch=True)
            openvino.save_model(openvino.Core().read_model(path), folder / SAVED, compress_to_fp16=False)


class OpenVinoBfloat16(OpenVino):
    """The same with most arithmetic in bfloat16."""

    name, precision, hint = "openvino-bf16", "bf16", "bf16"


class OpenVinoInt8(OpenVino):
    """Convolutions and matrix products in 8-bit integers; the ONNX file is quantised as for ONNX Runtime."""

    name, precision, calibrates = "openvino-int8", "int8", True


@hookimpl
def abawbench_runtimes() -> list[RuntimeDeclaration]:
    """Return the declarations of ``openvino``, ``openvino-bf16`` and ``openvino-int8``."""
    return [
        RuntimeDeclaration(
            name="openvino",
            summary="OpenVINO on the CPU.",
            build="abawbench_plugins.runtimes.open_vino:OpenVino",
            extra=EXTRA,
            needs=NEEDS,
            format="openvino",
        ),
        RuntimeDeclaration(
            name="openvino-bf16",
            summary="OpenVINO on a CPU with bfloat16.",
            build="abawbench_plugins.runtimes.open_vino:OpenVinoBfloat16",
            extra=EXTRA,
            needs=NEEDS,
        ),
        RuntimeDeclaration(
            name="openvino-int8",
            summary="OpenVINO on the CPU, static 8-bit quantisation.",
            build="abawbench_plugins.runtimes.open_vino:OpenVinoInt8",
            extra=EXTRA,
            needs=(*NEEDS, "onnxruntime"),
        ),
    ]
