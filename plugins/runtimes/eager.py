"""The plain runtime: the network as PyTorch runs it, without gradients."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from abawbench.contracts import Runtime, RuntimeDeclaration
from abawbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn


class Eager(Runtime):
    """PyTorch's eager execution in inference mode, on whatever device the network is."""

    name = "eager"

    def compile(self, module: "nn.Module", example: "Tensor") -> "Callable[[Tensor], Tensor]":
        """Return the network itself, put into evaluation mode, called without gradients."""
        import torch

        module.eval()

        def forward(clips: "Tensor") -> "Tensor":
            with torch.inference_mode():
                logits: Tensor = module(clips)
                return logits

        return forward


@hookimpl
def abawbench_runtimes() -> list[RuntimeDeclaration]:
    """Return the declaration of ``eager``."""
    return [
        RuntimeDeclaration(
            name="eager",
            summary="PyTorch eager execution in inference mode.",
            build="abawbench_plugins.runtimes.eager:Eager",
        )
    ]
