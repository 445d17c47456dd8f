"""ONNX Runtime on the CPU, in float32 and in 8-bit integers."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abawbench.contracts import Example, Runtime
from abawbench_plugins.runtimes._onnx import MODEL, arrays, write_network, write_onnx

if TYPE_CHECKING:
    from torch import Tensor, nn


class OnnxRuntime(Runtime):
    """The network as ONNX, by ONNX Runtime."""

    def compile(
        self, module: "nn.Module", example: Example, calibration: Sequence[Example] = ()
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
            path = write_network(module, example, Path(folder), calibration if self.calibrates else None)
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [one.name for one in session.get_inputs()]

        def forward(*inputs: "Tensor | dict[str, Tensor]") -> "Tensor":
            return torch.from_numpy(session.run(None, dict(zip(names, arrays(inputs), strict=True)))[0])

        return forward

    def save(self, module: "nn.Module", example: Example, folder: Path) -> None:
        """Write ``model.onnx``."""
        write_onnx(module, example, folder / MODEL, any_batch=True)

    @staticmethod
    def load(folder: Path) -> "Callable[[list[Any]], Any]":
        """Return a session over ``model.onnx`` as a function of its inputs."""
        import onnxruntime

        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        names = [one.name for one in session.get_inputs()]
        return lambda inputs: session.run(None, dict(zip(names, inputs, strict=True)))[0]


class OnnxRuntimeInt8(OnnxRuntime):
    """Convolutions and matrix products in 8-bit integers, by static quantisation."""

    precision, calibrates = "int8", True
