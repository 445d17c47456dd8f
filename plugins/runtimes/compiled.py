"""torch.compile with its default backend, inductor, which writes C++ for a CPU."""

import copy
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from abawbench.contracts import Example, Runtime, UsageError
from abawbench_plugins.runtimes._quiet import quiet

if TYPE_CHECKING:
    from torch import Tensor, nn


class Compiled(Runtime):
    """A copy of the network compiled by inductor, with its parameters frozen into the code."""

    def compile(
        self, module: "nn.Module", example: Example, calibration: Sequence[Example] = ()
    ) -> "Callable[..., Tensor]":
        """Return the compiled network, compiled for the shapes of ``example``; takes a minute on few cores."""
        import torch

        _require_compiler()

        def forward(*inputs: "Tensor | dict[str, Tensor]") -> "Tensor":
            # tensors made in inference mode are of another kind, for which everything would be compiled again
            with torch.inference_mode(False), torch.no_grad():
                logits: Tensor = compiled(*(_outside(one) for one in inputs))
                return logits

        with quiet():
            # as one graph, however the code of the network is written: torch.compile alone stops at generators
            graph = torch.export.export(copy.deepcopy(module).eval(), example).module()
            # freezing folds BatchNorm into convolutions and packs their weights
            compiled = torch.compile(graph, dynamic=False, options={"freezing": True})
            forward(*example)
        return forward


def _outside(one: "Tensor | dict[str, Tensor]") -> "Tensor | dict[str, Tensor]":
    if isinstance(one, dict):
        return {name: tensor.clone() if tensor.is_inference() else tensor for name, tensor in one.items()}
    return one.clone() if one.is_inference() else one


def _require_compiler() -> None:
    """Raise UsageError where the C++ compiler that inductor would call is missing."""
    wanted = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(wanted) is None:
        raise UsageError(
            f"runtime 'compile' needs a C++ compiler and finds no '{wanted}'; install one (apt install g++) or name it "
            "in the environment variable CXX"
        )
