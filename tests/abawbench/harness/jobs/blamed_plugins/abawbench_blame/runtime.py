"""The runtime: the network as it is."""

from typing import Any

import torch
from faults import reach

from abawbench.contracts import Runtime


class Plain(Runtime):
    def __init__(self) -> None:
        reach("runtime")

    def compile(self, module: Any, example: Any, calibration: Any = ()) -> Any:
        def call(*given: Any) -> Any:
            reach("runtime")
            with torch.inference_mode():
                return module(*given)

        return call
