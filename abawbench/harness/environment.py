"""What a run ran on: hardware and library versions, for the record."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from abawbench.results.record import Hardware

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


def hardware(device: torch.device) -> Hardware:
    """Return the processor, its cores, torch's threads, the GPU if it was used, and the memory."""
    return Hardware(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        gpu=torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        memory_bytes=_memory(),
    )


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
