"""Timing interleaved with the reference workload."""

import platform
import resource
import time

import pytest
import torch

from abawbench.harness.measure.reference import MINIMUM, ROUNDS_PER_SECOND, WORKLOAD, relative_time, workload
from abawbench.harness.measure.timing import Conditions

ONCE = Conditions(seconds=0)


def test_rounds_hold_both_times_and_the_ratio_is_theirs() -> None:
    calls = []
    found = relative_time(lambda x: calls.append(1) or x, torch.zeros(2, 3), ONCE)
    assert len(found.model_ms) == len(found.reference_ms) == MINIMUM
    assert len(calls) == MINIMUM + 2
    assert found.ratios == tuple(m / r for m, r in zip(found.model_ms, found.reference_ms, strict=True))
    assert (found.workload, found.batch, found.device) == (WORKLOAD, 2, "cpu")


def test_one_thread_is_timed_whatever_the_process_uses() -> None:
    before, seen = torch.get_num_threads(), set()
    torch.set_num_threads(2)
    try:
        found = relative_time(lambda x: seen.add(torch.get_num_threads()) or x, torch.zeros(1), ONCE)
        assert (seen, found.threads, torch.get_num_threads()) == ({1}, 1, 2)
    finally:
        torch.set_num_threads(before)


def test_waiting_takes_time_on_the_wall_and_not_on_the_processor() -> None:
    def wait(x: torch.Tensor) -> torch.Tensor:
        time.sleep(0.02)
        return x

    found = relative_time(wait, torch.zeros(1), ONCE)
    assert min(found.model_ms) >= 20
    assert max(found.model_cpu_ms) < 10
    assert all(0 < cpu <= 1.2 * wall for cpu, wall in zip(found.reference_cpu_ms, found.reference_ms, strict=True))


@pytest.mark.slow
def test_a_larger_budget_gives_more_rounds() -> None:
    found = [relative_time(lambda x: x, torch.zeros(1), Conditions(seconds=seconds)) for seconds in (0, 2)]
    assert len(found[0].model_ms) < len(found[1].model_ms) <= 2 * ROUNDS_PER_SECOND


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator can be told")
def test_calls_meet_no_page_faults() -> None:
    def faults() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    seen: list[int] = []

    def call(x: torch.Tensor) -> torch.Tensor:
        before = faults()
        found = [torch.ones(700_000) for _ in range(8)]  # 2.8 MB each: mapped anew every time, left to itself
        seen.append(faults() - before)
        return found[0]

    relative_time(call, torch.zeros(1), ONCE)
    assert sorted(seen)[len(seen) // 2] < 100  # the system may take back a page now and then


def test_the_workload_is_the_same_and_leaves_the_seed_alone() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    first = workload(torch.device("cpu"))()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.testing.assert_close(first, workload(torch.device("cpu"))())
    assert torch.isfinite(first)
