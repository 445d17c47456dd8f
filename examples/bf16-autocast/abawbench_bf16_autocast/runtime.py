"""How ``bf16-autocast`` executes a network."""

from collections.abc import Callable, Sequence

import torch
from abawbench.contracts import Example, Runtime
from torch import Tensor, nn


class Bf16AutocastRuntime(Runtime):
    """PyTorch with convolutions and products in bfloat16, on whatever device the network is."""

    precision = "bf16"

    def compile(
        self, module: nn.Module, example: Example, calibration: Sequence[Example] = ()
    ) -> Callable[..., Tensor]:
        """Return the network, put into evaluation mode and called without gradients."""
        module.eval()
        device = next(module.parameters()).device.type

        def forward(*inputs: Tensor | dict[str, Tensor]) -> Tensor:
            with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16):
                logits: Tensor = module(*inputs)
            return logits.float()

        return forward
