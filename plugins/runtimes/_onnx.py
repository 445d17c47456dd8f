"""Networks as ONNX files, plain or with 8-bit integers: what ONNX Runtime and OpenVINO both read."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import Example, UsageError
from abawbench_plugins.runtimes._quiet import quiet

if TYPE_CHECKING:
    from torch import Tensor, nn

MODEL = "model.onnx"


def write_network(
    module: "nn.Module", example: Example, folder: Path, calibration: Sequence[Example] | None = None
) -> Path:
    """Return the file of the network in a folder, with 8-bit integers when there are inputs to take ranges from."""
    write_onnx(module, example, folder / MODEL)
    if calibration is None:
        return folder / MODEL
    write_int8(folder / MODEL, folder / "int8.onnx", calibration)
    return folder / "int8.onnx"


def write_onnx(module: "nn.Module", example: Example, path: Path, *, any_batch: bool = False) -> None:
    """Write the network for the shapes in ``example``, or for any number of clips of them.

    The input of a network with a single one is called ``clips``. Raises UsageError for a network that torch cannot
    trace, and for one that is not on the CPU.
    """
    import torch

    if any(tensor.device.type != "cpu" for tensor in tensors(example)):
        raise UsageError("ONNX Runtime and OpenVINO are run on the CPU here; use --device cpu")
    shapes: Any = None
    if any_batch:
        # an example of one clip would be taken as always one
        example = _map(example, lambda x: torch.cat([x[:1], x[:1]]))
        shapes = _as_taken(module, _map(example, lambda x: {0: torch.export.Dim.DYNAMIC}))
    named: Any = {"input_names": ["clips"], "output_names": ["logits"]} if len(tensors(example)) == 1 else {}
    with quiet():
        try:
            # a dictionary in the last place would be taken for keyword arguments
            program: Any = torch.onnx.export(
                module.eval(), (*example, {}), dynamo=True, verbose=False, dynamic_shapes=shapes, **named
            )
        except torch.onnx.OnnxExporterError as error:
            reason = " ".join(str(error.__cause__ or error).split())[:200]
            raise UsageError(f"torch cannot write this network as ONNX: {reason}") from error
        program.save(str(path))


def write_int8(plain: Path, path: Path, calibration: Sequence[Example]) -> None:
    """Write an ONNX file again with convolutions and matrix products in 8 bits, by ranges seen on ``calibration``.

    Weights are int8 for each channel, activations uint8 for each tensor, static.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    if not calibration:
        raise UsageError("8-bit integers need clips of the training split to take ranges from, and there are none")
    names = input_names(plain)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(calibration)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            inputs = next(self.left, None)
            return None if inputs is None else dict(zip(names, arrays(inputs), strict=True))

    with quiet():
        quantize_static(
            str(plain),
            str(path),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        )


def input_names(path: Path) -> list[str]:
    """Return the names of a model's inputs, in their order."""
    import onnx

    return [one.name for one in onnx.load(str(path), load_external_data=False).graph.input]


def tensors(inputs: Example) -> "list[Tensor]":
    """Return the tensors among the inputs, one after the other."""
    found: list[Tensor] = []
    for one in inputs:
        found += one.values() if isinstance(one, dict) else [one]
    return found


def arrays(inputs: Example) -> list[NDArray[Any]]:
    """Return the inputs as arrays, one after the other."""
    return [np.ascontiguousarray(tensor.detach().numpy()) for tensor in tensors(inputs)]


def _as_taken(module: "nn.Module", given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what belongs to the inputs as the network's parameters take them: one that takes several has a tuple."""
    kinds = [one.kind for one in inspect.signature(module.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return given
    first = kinds.index(inspect.Parameter.VAR_POSITIONAL)
    return (*given[:first], given[first:])


def _map(inputs: Example, change: "Callable[[Tensor], Any]") -> Any:
    return tuple(
        {name: change(x) for name, x in one.items()} if isinstance(one, dict) else change(one) for one in inputs
    )
