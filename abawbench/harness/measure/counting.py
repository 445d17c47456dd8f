"""What a network holds and computes: parameters, bytes, and multiply-accumulates (MACs) by two counters.

One convention: a MAC is one multiplication with its addition inside a product of matrices or a convolution; FLOPs are
two for each MAC; nothing else counts (no bias, normalisation, activation, pooling, softmax). See docs/cost.md.
"""

import copy
import logging
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from abawbench.harness.measure.fvcore_counts import count_with_fvcore
from abawbench.nn import ClipNetwork, Features
from abawbench.records.cost import COUNTERS, hiding_products, is_python_call

FLOP_COUNTER, FVCORE = COUNTERS
_STAGES = {"embed": "backbone", "head": "temporal head"}


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters; ``trained`` ones have gradients, ``by_module`` sums the children of the network."""

    total: int
    trained: int
    by_module: Mapping[str, int]


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of one forward pass. One MAC is two floating-point operations.

    ``total`` is counter -> MACs, for the counters ``flop_counter`` (torch's, halved) and ``fvcore``; a counter that
    failed is missing and stands in ``failed`` with its error. ``by_operator`` is counter -> kind of operator -> MACs.
    ``uncounted`` is counter -> operator -> calls, for all that it ran and gave no number. ``by_module`` is the name of
    a module -> MACs by torch that ran in it and in none of its submodules; the network itself is ``""``.
    """

    total: Mapping[str, int]
    by_operator: Mapping[str, Mapping[str, int]]
    uncounted: Mapping[str, Mapping[str, int]]
    failed: Mapping[str, str] = field(default_factory=dict)
    by_module: Mapping[str, int] = field(default_factory=dict)

    @property
    def difference(self) -> dict[str, int]:
        """Kind of operator -> MACs by fvcore minus MACs by torch, where they differ; sums to the totals' difference.

        Products that only one counted carry the names of the operators that the other saw in their place.
        """
        if self.failed:
            return {}
        ours, theirs = (Counter(self.by_operator[name]) for name in COUNTERS)
        found = {kind: theirs[kind] - ours[kind] for kind in sorted(ours | theirs) if theirs[kind] != ours[kind]}
        short = FVCORE if found.get("matmul", 0) < 0 else FLOP_COUNTER
        if "matmul" in found and (missed := self.missed_products.get(short)):
            found["matmul in " + ", ".join(missed)] = found.pop("matmul")
        return found

    @property
    def missed(self) -> list[str]:
        """Operators in which products may be hidden and for which nobody gave a formula: the total is short by them."""
        ran = self.uncounted.get(FLOP_COUNTER) or self.uncounted.get(FVCORE, {})
        past_torch = [name for name in self.uncounted.get(FVCORE, {}) if is_python_call(name)]
        return list(dict.fromkeys(hiding_products([*ran, *past_torch])))

    @property
    def missed_products(self) -> dict[str, list[str]]:
        """Counter -> the uncounted operators that hide products or convolutions: its total is too small by them."""
        found = {name: hiding_products(ops) for name, ops in self.uncounted.items()}
        return {name: ops for name, ops in found.items() if ops}

    def within(self, module: str) -> int:
        """Return the MACs of a module and all below it."""
        return sum(macs for name, macs in self.by_module.items() if f"{name}.".startswith(f"{module}.") or not module)

    def by_stage(self, network: nn.Module) -> dict[str, int]:
        """Return stage -> MACs, by the longest name of a module in ``stages_of(network)``; the rest is ``other``."""
        found: Counter[str] = Counter()
        for name, macs in self.by_module.items():
            found[stage_of(network, name)] += macs
        return {stage: macs for stage, macs in found.items() if macs}


Shapes = Sequence[Sequence[int] | None]
Formula = Callable[[Shapes, Sequence[int]], int]
"""MACs of one call, from the shapes of its inputs (None for what is no tensor) and the shape of its first output."""


def formulas_of(network: nn.Module) -> dict[str, Formula]:
    """Return operator -> formula, as the modules of a network declare them for operators that no counter knows.

    A module declares ``operator_macs``, a mapping from names such as ``torchvision::deform_conv2d`` to formulas.
    """
    found: dict[str, Formula] = {}
    for module in network.modules():
        found |= getattr(module, "operator_macs", {})
    return found


