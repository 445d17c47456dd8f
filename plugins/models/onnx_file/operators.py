"""The operators of ONNX in torch, by name; each takes its node's inputs and attributes.

A value that depends on no image is a numpy array: shapes, axes and constants stay outside torch, so that a batch of any
size and an export of the network go through.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Value: TypeAlias = Any
"""A Tensor, a numpy array, or None for an input that is left out."""
Attributes: TypeAlias = Mapping[str, Any]
Operator: TypeAlias = Callable[[Sequence[Value], Attributes], Any]
OPERATORS: dict[str, Operator] = {}
TYPES = {1: torch.float32, 2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64, 9: torch.bool,
         10: torch.float16, 11: torch.float64}  # fmt: skip


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Return a decorator that makes a function the operator of those names."""

    def keep(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return keep


def numbers(value: Value) -> list[Any]:
    """Return a constant as a flat list."""
    return list(np.asarray(value).reshape(-1))


def ints(value: Value) -> list[Any]:
    """Return a constant as integers; a symbolic size of an export stays one."""
    return [int(n) if isinstance(n, int | np.integer | float | np.floating) else n for n in numbers(value)]


def host(values: Sequence[Value]) -> bool:
    """Return whether no value is a tensor."""
    return not any(isinstance(value, Tensor) for value in values)


def tensor(value: Value, like: Tensor) -> Tensor:
    """Return a value as a tensor on the device of another."""
    return value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value), device=like.device)


def tensors(values: Sequence[Value]) -> list[Tensor]:
    """Return values as tensors; one of them is."""
    like = next(value for value in values if isinstance(value, Tensor))
    return [tensor(value, like) for value in values]


def given(values: Sequence[Value], place: int, attributes: Attributes, name: str, default: Any = None) -> Any:
    """Return what newer opsets give as an input and older ones as an attribute."""
    if len(values) > place and values[place] is not None:
        return values[place]
    return attributes.get(name, default)


def _elementwise(names: str, by_torch: Callable[..., Any], by_numpy: Callable[..., Any]) -> None:
    def apply(values: Sequence[Value], attributes: Attributes) -> Any:
        known = [value for value in values if value is not None]
        return by_numpy(*known) if host(known) else by_torch(*tensors(known))

    operator(*names.split())(apply)


def _divide(a: Any, b: Any) -> Any:
    whole = all(np.asarray(x).dtype.kind in "iuO" for x in (a, b))
    return np.asarray(a) // np.asarray(b) if whole else np.asarray(a) / np.asarray(b)


_elementwise("Add", torch.add, np.add)
_elementwise("Sub", torch.sub, np.subtract)
_elementwise("Mul", torch.mul, np.multiply)
_elementwise("Div", torch.div, _divide)
_elementwise("Pow", torch.pow, np.power)
_elementwise("Sqrt", torch.sqrt, np.sqrt)
_elementwise("Exp", torch.exp, np.exp)
_elementwise("Log", torch.log, np.log)
_elementwise("Neg", torch.neg, np.negative)
_elementwise("Abs", torch.abs, np.abs)
_elementwise("Floor", torch.floor, np.floor)
_elementwise("Reciprocal", torch.reciprocal, np.reciprocal)
_elementwise("Equal", torch.eq, np.equal)
_elementwise("Where", torch.where, np.where)
_elementwise("Min", lambda *x: reduce(torch.minimum, x), lambda *x: reduce(np.minimum, x))
_elementwise("Max", lambda *x: reduce(torch.maximum, x), lambda *x: reduce(np.maximum, x))
_elementwise("Relu", torch.relu, lambda x: np.maximum(x, 0))
_elementwise("Sigmoid", torch.sigmoid, lambda x: 1 / (1 + np.exp(-x)))
_elementwise("Tanh", torch.tanh, np.tanh)
_elementwise("Erf", torch.erf, np.vectorize(lambda x: float(torch.erf(torch.tensor(x)))))
_elementwise("HardSwish", F.hardswish, lambda x: x * np.clip(x / 6 + 0.5, 0, 1))
_elementwise("Identity Dropout", lambda x, *_: x, lambda x, *_: x)
_elementwise("PRelu", lambda x, slope: torch.where(x < 0, x * slope, x), lambda x, slope: np.where(x < 0, x * slope, x))


@operator("LeakyRelu")
def leaky_relu(values: Sequence[Value], attributes: Attributes) -> Any:
    return F.leaky_relu(values[0], attributes.get("alpha", 0.01))


@operator("HardSigmoid")
def hard_sigmoid(values: Sequence[Value], attributes: Attributes) -> Any:
    return (values[0] * attributes.get("alpha", 0.2) + attributes.get("beta", 0.5)).clamp(0, 1)


@operator("Gelu")
def gelu(values: Sequence[Value], attributes: Attributes) -> Any:
    return F.gelu(values[0], approximate=attributes.get("approximate", "none"))


@operator("Clip")
def clip(values: Sequence[Value], attributes: Attributes) -> Any:
    low, high = (given(values, n, attributes, name) for n, name in ((1, "min"), (2, "max")))
    bounds = [None if bound is None else numbers(bound)[0].item() for bound in (low, high)]
    return values[0].clamp(*bounds)


@operator("Softmax", "LogSoftmax")
def softmax(values: Sequence[Value], attributes: Attributes) -> Any:
    apply = torch.log_softmax if attributes["op_type"] == "LogSoftmax" else torch.softmax
    if attributes["opset"] < 13:  # over all axes from the given one on
        axis = attributes.get("axis", 1) % values[0].ndim
        return apply(values[0].flatten(axis), dim=-1).view(values[0].shape)
    return apply(values[0], dim=attributes.get("axis", -1))


