"""The GPUs of NVIDIA, asked through NVML (nvidia-ml-py): which there are, and the energy one has used.

NVML counts GPUs by their place on the bus and CUDA by another order, which CUDA_VISIBLE_DEVICES changes: each is known
by its UUID.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> tuple[str, ...]:
    """Return the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them; none where there is no NVML.

    Nothing of CUDA is started: a process that is forked later could not use it.
    """
    chosen = os.environ.get(VISIBLE)
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",")]
        # CUDA, too, takes what stands before the first one that is none
        end = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
        return tuple(names[:end])
    with _nvml() as nvml:
        if nvml is not None:
            return tuple(
                _text(nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByIndex(number)))
                for number in range(nvml.nvmlDeviceGetCount())
            )
    return ()


def gpu_joules(uuid: str) -> float | None:
    """Return the joules that a GPU has used since its driver was loaded; None where nothing tells them."""
    with _nvml() as nvml, suppress(Exception):  # an older GPU, or part of one, that does not count
        if nvml is not None:
            name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(nvml.nvmlDeviceGetHandleByUUID(name))) / 1e3
    return None


@contextmanager
def _nvml() -> Iterator[Any]:
    """Yield the module once it is in touch with a driver, None where there is none."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
