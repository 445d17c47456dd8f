"""The baseline that our own CI compares with: readable today, timed as today, and guarded by its gate."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from abawbench.compare.comparison import compare
from abawbench.compare.gate import checks, exit_status, read_gate
from abawbench.compare.sides import Run, load_side
from abawbench.harness.measure.reference import WORKLOAD
from abawbench.harness.request.jobs import task_names
from abawbench.plugins import Plugins

LEADERBOARDS = Path(__file__).parents[3] / "leaderboards"
GATE = read_gate(LEADERBOARDS / "gate.toml")
REFRESH = "refresh leaderboards/baselines/tiny with the command in docs/ci.md"


@pytest.fixture(scope="module")
def stored() -> list[Run]:
    return load_side(str(LEADERBOARDS / "baselines" / "tiny"))


def status(a: Sequence[Run], b: Sequence[Run]) -> int:
    return exit_status(GATE, checks(GATE, compare(a, b, Plugins(), replicates=200)))


def changed(runs: Sequence[Run], **cost: object) -> list[Run]:
    """The runs with another cost."""
    return [
        Run(run.path, run.record.model_copy(update={"cost": run.record.cost.model_copy(update=cost)})) for run in runs
    ]


def test_it_holds_the_synthetic_suite_as_it_is_today(stored: list[Run]) -> None:
    suite = task_names(Plugins(third_party=False), ["all"])
    assert sorted(run.record.task for run in stored) == sorted(suite), REFRESH
    for run in stored:
        assert run.record.database.synthetic
        assert run.record.cost is not None
        assert {timed.workload for timed in run.record.cost.relative.values()} == {WORKLOAD}, REFRESH
        assert set(run.record.cost.relative) == {"latency", "throughput"}, REFRESH


def test_it_passes_its_own_gate(stored: list[Run]) -> None:
    assert status(stored, stored) == 0


def test_more_macs_or_parameters_fail(stored: list[Run]) -> None:
    cost = stored[0].record.cost
    more = {name: 1.01 * value for name, value in cost.macs_per_frame.items()}
    assert status(stored, changed(stored, macs_per_frame=more)) == 1
    assert status(stored, changed(stored, parameters_total=cost.parameters_total + 10_000)) == 1


def test_slower_by_two_fails_and_a_latency_that_nobody_could_measure_does_not(stored: list[Run]) -> None:
    def slower(run: Run) -> dict[str, object]:
        return {
            name: timed.model_copy(
                update={
                    "model_ms": tuple(2 * ms for ms in timed.model_ms),
                    "model_cpu_ms": tuple(2 * ms for ms in timed.model_cpu_ms),
                }
            )
            for name, timed in run.record.cost.relative.items()
        }

    assert status(stored, [changed([run], relative=slower(run))[0] for run in stored]) == 1
    assert status(stored, changed(stored, relative={})) == 0


def test_a_task_that_is_gone_does_not_pass(stored: list[Run]) -> None:
    assert status(stored, stored[1:]) == 1
    assert status(stored[1:], stored) == 2
