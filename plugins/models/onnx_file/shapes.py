"""The operators of ONNX that move numbers and compute none: shapes, slices, padding, 8-bit steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from abawbench_plugins.models.onnx_file.operators import (
    Attributes,
    Value,
    given,
    host,
    ints,
    numbers,
    operator,
    tensor,
    tensors,
)


@operator("Shape")
def shape(values: Sequence[Value], attributes: Attributes) -> Any:
    # where torch records a trace a size is a tensor, which numpy does not take
    sizes = [int(n) if torch.jit.is_tracing() else n for n in values[0].shape]  # type: ignore[attr-defined, no-untyped-call]
    found = sizes[attributes.get("start", 0) : attributes.get("end")]
    return np.array(found, dtype=np.int64 if all(isinstance(n, int) for n in found) else object)


@operator("Reshape")
def reshape(values: Sequence[Value], attributes: Attributes) -> Any:
    wanted = ints(values[1])
    sizes = [values[0].shape[n] if size == 0 and isinstance(size, int) else size for n, size in enumerate(wanted)]
    return values[0].reshape(sizes)


@operator("Flatten")
def flatten(values: Sequence[Value], attributes: Attributes) -> Any:
    x, axis = values[0], attributes.get("axis", 1)
    if axis == 1:
        return x.flatten(1)
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


@operator("Transpose")
def transpose(values: Sequence[Value], attributes: Attributes) -> Any:
    x = values[0]
    order = attributes.get("perm", list(reversed(range(x.ndim))))
    return x.permute(order) if isinstance(x, Tensor) else x.transpose(order)


@operator("Squeeze")
def squeeze(values: Sequence[Value], attributes: Attributes) -> Any:
    x, axes = values[0], given(values, 1, attributes, "axes")
    dims = tuple(ints(axes)) if axes is not None else tuple(n for n, size in enumerate(x.shape) if size == 1)
    return x.squeeze(dims)


@operator("Unsqueeze")
def unsqueeze(values: Sequence[Value], attributes: Attributes) -> Any:
    x, dims = values[0], ints(given(values, 1, attributes, "axes"))
    if not isinstance(x, Tensor):
        return np.expand_dims(np.asarray(x), tuple(dims))
    total = x.ndim + len(dims)
    for dim in sorted(dim % total for dim in dims):
        x = x.unsqueeze(dim)
    return x


@operator("Concat")
def concat(values: Sequence[Value], attributes: Attributes) -> Any:
    if host(values):
        return np.concatenate([np.asarray(value) for value in values], axis=attributes["axis"])
    return torch.cat(tensors(values), dim=attributes["axis"])


@operator("Split")
def split(values: Sequence[Value], attributes: Attributes) -> Any:
    x, axis = values[0], attributes.get("axis", 0)
    sizes = given(values, 1, attributes, "split")
    if sizes is None:
        return torch.chunk(x, attributes["outputs"], dim=axis)
    return torch.split(x, ints(sizes), dim=axis)


@operator("Slice")
def take_slice(values: Sequence[Value], attributes: Attributes) -> Any:
    x = values[0]
    starts, ends = (ints(given(values, n, attributes, name)) for n, name in ((1, "starts"), (2, "ends")))
    axes = given(values, 3, attributes, "axes")
    steps = ints(values[4]) if len(values) > 4 and values[4] is not None else [1] * len(starts)
    index: list[Any] = [slice(None)] * x.ndim
    for start, end, axis, step in zip(
        starts, ends, ints(axes) if axes is not None else range(len(starts)), steps, strict=True
    ):
        if step < 0 and isinstance(x, Tensor):
            raise NotImplementedError("Slice that goes backwards")
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


@operator("Gather")
def gather(values: Sequence[Value], attributes: Attributes) -> Any:
    x, index, axis = values[0], values[1], attributes.get("axis", 0)
    if host(values):
        return np.take(np.asarray(x), np.asarray(index), axis=axis)
    if isinstance(x, Tensor) and not isinstance(index, Tensor) and np.ndim(index) == 0:
        return x.select(axis, int(index))
    x, index = tensors([x, index])
    axis %= x.ndim
    found = x.index_select(axis, torch.where(index < 0, index + x.shape[axis], index).reshape(-1))
    return found.view(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


@operator("Expand")
def expand(values: Sequence[Value], attributes: Attributes) -> Any:
    sizes = ints(values[1])
    if host(values):
        return np.asarray(values[0]) * np.ones(sizes, dtype=np.asarray(values[0]).dtype)
    return values[0] * torch.ones(sizes, dtype=values[0].dtype, device=values[0].device)


@operator("ConstantOfShape")
def constant_of_shape(values: Sequence[Value], attributes: Attributes) -> Any:
    value = np.asarray(attributes.get("value", np.zeros(1, dtype=np.float32)))
    return np.full(ints(values[0]), value.reshape(-1)[0], dtype=value.dtype)


@operator("Range")
def arange(values: Sequence[Value], attributes: Attributes) -> Any:
    return np.arange(*(numbers(value)[0] for value in values))


@operator("Pad")
def pad(values: Sequence[Value], attributes: Attributes) -> Any:
    x, sizes = values[0], ints(given(values, 1, attributes, "pads"))
    if len(values) > 3 and values[3] is not None:
        raise NotImplementedError("Pad of some axes")
    mode = attributes.get("mode", "constant")
    value = numbers(given(values, 2, attributes, "value", 0.0))[0]
    wanted = [p for n in reversed(range(x.ndim)) for p in (sizes[n], sizes[n + x.ndim])]
    if mode == "constant":
        return F.pad(x, wanted, value=float(value))
    while wanted and not any(wanted[-2:]):
        wanted = wanted[:-2]
    return F.pad(x, wanted, mode={"reflect": "reflect", "edge": "replicate"}[mode])


@operator("Resize")
def resize(values: Sequence[Value], attributes: Attributes) -> Any:
    x, scales = values[0], values[2] if len(values) > 2 else None
    sizes = values[3] if len(values) > 3 and values[3] is not None else None
    wanted = (
        ints(sizes)[2:]
        if sizes is not None
        else [int(n * s) for n, s in zip(x.shape[2:], numbers(scales)[2:], strict=True)]
    )
    mode, corners = attributes.get("mode", "nearest"), attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest" and corners == "asymmetric":
        return F.interpolate(x, wanted, mode="nearest")
    if mode == "linear" and corners in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        return F.interpolate(x, wanted, mode="bilinear", align_corners=corners == "align_corners")
    raise NotImplementedError(f"Resize {mode} {corners}")


@operator("QuantizeLinear")
def quantize(values: Sequence[Value], attributes: Attributes) -> Any:
    x, scale, zero, low, high = _steps(values, attributes)
    return (torch.round(x / scale) + zero).clamp(low, high)


@operator("DequantizeLinear")
def dequantize(values: Sequence[Value], attributes: Attributes) -> Any:
    x, scale, zero, _, _ = _steps(values, attributes)
    return (x.float() - zero) * scale


def _steps(values: Sequence[Value], attributes: Attributes) -> tuple[Tensor, Tensor, Tensor, int, int]:
    """Return values, scale and zero point, shaped to be multiplied, and the least and the most that 8 bits hold."""
    like = next((value for value in values if isinstance(value, Tensor)), torch.zeros(()))
    kind = np.uint8 if len(values) < 3 or values[2] is None else attributes["zero_type"]
    x, scale, zero = (tensor(0 if value is None else value, like) for value in (*values, None)[:3])
    if scale.ndim == 1 and x.ndim > 1 and scale.numel() > 1:
        across = [1] * x.ndim
        across[attributes.get("axis", 1)] = -1
        scale, zero = scale.view(across), zero.view(across)
    bounds = np.iinfo(kind)
    return x, scale.float(), zero.float(), int(bounds.min), int(bounds.max)
