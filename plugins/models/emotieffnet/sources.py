"""Where EmotiEffNet's parameters come from, and how an ONNX file of EmotiEffLib is read."""

import math
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from abawbench.contracts import UsageError, Weights
from abawbench_plugins.models._sources import EMOTIEFFNET
from abawbench_plugins.models._weights import check_state, describe_sources, find, read_state
from abawbench_plugins.models.emotieffnet.network import ARCHITECTURES


def find_weights(spec: str) -> Weights:
    """Return what ``--weights SPEC`` names; see ``_weights.find``."""
    return find(spec, EMOTIEFFNET, "emotieffnet")


def read_backbone(weights: Weights) -> dict[str, Tensor] | None:
    """Return the parameters under timm's names, with a ``classifier`` where the file has one; None for ``none``.

    ImageNet's classifier says nothing about faces and is left out. Raises UsageError for a file that is no
    EfficientNet-B0.
    """
    if weights.path is None:
        return None
    path = Path(weights.path)
    with torch.device("meta"):
        expected = timm.create_model(ARCHITECTURES["full"], pretrained=False, num_classes=0).state_dict()
    state = _read_onnx(path, expected) if path.suffix == ".onnx" else read_state(path)
    # EmotiEffLib wraps the last layer of some of its networks
    state = {name.replace("classifier.0.", "classifier."): value for name, value in state.items()}
    ours = {n: v for n, v in state.items() if n.startswith("classifier.") and not weights.source.startswith("imagenet")}
    body = {name: value for name, value in state.items() if not name.startswith("classifier.")}
    remedy = f"give --weights {describe_sources(EMOTIEFFNET)}"
    return check_state(body, expected, path, "timm's tf_efficientnet_b0", remedy) | ours


def _read_onnx(path: Path, expected: dict[str, Tensor]) -> dict[str, Any]:
    """Return timm's names and tensors from the convolutions of an ONNX graph, in its order.

    Exporting folds each BatchNorm into the convolution before it, whose names are then lost; the order stays. What was
    folded comes back as a BatchNorm that only adds a bias.
    """
    try:
        import onnx
    except ImportError as error:
        raise UsageError("reading .onnx weights needs onnx: pip install 'abawbench[onnx]'") from error
    try:
        graph = onnx.load(path).graph
        stored = {one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy()) for one in graph.initializer}
    except Exception as error:  # protobuf raises its own kinds
        raise UsageError(f"{path} is not an ONNX file ({error}); fetch it anew") from error
    for node in graph.node:
        # equal tensors are stored once
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    nodes = [[stored.get(name) for name in n.input[1:]] for n in graph.node if n.op_type == "Conv"]
    names = [name for name, value in expected.items() if name.endswith(".weight") and value.ndim == 4]
    found: dict[str, Any] = {}
    for name, (weight, *bias) in zip(names, nodes, strict=False):
        found[name] = weight
        own = name.removesuffix("weight") + "bias"
        if own in expected:
            found[own] = bias[0] if bias else None
        elif bias:
            found |= _only_bias(_norm_of(name), bias[0])
    if len(nodes) != len(names) or set(expected) - set(found) - {n for n in expected if n.endswith("batches_tracked")}:
        raise UsageError(f"{path} has other convolutions than timm's tf_efficientnet_b0; give --weights affectnet=FILE")
    gemm = next((n for n in graph.node if n.op_type == "Gemm"), None)
    if gemm is not None:
        found |= {"classifier.weight": stored.get(gemm.input[1]), "classifier.bias": stored.get(gemm.input[2])}
    return found


def _norm_of(convolution: str) -> str:
    """Return the name of the BatchNorm behind a convolution of timm's EfficientNet."""
    module, _, name = convolution.removesuffix(".weight").rpartition(".")
    if not module:
        return {"conv_stem": "bn1", "conv_head": "bn2"}[name]
    first = {"conv_dw": "bn1", "conv_pw": "bn2"} if module.startswith("blocks.0.") else {}
    return f"{module}." + ({"conv_pw": "bn1", "conv_dw": "bn2", "conv_pwl": "bn3"} | first)[name]


def _only_bias(norm: str, bias: Tensor | None) -> dict[str, Any]:
    if bias is None:
        return {}
    one = torch.ones_like(bias)
    # timm's tf_ networks divide by sqrt(variance + 1e-3)
    scale = one * math.sqrt(1 + 1e-3)
    values = {"weight": scale, "bias": bias, "running_mean": 0 * one, "running_var": one}
    return {f"{norm}.{name}": value for name, value in values.items()}
