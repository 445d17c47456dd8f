"""GPUs by their UUIDs. A driver is played by a module in NVML's place: no machine of the tests has one."""

import sys
from types import ModuleType
from typing import Any

import pytest

from abawbench.harness.request.gpus import gpu_joules, visible_gpus

MILLIJOULES = {"GPU-aa": 5_000, "GPU-bb": 7_000}


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = ModuleType("pynvml")
    module.NVMLError = RuntimeError
    module.nvmlInit = module.nvmlShutdown = lambda: None
    module.nvmlDeviceGetCount = lambda: 2
    module.nvmlDeviceGetHandleByIndex = list(MILLIJOULES).__getitem__
    module.nvmlDeviceGetHandleByUUID = {name: name for name in MILLIJOULES}.__getitem__
    module.nvmlDeviceGetUUID = lambda handle: handle
    module.nvmlDeviceGetTotalEnergyConsumption = MILLIJOULES.__getitem__
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return module


def test_a_gpu_is_known_by_its_uuid(nvml: Any) -> None:
    assert visible_gpus() == ("GPU-aa", "GPU-bb")
    assert gpu_joules("bb") == gpu_joules("GPU-bb") == 7.0
    assert gpu_joules("cc") is None


@pytest.mark.parametrize(
    ("chosen", "there"),
    [("1", ("1",)), ("GPU-bb, GPU-aa", ("GPU-bb", "GPU-aa")), ("", ()), ("-1", ()), ("0,-1,1", ("0",))],
)
def test_those_that_are_chosen_count(nvml: Any, monkeypatch: pytest.MonkeyPatch, chosen: str, there: Any) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert visible_gpus() == there


def test_without_a_driver_there_is_none(nvml: Any) -> None:
    def absent() -> None:
        raise nvml.NVMLError("no driver")

    nvml.nvmlInit = absent
    assert visible_gpus() == ()
    assert gpu_joules("aa") is None
