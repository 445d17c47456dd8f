"""PyTorch without a compiler: as it comes, and with channels last in memory."""

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from abawbench.contracts import Example, Runtime

if TYPE_CHECKING:
    from torch import Tensor, nn


class Eager(Runtime):
    """PyTorch's eager execution in inference mode, on whatever device the network is."""

    def compile(
        self, module: "nn.Module", example: Example, calibration: Sequence[Example] = ()
    ) -> "Callable[..., Tensor]":
        """Return the network itself, put into evaluation mode, called without gradients."""
        import torch

        module.eval()

        def forward(*inputs: "Tensor | dict[str, Tensor]") -> "Tensor":
            with torch.inference_mode():
                logits: Tensor = module(*inputs)
                return logits

        return forward


class ChannelsLast(Eager):
    """Eager execution of a copy whose convolutions keep their channels last in memory."""

    def compile(
        self, module: "nn.Module", example: Example, calibration: Sequence[Example] = ()
    ) -> "Callable[..., Tensor]":
        """Return the copy; its first convolution brings the images into its own layout."""
        import torch

        copied = copy.deepcopy(module).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return super().compile(copied, example)
