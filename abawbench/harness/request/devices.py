"""Which device a job computes on, and what machine and libraries that is, for the record."""

import multiprocessing
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from abawbench.contracts import UsageError
from abawbench.harness.request.jobs import check_device
from abawbench.records.record import Hardware, ProcessRecord

LIBRARIES = (
    "torch",
    "torchvision",
    "torchaudio",
    "timm",
    "numpy",
    "opencv-python-headless",
    "av",
    "accelerate",
    "fvcore",
    "safetensors",
    "pyarrow",
)


def device_named(name: str) -> torch.device:
    """Return a device; ``auto`` is CUDA's first where there is one. Raises UsageError for one that is not there."""
    check_device(name)
    if name == "mps" and not torch.backends.mps.is_available():
        raise UsageError("no GPU of Apple is in reach of torch; use --device cpu")
    if name in ("cpu", "mps"):
        return torch.device(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    if not count:
        raise UsageError("no CUDA device is in reach of torch; use --device cpu")
    device = torch.device(name)
    if device.index is not None and device.index >= count:
        raise UsageError(f"{name} is not there; torch reaches {count} CUDA devices, cuda:0 to cuda:{count - 1}")
    return device


def accelerator_on(device: str, precision: str) -> Accelerator:
    """Return accelerate's view of the devices.

    Raises UsageError for one that is not there, and for a precision in which it does not compute.
    """
    chosen = device_named(device)
    if precision == "fp16" and chosen.type != "cuda":  # on others accelerate computes in float32
        raise UsageError("fp16 is half precision of a GPU, and there is none here; use --precision no or bf16")
    if chosen.index is not None:
        torch.cuda.set_device(chosen)  # accelerate takes the current one
    # accelerate keeps its state per process; a second run in one process may ask for another device
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    return Accelerator(cpu=chosen.type == "cpu", mixed_precision=precision)


def processes() -> int:
    """Return how many processes share each job, as torchrun or ``accelerate launch`` started them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def hardware(device: torch.device) -> Hardware:
    """Return the processor, its cores, torch's threads, the GPU if it was used, and the memory."""
    return Hardware(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        gpu=gpu_name(device),
        memory_bytes=_memory(),
    )


def describe_process(at_once: int, workers: int = 0) -> ProcessRecord:
    """Return how this process runs, ``at_once`` jobs being at work at the same time and ``workers`` reading images."""
    return ProcessRecord(
        own=multiprocessing.parent_process() is not None,
        at_once=at_once,
        workers=workers,
        waiting=os.environ.get("OMP_WAIT_POLICY"),
        hash_seed=None if sys.flags.hash_randomization else 0,
    )


def gpu_name(device: torch.device) -> str | None:
    """Return what a GPU calls itself; None for a processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple GPU" if device.type == "mps" else None


def versions() -> dict[str, str]:
    """Return library -> version, ``python`` among them."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
