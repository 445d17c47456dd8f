"""ONNX Runtime on the CPU, in float32 and in 8-bit integers."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from abawbench.contracts import Inputs, Runtime, RuntimeDeclaration
from abawbench.hookspecs import hookimpl
from abawbench_plugins.runtimes._onnx import MODEL, arrays, write_onnx, written

if TYPE_CHECKING:
    from torch import Tensor, nn

EXTRA = "abawbench[onnx]"
NEEDS = ("onnx", "onnxruntime", "onnxscript")


class OnnxRuntime(Runtime):
    """The network as ONNX, by ONNX Runtime."""

    name = "onnxruntime"
    loader: ClassVar[str] = f"""\
import onnxruntime
session = onnxruntime.InferenceSession(folder / "{MODEL}", providers=["CPUExecutionProvider"])
names = [one.name for one in session.get_inputs()]
network = lambda inputs: session.run(None, dict(zip(names, inputs)))[0]"""

    def compile(
        self, module: "nn.Module", example: Inputs, calibration: Sequence[Inputs] = ()
    ) -> "Callable[..., Tensor]":
        """Return a session over the network, its graph optimised."""
        import onnxruntime
        import torch

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        if os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE":
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with tempfile.TemporaryDirectory() as folder:
            path = written(module, example, Path(folder), calibration if self.calibrates else None)
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [one.name for one in session.get_inputs()]

        def forward(*inputs: "Tensor | dict[str, Tensor]") -> "Tensor":
            return torch.from_numpy(session.run(None, dict(zip(names, arrays(inputs), strict=True)))[0])

        return forward

    def save(self, module: "nn.Module", example: Inputs, folder: Path) -> None:
        """Write ``model.onnx``."""
        write_onnx(module, example, folder / MODEL, any_batch=True)


class OnnxRuntimeInt8(OnnxRuntime):
    """Convolutions and matrix products in 8-bit integers, by static quantisation."""

    name, precision, calibrates = "onnxruntime-int8", "int8", True


@hookimpl
def abawbench_runtimes() -> list[RuntimeDeclaration]:
    """Return the declarations of ``onnxruntime`` and ``onnxruntime-int8``."""
    return [
        RuntimeDeclaration(
            name="onnxruntime",
            summary="ONNX Runtime on the CPU.",
            build="abawbench_plugins.runtimes.onnx_runtime:OnnxRuntime",
            extra=EXTRA,
            needs=NEEDS,
            format="onnx",
        ),
        RuntimeDeclaration(
            name="onnxruntime-int8",
            summary="ONNX Runtime on the CPU, static 8-bit quantisation.",
            build="abawbench_plugins.runtimes.onnx_runtime:OnnxRuntimeInt8",
            extra=EXTRA,
            needs=NEEDS,
        ),
    ]