def _window(attributes: Attributes, size: int, shape: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Return strides, dilations and what is padded before and after each axis, in torch's order (last axis first)."""
    strides = list(attributes.get("strides", [1] * size))
    dilations = list(attributes.get("dilations", [1] * size))
    pads = list(attributes.get("pads", [0] * 2 * size))
    kind = attributes.get("auto_pad", "NOTSET")
    if kind.startswith("SAME"):
        pads = [0] * 2 * size
        for n in range(size):
            reach = (attributes["kernel_shape"][n] - 1) * dilations[n] + 1
            missing = max((-(-shape[n] // strides[n]) - 1) * strides[n] + reach - shape[n], 0)
            first = missing // 2 if kind == "SAME_UPPER" else -(-missing // 2)
            pads[n], pads[n + size] = first, missing - first
    return strides, dilations, [p for n in reversed(range(size)) for p in (pads[n], pads[n + size])]


@operator("Conv")
def conv(values: Sequence[Value], attributes: Attributes) -> Any:
    x, weight, *rest = tensors([value for value in values if value is not None])
    size = weight.ndim - 2
    strides, dilations, pads = _window({**attributes, "kernel_shape": weight.shape[2:]}, size, x.shape[2:])
    padding: Any = 0
    if any(pads):
        even = all(pads[2 * n] == pads[2 * n + 1] for n in range(size))
        x, padding = (x, pads[::-2]) if even else (F.pad(x, pads), 0)
    apply = (F.conv1d, F.conv2d, F.conv3d)[size - 1]
    return apply(x, weight, rest[0] if rest else None, strides, padding, dilations, attributes.get("group", 1))


@operator("MatMul")
def matmul(values: Sequence[Value], attributes: Attributes) -> Any:
    a, b = tensors(values)
    return a @ b


@operator("Gemm")
def gemm(values: Sequence[Value], attributes: Attributes) -> Any:
    a, b, *rest = tensors(values)
    a = a.t() if attributes.get("transA") else a
    b = b if attributes.get("transB") else b.t()
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    if alpha == 1 and (not rest or (beta == 1 and rest[0].ndim == 1)):
        return F.linear(a, b, *rest)
    return alpha * F.linear(a, b) + (beta * rest[0] if rest else 0)


@operator("MaxPool", "AveragePool")
def pool(values: Sequence[Value], attributes: Attributes) -> Any:
    x, kernel = values[0], list(attributes["kernel_shape"])
    strides, dilations, pads = _window(attributes, len(kernel), x.shape[2:])
    ceil = bool(attributes.get("ceil_mode", 0))
    if attributes["op_type"] == "MaxPool":
        x = F.pad(x, pads, value=float("-inf")) if any(pads) else x
        return F.max_pool2d(x, kernel, strides, 0, dilations, ceil)
    even = all(pads[2 * n] == pads[2 * n + 1] for n in range(len(kernel)))
    counted = bool(attributes.get("count_include_pad", 0))
    if not even:
        if not counted:
            raise NotImplementedError("AveragePool with uneven padding that does not count")
        return F.avg_pool2d(F.pad(x, pads), kernel, strides, 0, ceil)
    return F.avg_pool2d(x, kernel, strides, pads[::-2], ceil, counted)


@operator("GlobalAveragePool")
def global_average(values: Sequence[Value], attributes: Attributes) -> Any:
    return values[0].mean(dim=tuple(range(2, values[0].ndim)), keepdim=True)


@operator("GlobalMaxPool")
def global_max(values: Sequence[Value], attributes: Attributes) -> Any:
    return values[0].amax(dim=tuple(range(2, values[0].ndim)), keepdim=True)


@operator("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceProd")
def reduce_axes(values: Sequence[Value], attributes: Attributes) -> Any:
    axes, keep = given(values, 1, attributes, "axes"), bool(attributes.get("keepdims", 1))
    name = attributes["op_type"].removeprefix("Reduce")
    if host(values):
        by_numpy: dict[str, Any] = {"Mean": np.mean, "Sum": np.sum, "Max": np.max, "Min": np.min, "Prod": np.prod}
        return by_numpy[name](values[0], axis=None if axes is None else tuple(ints(axes)), keepdims=keep)
    dims = tuple(ints(axes)) if axes is not None else tuple(range(values[0].ndim))
    if name == "L2":
        return values[0].square().sum(dims, keepdim=keep).sqrt()
    by_torch: dict[str, Any] = {"Mean": torch.mean, "Sum": torch.sum, "Max": torch.amax, "Min": torch.amin}
    return by_torch[name](values[0], dims, keepdim=keep)


@operator("BatchNormalization")
def batch_norm(values: Sequence[Value], attributes: Attributes) -> Any:
    x, scale, bias, mean, variance = tensors(values)
    return F.batch_norm(x, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))


@operator("LayerNormalization")
def layer_norm(values: Sequence[Value], attributes: Attributes) -> Any:
    x, scale, *bias = tensors([value for value in values if value is not None])
    shape = x.shape[attributes.get("axis", -1) :]
    return F.layer_norm(x, shape, scale, bias[0] if bias else None, attributes.get("epsilon", 1e-5))


@operator("Cast")
def cast(values: Sequence[Value], attributes: Attributes) -> Any:
    kind = TYPES[attributes["to"]]
    if isinstance(values[0], Tensor):
        return values[0].to(kind)
    value = np.asarray(values[0])
    return value if value.dtype == object else value.astype(str(kind).removeprefix("torch."))
