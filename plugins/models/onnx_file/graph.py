"""An ONNX graph as a torch module: counted, exported and timed like any other network."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from abawbench.contracts import UsageError
from abawbench_plugins.models.onnx_file import shapes
from abawbench_plugins.models.onnx_file.operators import OPERATORS

assert shapes.__name__  # its operators join the others
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
_KEPT = (np.float32, np.float16, np.int8, np.uint8, np.int32)
"""Types of numbers that were learned; whole numbers of 64 bits are shapes and axes."""


class Graph(nn.Module):
    """Runs the nodes of a graph in their order on one input; gives one of its outputs.

    What was learned is a parameter, of 8 bits too, and none trains. Scales and zero points are no parameters.
    """

    def __init__(self, path: Path, output: str | None) -> None:
        super().__init__()
        onnx = _onnx()
        try:
            model = onnx.load(path)
            onnx.checker.check_model(model)
        except Exception as error:  # protobuf and the checker raise kinds of their own
            raise UsageError(f"{path} is not a valid ONNX file: {' '.join(str(error).split())[:200]}") from error
        graph = model.graph
        own = {one.name for one in graph.initializer}
        inputs = [one.name for one in graph.input if one.name not in own]
        outputs = [one.name for one in graph.output]
        if len(inputs) != 1:
            raise UsageError(f"{path} has {len(inputs)} inputs ({', '.join(inputs)}); it must have one, of images")
        if output is not None and output not in outputs:
            raise UsageError(f"{path} has no output {output!r}; it has {', '.join(outputs)}")
        self.input, self.output = inputs[0], output or outputs[0]
        self._opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
        self._nodes = [self._node(node, path) for node in graph.node]
        self._constants: dict[str, Any] = {}
        self._places: dict[str, str] = {}
        scales = {name for node in graph.node if node.op_type in _QUANTIZERS for name in node.input[1:]}
        for one in graph.initializer:
            self._keep(one.name, onnx.numpy_helper.to_array(one), one.name in scales)
        for kind, _, results, attributes in self._nodes:
            if kind == "Constant":
                value = next(v for k, v in attributes.items() if k.startswith("value"))
                self._keep(results[0], np.asarray(value), results[0] in scales)
        self._zero_types(graph, onnx)
        self._nodes = [node for node in self._nodes if node[0] != "Constant"]

    def _node(self, node: Any, path: Path) -> tuple[str, list[str], list[str], dict[str, Any]]:
        onnx = _onnx()
        if node.op_type != "Constant" and node.op_type not in OPERATORS:
            raise UsageError(
                f"{path} uses the operator {node.op_type}, which is not known here; export the network again with "
                "another opset, or simplified"
            )
        attributes = {one.name: _attribute(onnx.helper.get_attribute_value(one), onnx) for one in node.attribute}
        attributes |= {"op_type": node.op_type, "opset": self._opset, "outputs": len(node.output)}
        return node.op_type, list(node.input), list(node.output), attributes

    def _keep(self, name: str, value: Any, scale: bool) -> None:
        """Hold a constant: what was learned as a parameter, scales as a buffer, shapes and axes as numpy."""
        if value.dtype.type not in _KEPT or (value.ndim == 0 and not scale):
            self._constants[name] = value
            return
        place = f"p{len(self._places)}"
        self._places[name] = place
        held = torch.from_numpy(value.copy())
        if scale:
            self.register_buffer(place, held)
        else:
            self.register_parameter(place, nn.Parameter(held, requires_grad=False))

    def _zero_types(self, graph: Any, onnx: Any) -> None:
        """Note at each quantizer how many bits its zero point has: here it becomes a float."""
        kinds = {one.name: onnx.numpy_helper.to_array(one).dtype for one in graph.initializer}
        for kind, names, _, attributes in self._nodes:
            if kind in _QUANTIZERS and len(names) > 2:
                attributes["zero_type"] = kinds.get(names[2], np.dtype(np.uint8))

    def forward(self, images: Tensor) -> Tensor:
        """Return the output for images in the layout of the file."""
        values: dict[str, Any] = {self.input: images, "": None, **self._constants}
        values |= {name: getattr(self, place) for name, place in self._places.items()}
        for kind, names, results, attributes in self._nodes:
            found = OPERATORS[kind]([values[name] for name in names], attributes)
            several = found if isinstance(found, tuple | list) else (found,)
            values.update(zip(results, several, strict=False))
        output: Tensor = values[self.output]
        return output


def _attribute(value: Any, onnx: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def files_of(path: Path) -> list[Path]:
    """Return an ONNX file and those beside it that hold its tensors. Raises UsageError for one that is not there."""
    onnx = _onnx()
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf raises kinds of its own
        raise UsageError(f"{path} is not a valid ONNX file: {' '.join(str(error).split())[:200]}") from error
    names = {
        entry.value
        for one in model.graph.initializer
        if one.data_location == onnx.TensorProto.EXTERNAL
        for entry in one.external_data
        if entry.key == "location"
    }
    files = [path, *(path.with_name(name) for name in sorted(names))]
    for file in files:
        if not file.is_file():
            raise UsageError(f"{path} keeps tensors in {file.name}, which is not beside it; copy that too")
    return files


def check_against_onnxruntime(graph: Graph, path: Path, images: Tensor) -> None:
    """Raise UsageError unless the graph gives here what onnxruntime gives; 8-bit steps may round the other way."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    there = session.run([graph.output], {graph.input: images.numpy()})[0]
    with torch.no_grad():
        here = graph.eval()(images).numpy()
    steps = any(node[0] in _QUANTIZERS for node in graph._nodes)
    allowed = (0.05 if steps else 1e-3) * max(float(np.abs(there).max()), 1e-3)
    if here.shape != there.shape or not float(np.abs(here - there).max()) <= allowed:
        raise UsageError(f"{path}: outputs here are not those of onnxruntime; report the file as an issue")


def _onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise UsageError("onnx:FILE needs onnx and onnxruntime; run: pip install 'abawbench[onnx]'") from error
    return onnx
