"""Single stream: percentiles only when earned, runs long enough, answers that stay what they were."""

from itertools import count

import numpy as np
import pytest
import torch
from torch import Tensor

from abawbench.harness.measure import latency, timing
from abawbench.harness.measure.latency import measure_latency
from abawbench.harness.measure.timing import Answers, Conditions, noise_advice, noise_of, percentile, percentiles_of

ONE = [(torch.zeros(1, 2),)]


def same(x: Tensor) -> Tensor:
    return x


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that each call moves on by as many seconds as the list holds."""
    now, step = [0.0], [0.1]

    def clock(call: object, inputs: tuple[Tensor]) -> tuple[float, Tensor]:
        now[0] += step[0]
        return step[0] * 1e3, inputs[0]

    monkeypatch.setattr(timing, "_wall_ms", clock)
    for module in (latency, timing):
        monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    return step


@pytest.mark.parametrize(("samples", "found"), [(10, []), (63, []), (64, [90]), (661, [90]), (662, [90, 99])])
def test_percentiles_are_given_only_when_earned(samples: int, found: list[int]) -> None:
    given = percentiles_of([1.0] * samples)
    assert [rank for rank in (90, 99) if given[f"p{rank}_ms"] is not None] == found


@pytest.mark.parametrize(
    ("step", "budget", "samples"), [(0.001, 30, 2000), (0.01, 30, 662), (0.1, 2.05, 21), (1.0, 2, 10), (0.1, 0, 10)]
)
def test_sampling_ends_once_the_99th_is_earned_or_time_is_up(
    slow: list[float], step: float, budget: float, samples: int
) -> None:
    slow[0] = step
    advanced: list[int] = []
    found = measure_latency(same, ONE, Conditions(seconds=budget, advance=advanced.append))
    assert found.samples == sum(advanced)
    assert abs(found.samples - samples) <= 1


def test_a_run_long_enough_with_steady_times_is_valid(slow: list[float]) -> None:
    slow[0] = 0.01
    found = measure_latency(same, ONE)
    assert (found.valid, found.advice, found.noise) == (True, (), pytest.approx(0))


def test_a_short_run_is_not_valid_and_says_what_would_make_it_so(slow: list[float]) -> None:
    found = measure_latency(same, ONE, Conditions(seconds=1))
    assert not found.valid
    assert "of the 662 samples" in found.advice[0]
    assert "give it more seconds" in found.advice[0]


def test_times_that_never_settle_are_not_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = (1.1**n for n in count())
    monkeypatch.setattr(timing, "_wall_ms", lambda call, inputs: (next(ticks), inputs[0]))
    found = measure_latency(same, ONE, Conditions(seconds=0.001))
    assert "times were still changing when the warm-up ended: give it more seconds" in found.advice


def test_answers_that_change_under_the_clock_are_not_valid() -> None:
    calls = count()

    def cheat(x: Tensor) -> Tensor:
        return x + (next(calls) > 20)

    found = measure_latency(cheat, ONE, Conditions(seconds=0.02))
    assert not found.valid
    assert "timed answers differ from the untimed ones" in found.advice[0]


def test_each_input_has_its_own_answer_and_the_digest_covers_all() -> None:
    inputs = [(torch.full((1, 2), float(i)),) for i in range(3)]
    found = measure_latency(same, inputs, Conditions(seconds=0))
    assert "answers differ" not in "".join(found.advice)
    assert found.answers_sha256 == Answers(same, inputs).sha256
    assert found.answers_sha256 != Answers(same, inputs[:2]).sha256


def test_answers_far_from_the_scored_ones_are_not_valid() -> None:
    found = measure_latency(same, ONE, Conditions(seconds=0), scored=[torch.ones(1, 2)])
    assert found.answers_difference == 1
    assert "from the scored one" in found.advice[0]


def test_noise_is_the_drift_of_medians_and_not_one_slow_call() -> None:
    times = [10.0] * 160
    assert noise_of(times) == 0
    assert noise_of([*times[:-1], 500.0]) == 0
    assert noise_of([*times[:80], *([13.0] * 80)]) == pytest.approx(3 / 11.5)
    assert noise_of(times[:15]) is None


def test_too_much_noise_is_a_warning() -> None:
    assert noise_advice(0.09) == noise_advice(None) == []
    assert "too noisy to quote" in noise_advice(0.11)[0]


def test_a_percentile_is_a_sample_that_enough_do_not_exceed() -> None:
    samples = list(np.random.default_rng(0).permutation(100) + 1.0)
    assert [percentile(samples, rank) for rank in (50, 90, 99)] == [50, 90, 99]


def test_latency_states_how_it_was_measured() -> None:
    found = measure_latency(same, [(torch.zeros(3, 2),)], Conditions(runtime="test", seconds=0))
    assert (found.batch, found.device, found.runtime) == (3, "cpu", "test")
    assert found.threads == torch.get_num_threads()
    assert found.affinity
    assert found.min_ms is not None
    assert found.p50_ms is not None
    assert found.max_ms is not None
    assert found.min_ms <= found.p50_ms <= found.max_ms
