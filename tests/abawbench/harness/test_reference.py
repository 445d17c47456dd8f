"""Timing by turns against the reference workload."""

import torch

from abawbench.harness.reference import MINIMUM, WORKLOAD, relative_time, workload


def test_rounds_hold_both_times_and_the_ratio_is_theirs() -> None:
    calls = []
    found = relative_time(lambda x: calls.append(1) or x, torch.zeros(2, 3), budget_s=0)
    assert len(found.model_ms) == len(found.reference_ms) == MINIMUM
    assert len(calls) == MINIMUM + 2
    assert found.ratios == tuple(m / r for m, r in zip(found.model_ms, found.reference_ms, strict=True))
    assert (found.workload, found.batch, found.device) == (WORKLOAD, 2, "cpu")


def test_the_workload_is_always_the_same_and_leaves_the_seed_alone() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    first = workload(torch.device("cpu"))()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.testing.assert_close(first, workload(torch.device("cpu"))())
    assert torch.isfinite(first)
