"""fvcore as the second counter: its own formulas where they are exact, ours for what it misses or counts otherwise."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

_MATRICES = ("linear", "matmul", "addmm", "baddbmm", "addbmm", "bmm", "mm", "mv", "addmv", "dot", "einsum")
_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
KINDS = {"conv": "convolution"} | dict.fromkeys((*_MATRICES, *_RECURRENT, "scaled_dot_product_attention"), "matmul")
"""fvcore's operator -> the kind of product it is; any other operator is a kind of its own."""
NOT_PRODUCTS = (
    *("batch_norm", "layer_norm", "group_norm", "instance_norm", "grid_sampler"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
    *("upsample_nearest2d", "upsample_bilinear2d"),
)
"""Operators that fvcore counts by the element: no products of matrices, so no MACs here."""

Handler = Callable[[list[Any], list[Any]], int]


def count_with_fvcore(
    network: nn.Module, inputs: tuple[Tensor, ...], formulas: Mapping[str, Callable[..., int]] | None = None
) -> tuple[dict[str, int], dict[str, int]]:
    """Return kind of operator -> MACs of ``network(*inputs)``, and operator -> calls of those it has no formula for.

    ``formulas`` are those that the network declares for operators of its own.
    """
    # here, and not above: its import compiles with torch.jit, which warns
    from fvcore.nn.flop_count import FlopCountAnalysis

    analysis = FlopCountAnalysis(network, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.set_op_handle(**{f"aten::{name}": handler for name, handler in _handlers().items()})
    analysis.set_op_handle(**dict.fromkeys((f"aten::{name}" for name in NOT_PRODUCTS), lambda inputs, outputs: 0))
    declared = formulas or {}
    analysis.set_op_handle(**{name: _declared(name, formula) for name, formula in declared.items()})
    kinds: Counter[str] = Counter()
    for operator, macs in analysis.by_operator().items():
        kinds[KINDS.get(operator, operator)] += int(macs)
    return {kind: macs for kind, macs in kinds.items() if macs}, dict(analysis.unsupported_ops())


def _declared(name: str, formula: Callable[..., int]) -> Any:
    def count(inputs: list[Any], outputs: list[Any]) -> Any:
        shapes = [_shape(one) if one.type().kind() == "TensorType" else None for one in inputs]
        return Counter({name: int(formula(shapes, _shape(outputs[0])))})

    return count


def _handlers() -> Mapping[str, Handler]:
    recurrent = dict.fromkeys(_RECURRENT, _recurrent)
    added = dict.fromkeys(("addmm", "baddbmm", "addbmm", "addmv"), lambda i, o: _product(i[1], i[2]))
    plain = dict.fromkeys(("matmul", "bmm", "mm", "mv", "dot"), lambda i, o: _product(i[0], i[1]))
    return {**recurrent, **added, **plain, "scaled_dot_product_attention": _attention, "einsum": _einsum}


def _shape(value: Any) -> list[int]:
    shape: list[int] = value.type().sizes()
    return shape


def _product(left: Any, right: Any) -> int:
    """MACs of a product of vectors or (batches of) matrices, broadcast as ``torch.matmul`` does."""
    a, b = _shape(left), _shape(right)
    rows, inner = (1, *a)[-2:]
    columns = b[-1] if len(b) > 1 else 1
    batch = [max(pair) for pair in zip(_pad_shape(a, b), _pad_shape(b, a), strict=True)]
    return math.prod(batch) * rows * inner * columns


def _pad_shape(shape: list[int], other: list[int]) -> list[int]:
    length = max(len(shape), len(other)) - 2
    return [1] * (length - max(len(shape) - 2, 0)) + shape[:-2]


def _attention(inputs: list[Any], outputs: list[Any]) -> int:
    """Queries [..., L, E], keys [..., S, E] and values [..., S, V]: two products, a mask takes none away."""
    query, key, value = (_shape(one) for one in inputs[:3])
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _recurrent(inputs: list[Any], outputs: list[Any]) -> int:
    """Every matrix of every layer and direction is multiplied once for each step of each sequence."""
    lists = [list(one.node().inputs()) for one in inputs if one.node().kind() == "prim::ListConstruct"]
    # the other list, of the states at the start, holds no matrix
    weights = max(lists, key=lambda one: sum(len(_shape(value)) == 2 for value in one))
    packed = inputs[1].type().kind() == "TensorType" and len(_shape(inputs[1])) == 1
    data = _shape(inputs[0])
    steps = data[0] if packed else math.prod(data[:-1])
    return steps * sum(math.prod(shape) for shape in map(_shape, weights) if len(shape) == 2)


def _einsum(inputs: list[Any], outputs: list[Any]) -> int:
    """Two operands: the product of the sizes of all indices; for others fvcore's own estimate."""
    equation = inputs[0].toIValue().replace(" ", "")
    operands = [_shape(one) for one in inputs[1].node().inputs()]
    if len(operands) != 2 or not re.fullmatch(r"\w+,\w+->\w*", equation):
        from fvcore.nn.jit_handles import einsum_flop_jit

        return int(einsum_flop_jit(inputs, outputs))
    letters = equation.partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for names, shape in zip(letters, operands, strict=True):
        for name, size in zip(names, shape, strict=True):
            sizes[name] = max(size, sizes.get(name, 1))
    return math.prod(sizes.values())
