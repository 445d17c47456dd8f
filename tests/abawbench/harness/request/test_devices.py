"""Devices by name, and the precision that is computed in. No test has a GPU: torch is told that there are two."""

import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import UsageError
from abawbench.harness.jobs.isolation import gpu_of
from abawbench.harness.request.devices import accelerator_on, device_named
from abawbench.harness.request.jobs import Job


class Seen(nn.Module):
    """Notes in what numbers a layer computed."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.kind: torch.dtype | None = None

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x)
        self.kind = found.dtype
        return found


@pytest.mark.parametrize(("precision", "kind"), [("no", torch.float32), ("bf16", torch.bfloat16)])
def test_a_processor_computes_in_the_precision_that_is_recorded(precision: str, kind: torch.dtype) -> None:
    network = Seen()
    accelerator_on("cpu", precision).prepare(network)(torch.zeros(1, 2)).sum().backward()
    assert network.kind == kind
    assert network.layer.weight.dtype == torch.float32


def test_a_precision_that_would_not_be_computed_in_is_refused() -> None:
    with pytest.raises(UsageError, match="use --precision no or bf16"):
        accelerator_on("cpu", "fp16")


def test_devices_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    names = ("auto", "cpu", "cuda", "cuda:1", "mps")
    assert [str(device_named(name)) for name in names] == ["cuda", "cpu", "cuda", "cuda:1", "mps"]
    with pytest.raises(UsageError, match="cuda:2 is not there; torch reaches 2 CUDA devices, cuda:0 to cuda:1"):
        device_named("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:0"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="use auto, cpu, cuda, cuda:N, mps"):
        device_named(name)


def test_without_a_gpu_auto_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device_named("auto").type == "cpu"
    for name in ("cuda", "cuda:0", "mps"):
        with pytest.raises(UsageError, match="use --device cpu"):
            device_named(name)


def test_each_slot_has_a_gpu_of_its_own_unless_one_is_named() -> None:
    there = ("GPU-aa", "GPU-bb")
    assert [gpu_of(Job(device="cuda"), slot, there)["CUDA_VISIBLE_DEVICES"] for slot in range(3)] == [*there, "GPU-aa"]
    assert not gpu_of(Job(device="cuda:1"), 0, there)
    assert not gpu_of(Job(device="cpu"), 0, there)
    assert not gpu_of(Job(device="auto"), 0, there[:1])