def stage_of(network: nn.Module, module: str) -> str:
    """Return the stage a module belongs to: that of its longest declared prefix, ``other`` without one.

    A network declares ``stages``, a mapping from names of modules to stages (``audio front end``, ``backbone``,
    ``temporal head``, ``fusion``); without it ``embed`` is the backbone and ``head`` the temporal head.
    """
    declared: Mapping[str, str] = getattr(network, "stages", _STAGES)
    matching = [name for name in declared if f"{module}.".startswith(f"{name}.")]
    return declared[max(matching, key=len)] if matching else "other"


def count_parameters(network: nn.Module) -> Parameters:
    """Return the numbers of parameters of a network, each shared one counted once."""
    parameters = list(network.parameters())
    return Parameters(
        total=sum(p.numel() for p in parameters),
        trained=sum(p.numel() for p in parameters if p.requires_grad),
        by_module={name: sum(p.numel() for p in child.parameters()) for name, child in network.named_children()},
    )


def count_bytes(network: nn.Module) -> int:
    """Return the bytes of the parameters and buffers in a float32 file, each shared one once, without its header."""
    tensors = {(t.data_ptr() or id(t), t.shape, t.dtype): t for t in network.state_dict().values()}.values()
    return sum(t.numel() * (4 if t.is_floating_point() else t.element_size()) for t in tensors)


def count_macs(network: nn.Module, *example: Any) -> Macs:
    """Return the MACs of ``network(*example)`` in evaluation mode, by both counters.

    The inputs are tensors, or tuples and mappings of tensors. torch's counter gives 0 for fused attention and for LSTM
    on a CPU (pytorch/pytorch#195460): fused kernels are off while it counts.
    """
    total: dict[str, int] = {}
    by_operator: dict[str, dict[str, int]] = {}
    uncounted: dict[str, dict[str, int]] = {}
    failed: dict[str, str] = {}
    by_module: dict[str, int] = {}

    def by_torch() -> tuple[dict[str, int], dict[str, int]]:
        kinds, calls, modules = _by_torch(network, example)
        by_module.update(modules)
        return kinds, calls

    def by_fvcore() -> tuple[dict[str, int], dict[str, int]]:
        leaves, structure = pytree.tree_flatten(example)
        return count_with_fvcore(_Flat(network, structure), tuple(leaves), formulas_of(network))

    with evaluation_mode(network), _silence_tracing(), torch.no_grad():
        for name, count in ((FLOP_COUNTER, by_torch), (FVCORE, by_fvcore)):
            try:
                by_operator[name], uncounted[name] = count()
                total[name] = sum(by_operator[name].values())
            except Exception as error:  # a network may do what a counter cannot follow; the other still counts
                failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return Macs(total, by_operator, uncounted, failed, by_module)


def macs_per_frame(network: nn.Module, image: Tensor) -> int | None:
    """Return the MACs of what a network computes image by image, for one image [1, 3, S, S]; None where it cannot."""
    if not isinstance(network, ClipNetwork):
        return None
    with evaluation_mode(network), _silence_tracing(), torch.no_grad():
        return sum(_by_torch(_PerFrame(network), (image,))[0].values())


