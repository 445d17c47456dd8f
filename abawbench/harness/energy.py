"""Energy, where the machine tells it: RAPL for processors, NVML for GPUs; elsewhere there is none, never zero."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

POWERCAP = Path("/sys/class/powercap")


class Joules:
    """Energy used since ``energy`` was entered; ``value`` is None until it ends and where nothing tells it."""

    value: float | None = None


@contextmanager
def energy(device: torch.device, root: Path = POWERCAP) -> Iterator[Joules]:
    """Give the joules that all processor packages, and the GPU in use, take inside; other work is in it too."""
    found = Joules()
    packages = _packages(root)
    before = [_microjoules(one / "energy_uj") for one in packages]
    gpu = _gpu_joules(device)
    yield found
    parts = [
        _grown(start, _microjoules(one / "energy_uj"), _microjoules(one / "max_energy_range_uj"))
        for one, start in zip(packages, before, strict=True)
    ]
    after = _gpu_joules(device)
    if gpu is not None and after is not None:
        parts.append(after - gpu)
    known = [part for part in parts if part is not None]
    # a part that cannot be read would make the sum too small
    if known and len(known) == len(parts):
        found.value = sum(known)


def _packages(root: Path) -> list[Path]:
    """Return the folders of whole packages; those below them, such as ``intel-rapl:0:1``, are parts of theirs."""
    try:
        return sorted(path for path in root.glob("*-rapl:*") if path.name.count(":") == 1)
    except OSError:
        return []


def _microjoules(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _grown(before: int | None, after: int | None, limit: int | None) -> float | None:
    """Return the joules between two readings of a counter that starts again at its limit."""
    if before is None or after is None:
        return None
    if after < before:
        if limit is None:
            return None
        after += limit
    return (after - before) / 1e6


def _gpu_joules(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(device.index or 0)
        return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
    except Exception:  # no pynvml, no driver, or a GPU that does not count
        return None
