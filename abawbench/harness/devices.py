"""Which device a job computes on."""

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from abawbench.contracts import UsageError
from abawbench.harness.plan import DEVICES


def accelerator_on(device: str, precision: str) -> Accelerator:
    """Return accelerate's view of the devices. Raises UsageError when CUDA is asked for and absent."""
    if device not in DEVICES:
        raise UsageError(f"unknown device '{device}'; use {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is in reach of torch; use --device cpu")
    # accelerate keeps its state per process; a second run in one process may ask for another device
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    return Accelerator(cpu=device == "cpu" or not torch.cuda.is_available(), mixed_precision=precision)