class _PerFrame(nn.Module):
    def __init__(self, network: ClipNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Features:
        return self.network.per_frame(images)


class _Flat(nn.Module):
    """A network that takes the tensors of its inputs one by one, as tracing wants them."""

    def __init__(self, network: nn.Module, structure: Any) -> None:
        super().__init__()
        self.network, self.structure = network, structure

    def forward(self, *leaves: Tensor) -> Any:
        return self.network(*pytree.tree_unflatten(leaves, self.structure))


_Counted = tuple[dict[str, int], dict[str, int], dict[str, int]]


def _by_torch(network: nn.Module, example: tuple[Any, ...]) -> _Counted:
    device = next((x.device for x in pytree.tree_leaves(example) if isinstance(x, Tensor)), torch.device("cpu"))
    with _plain_kernels(device):
        try:
            # shapes are enough for most networks, and are quick
            shapes = pytree.tree_map_only(Tensor, lambda x: x.to("meta"), example)
            return _torch_pass(copy.deepcopy(network).to("meta"), shapes)
        except Exception:
            return _torch_pass(network, example)


def _torch_pass(network: nn.Module, example: tuple[Any, ...]) -> _Counted:
    declared = {_packet(name): _flops(formula) for name, formula in formulas_of(network).items()}
    seen = _Uncounted(declared)
    counter = FlopCounterMode(display=False, custom_mapping={**_FORMULAS, **declared})
    with seen, counter, _own(network, lambda: counter.get_total_flops()) as flops:
        network(*example)
    kinds: Counter[str] = Counter()
    for packet, count in counter.get_flop_counts().get("Global", {}).items():
        name = str(packet)
        kind = "convolution" if "conv" in name else "attention" if "attention" in name else "matmul"
        if packet in declared:
            kind = name.replace(".", "::", 1)
        kinds[kind] += count // 2
    modules = {name: count // 2 for name, count in flops.items() if count}
    return {kind: macs for kind, macs in kinds.items() if macs}, dict(seen.calls), modules


@contextmanager
def _own(network: nn.Module, total: Callable[[], int]) -> Iterator[Counter[str]]:
    """Give module -> what ``total`` grew by inside its own forward, outside of those of its submodules."""
    found: Counter[str] = Counter()
    names = {module: name for name, module in network.named_modules()}
    stack: list[list[int]] = []  # of the modules being run: the total when it began, what others ran inside it

    def enter(module: nn.Module, inputs: Any) -> None:
        stack.append([total(), 0])

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        began, inside = stack.pop()
        grown = total() - began
        found[names[module]] += grown - inside
        if stack:
            stack[-1][1] += grown

    hooks = [module.register_forward_pre_hook(enter) for module in names]
    hooks += [module.register_forward_hook(leave) for module in names]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _vector_flops(*shapes: Any, out_shape: Any = None, **options: Any) -> int:
    """Return two operations for each number of what the last of the shapes, a vector, is multiplied with."""
    return 2 * int(math.prod(shapes[-2]))


_FORMULAS = {torch.ops.aten.mv: _vector_flops, torch.ops.aten.addmv: _vector_flops, torch.ops.aten.dot: _vector_flops}
"""Products with a vector, which torch's counter leaves out."""


def _packet(operator: str) -> Any:
    """Return torch's object for an operator. Raises AttributeError where nobody registered it."""
    space, _, name = operator.partition("::")
    return getattr(getattr(torch.ops, space), name)


def _flops(formula: Formula) -> Any:
    def count(*given: Any, out_val: Any = None, **options: Any) -> int:
        first = next((x for x in pytree.tree_leaves(out_val) if isinstance(x, Tensor)), None)
        shapes = [list(x.shape) if isinstance(x, Tensor) else None for x in given]
        return 2 * int(formula(shapes, [] if first is None else list(first.shape)))

    count._get_raw = True  # type: ignore[attr-defined]  # torch then gives values, not shapes
    return count


class _Uncounted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Names the operators that torch's counter has no formula for, views and copies aside."""

    def __init__(self, declared: Mapping[Any, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._declared = declared
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func._overloadpacket
        known = packet in flop_registry or packet in _FREE or packet in _FORMULAS or packet in self._declared
        if not known and not func.is_view:
            self.calls[str(packet).replace(".", "::", 1)] += 1
        return func(*args, **(kwargs or {}))


_FREE = {
    torch.ops.aten.clone,
    torch.ops.aten.copy_,
    torch.ops.aten._to_copy,
    torch.ops.aten.cat,
    torch.ops.aten.stack,
    torch.ops.aten._unsafe_view,
    torch.ops.aten._reshape_alias,
    torch.ops.aten.lift_fresh,
    torch.ops.aten.empty,
    torch.ops.aten.zeros,
    torch.ops.aten.arange,
    torch.ops.aten.index_select,
}


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every module back into its own mode afterwards."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _silence_tracing() -> Iterator[None]:
    """Silence what tracing says about shapes, and run attention layers as their parts."""
    fast_path, level = torch.backends.mha.get_fastpath_enabled(), logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast_path)
            logging.disable(level)


@contextmanager
def _plain_kernels(device: torch.device) -> Iterator[None]:
    """Make torch run the operators that its counter knows, in place of fused ones."""
    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        if device.type == "cuda":
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield
