"""What a network holds and computes: parameters, bytes, and multiply-accumulates (MACs) by two counters."""

import copy
import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

FLOP_COUNTER, FVCORE = "flop_counter", "fvcore"
_FVCORE_KINDS = {"conv": "convolution"} | dict.fromkeys(("linear", "matmul", "addmm", "bmm", "mm", "einsum"), "matmul")
_HIDES_PRODUCTS = re.compile(
    r"lstm|gru|rnn|attention|encoder_layer|conv|linear|mm\b|matmul|einsum|bilinear\b|dot\b|mv\b|cdist|fft", re.ASCII
)


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters; ``trained`` ones have gradients, ``by_module`` sums the children of the network."""

    total: int
    trained: int
    by_module: Mapping[str, int]


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of one forward pass. One MAC is two floating-point operations.

    ``total`` is counter -> MACs, for the counters ``flop_counter`` (torch's, halved: products and convolutions) and
    ``fvcore`` (also normalisation and some resampling, one or two per element); a counter that failed is missing and
    stands in ``failed`` with its error. ``by_operator`` is counter -> kind of operator -> MACs. ``uncounted`` is
    counter -> operator -> calls, for all that it ran and gave no number.
    """

    total: Mapping[str, int]
    by_operator: Mapping[str, Mapping[str, int]]
    uncounted: Mapping[str, Mapping[str, int]]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def difference(self) -> dict[str, int]:
        """Kind of operator -> MACs by fvcore minus MACs by torch, where they differ; sums to the totals' difference.

        Products that only torch counted carry the names of the operators that fvcore saw in their place.
        """
        if self.failed:
            return {}
        ours, theirs = (Counter(self.by_operator[name]) for name in (FLOP_COUNTER, FVCORE))
        found = {kind: theirs[kind] - ours[kind] for kind in sorted(ours | theirs) if theirs[kind] != ours[kind]}
        if found.get("matmul", 0) < 0 and (missed := self.missed_products.get(FVCORE)):
            found["matmul in " + ", ".join(missed)] = found.pop("matmul")
        return found

    @property
    def missed_products(self) -> dict[str, list[str]]:
        """Counter -> the uncounted operators that hide products or convolutions: its total is too small by them."""
        found = {name: [op for op in ops if _HIDES_PRODUCTS.search(op)] for name, ops in self.uncounted.items()}
        return {name: ops for name, ops in found.items() if ops}


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


def count_macs(network: nn.Module, example: Tensor) -> Macs:
    """Return the MACs of ``network(example)`` in evaluation mode, by both counters.

    torch's counter gives 0 for fused attention and for LSTM on a CPU (pytorch/pytorch#195460): fused kernels are off
    while it counts.
    """
    total: dict[str, int] = {}
    by_operator: dict[str, dict[str, int]] = {}
    uncounted: dict[str, dict[str, int]] = {}
    failed: dict[str, str] = {}
    with evaluating(network), _quiet(), torch.no_grad():
        for name, count in ((FLOP_COUNTER, _by_torch), (FVCORE, _by_fvcore)):
            try:
                by_operator[name], uncounted[name] = count(network, example)
                total[name] = sum(by_operator[name].values())
            except Exception as error:  # a network may do what a counter cannot follow; the other still counts
                failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return Macs(total, by_operator, uncounted, failed)


def _by_torch(network: nn.Module, example: Tensor) -> tuple[dict[str, int], dict[str, int]]:
    with _plain_kernels(example.device):
        try:
            # shapes are enough for most networks, and are quick
            return _torch_pass(copy.deepcopy(network).to("meta"), example.to("meta"))
        except Exception:
            return _torch_pass(network, example)


def _torch_pass(network: nn.Module, example: Tensor) -> tuple[dict[str, int], dict[str, int]]:
    seen = _Uncounted()
    counter = FlopCounterMode(display=False)
    with seen, counter:
        network(example)
    kinds: Counter[str] = Counter()
    for packet, flops in counter.get_flop_counts().get("Global", {}).items():
        name = str(packet)
        kind = "convolution" if "conv" in name else "attention" if "attention" in name else "matmul"
        kinds[kind] += flops // 2
    return {kind: macs for kind, macs in kinds.items() if macs}, dict(seen.calls)


def _by_fvcore(network: nn.Module, example: Tensor) -> tuple[dict[str, int], dict[str, int]]:
    # here, and not above: its import compiles with torch.jit, which warns
    from fvcore.nn.flop_count import FlopCountAnalysis

    analysis = FlopCountAnalysis(network, example).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    kinds: Counter[str] = Counter()
    for operator, macs in analysis.by_operator().items():
        kinds[_FVCORE_KINDS.get(operator, operator)] += int(macs)
    return {kind: macs for kind, macs in kinds.items() if macs}, dict(analysis.unsupported_ops())


class _Uncounted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Names the operators that torch's counter has no formula for, views and copies aside."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func._overloadpacket
        if packet not in flop_registry and not func.is_view and packet not in _FREE:
            self.calls[str(packet).replace("aten.", "aten::")] += 1
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
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every module back into its own mode afterwards."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _quiet() -> Iterator[None]:
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
