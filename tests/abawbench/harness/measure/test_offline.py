"""Offline: the best batch within the memory limit; energy only where the machine tells it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from abawbench.contracts import Clip
from abawbench.harness.measure import offline
from abawbench.harness.measure.offline import best_throughput, energy, measure_loaded, measure_throughput
from abawbench.harness.measure.timing import Conditions
from abawbench.nn import ClipNetwork

CPU = torch.device("cpu")


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the networks of these tests move on by themselves."""
    now = [0.0]
    monkeypatch.setattr(offline, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("overhead", "per_clip", "growing", "best"), [(1, 0.1, 0, 256), (0, 1, 0.2, 1), (1, 1, 0.05, 4)]
)
def test_the_batch_with_most_clips_a_second_is_found(
    seconds: list[float], overhead: float, per_clip: float, growing: float, best: int
) -> None:
    def call(x: Tensor) -> Tensor:
        seconds[0] += (overhead + per_clip * len(x) + growing * len(x) ** 2) / 1e6
        return x

    found = best_throughput(lambda inputs: call, (torch.zeros(1, 8),), 8, Conditions(seconds=1e-2))
    rate = found.by_batch[found.batch]
    assert rate == max(found.by_batch.values())
    assert found.frames_per_second == pytest.approx(8 * found.clips_per_second)
    assert found.batch == best


def test_a_batch_beyond_the_memory_limit_is_not_taken(seconds: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    held = [0]

    def call(x: Tensor) -> Tensor:
        held[0] = 100 * len(x)
        seconds[0] += 1e-3
        return x

    monkeypatch.setattr(offline, "reset_peak", lambda: held.__setitem__(0, 0))
    monkeypatch.setattr(offline, "peak_bytes", lambda device: held[0])
    found = best_throughput(lambda inputs: call, (torch.zeros(1, 8),), 8, Conditions(seconds=1), memory_limit=400)
    assert (found.batch, found.memory_limit_bytes) == (4, 400)
    assert sorted(found.by_batch) == [1, 2, 4]


@pytest.mark.parametrize("workers", [0, 1])
def test_frames_are_decoded_and_resized_for_what_is_measured(seconds: list[float], workers: int) -> None:
    seen = []

    class Embed(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(tuple(images.shape))
            seconds[0] += 0.5
            return images.mean((2, 3))

    class Head(nn.Module):
        def forward(self, features: Tensor, index: Tensor) -> Tensor:
            return features[index]

    network = ClipNetwork(Embed(), Head())
    rate = measure_loaded(network, Clip(length=4, stride=2, size=32), CPU, 2, workers, 2.0)
    assert set(seen) == {(8, 3, 32, 32)}
    assert rate == pytest.approx(8 / 0.5)


def test_throughput_counts_clips_and_frames() -> None:
    found = measure_throughput(lambda x: x, (torch.zeros(3, 8, 1),), 8, Conditions(seconds=0.01))
    assert found.frames_per_second == pytest.approx(8 * found.clips_per_second)
    assert found.batch == 3
    assert not found.valid
    assert "give it more seconds" in found.advice[0]


def counter(folder: Path, name: str, microjoules: int) -> Path:
    package = folder / name
    package.mkdir(exist_ok=True)
    (package / "energy_uj").write_text(f"{microjoules}\n")
    (package / "max_energy_range_uj").write_text("1000000\n")
    return package


def test_energy_sums_packages_and_survives_a_counter_restart(tmp_path: Path) -> None:
    counter(tmp_path, "intel-rapl:0", 100_000)
    counter(tmp_path, "intel-rapl:1", 900_000)
    counter(tmp_path, "intel-rapl:0:0", 0)
    with energy(CPU, tmp_path) as found:
        counter(tmp_path, "intel-rapl:0", 300_000)
        counter(tmp_path, "intel-rapl:1", 100_000)
        counter(tmp_path, "intel-rapl:0:0", 50_000)
    assert found.value == pytest.approx(0.2 + 0.2)


def test_energy_is_absent_where_nothing_tells_all_of_it(tmp_path: Path) -> None:
    with energy(CPU, tmp_path / "absent") as found:
        pass
    assert found.value is None
    counter(tmp_path, "intel-rapl:0", 0)
    with energy(CPU, tmp_path) as found:
        counter(tmp_path, "intel-rapl:0", 5)
    assert found.value == pytest.approx(5e-6)
    (counter(tmp_path, "intel-rapl:1", 0) / "energy_uj").unlink()
    with energy(CPU, tmp_path) as found:
        pass
    assert found.value is None
