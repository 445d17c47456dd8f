"""A gate fails for what is worse, and for nothing else; it says when it cannot tell."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abawbench.compare.comparison import Comparison, Speed, compare
from abawbench.compare.gate import Check, Gate, check_speed, checks, exit_status, read_gate, require_limits
from abawbench.compare.sides import load_side
from abawbench.contracts.errors import DataError, UsageError
from abawbench.plugins import Plugins
from abawbench.records import store
from abawbench.records.record import Cost, Record, RelativeTime
from abawbench.records.scores import Score

Make = Callable[..., Path]


def timing(factor: float, seed: int, rounds: int = 40, **fields: Any) -> RelativeTime:
    """Rounds on a machine that becomes slower and faster, with noise of 10%."""
    random = np.random.default_rng(seed)
    machine = random.uniform(1, 3, rounds)
    given = {"workload": "w", "batch": 1, "threads": 2, "device": "cpu", "runtime": "eager"} | fields
    return RelativeTime(
        model_ms=tuple(20 * factor * machine * random.normal(1, 0.1, rounds)), reference_ms=tuple(5 * machine), **given
    )


def compared(a: Path, b: Path) -> Comparison:
    return compare(load_side(str(a)), load_side(str(b)), Plugins(), replicates=500)


def outcome(gate: Gate, comparison: Comparison) -> tuple[int, list[Check]]:
    found = checks(gate, comparison)
    return exit_status(gate, found), found


def test_a_drop_beyond_the_limit_fails_and_within_it_passes(make_run: Make) -> None:
    found = compared(make_run("a"), make_run("b", noise=0.5))
    drop = -found.tasks[0].difference
    assert drop > 0.1
    assert outcome(Gate(max_drop=0.01), found)[0] == 1
    assert outcome(Gate(max_drop=2 * drop), found)[0] == 0
    assert outcome(Gate.model_validate({"max_drop": 0.01, "tasks": {"va": {"max_drop": 1}}}), found)[0] == 0


def test_nothing_changed_passes_whatever_the_limit(make_run: Make) -> None:
    found = compared(make_run("a"), make_run("a"))
    assert outcome(Gate(max_drop=0), found)[0] == 0


def test_a_limit_inside_the_interval_cannot_be_told_and_says_how_many_tracks_it_takes(make_run: Make) -> None:
    found = compared(make_run("a"), make_run("b", noise=0.5))
    task = found.tasks[0]
    limit = -(task.difference + task.interval.high) / 2
    status, (check,) = outcome(Gate(max_drop=limit), found)
    assert (status, check.outcome) == (2, "unsure")
    # half the distance: four times the tracks
    assert re.search(r"about 7[0-4] more tracks like these 24", check.words)
    assert outcome(Gate(max_drop=limit, when_unsure="pass"), found)[0] == 0
    assert "no number of tracks" in outcome(Gate(max_drop=-task.difference), found)[1][0].words


def test_growing_parameters_and_macs_fail_beyond_their_limits(make_run: Make) -> None:
    cost = Cost(parameters_total=4_400_000, parameters_trained=0, macs_per_frame={"flop_counter": 223_012_500})
    found = compared(make_run("a"), make_run("b", cost=cost))
    assert outcome(Gate(max_parameters=1.01), found)[0] == 1
    assert outcome(Gate(max_parameters=1.02, max_macs=1), found)[0] == 0
    assert outcome(Gate(max_memory=1.5), found)[0] == 2  # not measured


def test_what_was_not_compared_is_not_passed(make_run: Make) -> None:
    found = compared(make_run("a"), make_run("b", edition=6))
    for when in ("fail", "pass"):
        status, (check,) = outcome(Gate(max_drop=1, when_unsure=when), found)
        assert (status, check.outcome) == (2, "refused")
        assert "edition" in check.words


def test_slower_by_half_fails_and_as_fast_as_before_passes_on_a_machine_that_changes_its_speed() -> None:
    for seed in range(20):
        same = Speed(a=timing(1, seed), b=timing(1, seed + 100))
        slow = Speed(a=timing(1, seed), b=timing(1.5, seed + 100))
        assert check_speed("m", same, 1.2).outcome == "pass"
        assert check_speed("m", slow, 1.2).outcome == "fail"


def test_a_slowdown_on_the_limit_cannot_be_told_and_says_how_many_more_rounds_it_takes() -> None:
    def at(rounds: int, seed: int) -> Check:
        return check_speed("m", Speed(a=timing(1, 2 * seed, rounds), b=timing(1.25, 2 * seed + 1, rounds)), 1.2)

    said = [re.search(r"about (\d+) more rounds on each side than the 80 here", at(80, n).words) for n in range(30)]
    enough = 80 + int(np.median([int(found[1]) for found in said if found]))
    assert sum(found is not None for found in said) > 15
    assert [at(enough, n).outcome for n in range(40)].count("fail") > 20
    same = timing(1, 0, 11)
    assert "no number of rounds" in check_speed("m", Speed(a=same, b=same), 1.0).words


def on_a_busy_machine(factor: float, seed: int) -> RelativeTime:
    """Rounds that others interrupt at random, with the processor time that went into them."""
    random = np.random.default_rng(seed)
    model, reference = 20 * factor * random.normal(1, 0.03, 12), 5 * random.normal(1, 0.03, 12)
    return timing(1, seed, 12).model_copy(
        update={
            "model_ms": tuple(model * random.lognormal(0.7, 0.6, 12)),
            "reference_ms": tuple(reference * random.lognormal(0.7, 0.6, 12)),
            "model_cpu_ms": tuple(model),
            "reference_cpu_ms": tuple(reference),
        }
    )


def test_where_others_disturb_the_clock_the_processor_time_decides() -> None:
    for seed in range(20):
        quiet, busy = on_a_busy_machine(1, seed), on_a_busy_machine(1.5, seed + 100)
        slow = check_speed("m", Speed(a=quiet, b=busy), 1.25)
        same = check_speed("m", Speed(a=quiet, b=on_a_busy_machine(1, seed + 200)), 1.25)
        assert (slow.outcome, same.outcome) == ("fail", "pass")
        assert "processor time" in slow.words


def test_undisturbed_the_clock_on_the_wall_decides_and_waiting_counts() -> None:
    fast, waits = timing(1, 0), timing(1.5, 1)
    cpu = {"model_cpu_ms": fast.model_ms, "reference_cpu_ms": fast.reference_ms}
    waits = waits.model_copy(update={"model_cpu_ms": fast.model_ms, "reference_cpu_ms": waits.reference_ms})
    check = check_speed("m", Speed(a=fast.model_copy(update=cpu), b=waits), 1.25)
    assert check.outcome == "fail"
    assert "processor" not in check.words


@pytest.mark.parametrize(("field", "value"), [("workload", "v"), ("threads", 4), ("device", "cuda"), ("batch", 2)])
def test_timings_made_otherwise_are_not_compared(field: str, value: Any) -> None:
    check = check_speed("m", Speed(a=timing(1, 0), b=timing(1, 1, **{field: value})), 1.2)
    assert (check.outcome, field in check.words) == ("unsure", True)


def test_a_limit_that_nobody_measured_cannot_be_told(make_run: Make) -> None:
    status, (check,) = outcome(Gate(max_latency=1.2), compared(make_run("a"), make_run("b")))
    assert status == 2
    assert "--latency-seconds" in check.words


def test_networks_timed_once_for_several_tasks_are_judged_once(make_run: Make, tmp_path: Path) -> None:
    for side, factor in (("a", 1), ("b", 1.5)):
        cost = Cost(parameters_total=1, parameters_trained=1, relative={"latency": timing(factor, 0)})
        for task in ("one", "two"):
            make_run(f"{side}/{task}", model=task, cost=cost)
    found = compared(tmp_path / "a", tmp_path / "b")
    assert len(found.tasks) == 2
    status, only = outcome(Gate(max_latency=1.2, max_drop=0.5), found)
    assert status == 1
    assert [check.outcome for check in only].count("fail") == 1
    assert len(only) == 3


def test_a_gate_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text('max_drop = 0.02\nwhen_unsure = "pass"\n[tasks.va]\nmax_drop = 0.05\n', encoding="utf-8")
    gate = read_gate(path)
    assert (gate.max_drop, gate.tasks["va"].max_drop, gate.max_latency) == (0.02, 0.05, None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "limits nothing"),
        ("# max_drop = 1", "limits nothing"),
        ("max_drop = inf", "max_drop: .*finite"),
        ("max_drop = nan", "max_drop"),
        ('max_drop = "1"', "max_drop"),
        ("max_macs = true", "max_macs"),
        ("[tasks.va]", r"tasks\.va\.max_drop"),
        ("[tasks.va]\nmax_drop = inf", "finite"),
        ("max_drop = -1", "max_drop"),
        ("max_dorp = 1", "max_dorp"),
        ("[tasks.va]\nx = 1", "tasks.va"),
        ("=", "TOML"),
    ],
)
def test_a_wrong_gate_is_refused_by_file_and_entry(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"gate\.toml: .*{complaint}"):
        read_gate(path)


def test_a_gate_that_limits_nothing_or_an_unknown_task_is_refused(make_run: Make) -> None:
    with pytest.raises(UsageError, match="limits nothing; give one of max_drop, max_parameters"):
        require_limits(Gate(when_unsure="pass"), ["va"], ["va", "au"])
    misspelt = Gate.model_validate({"tasks": {"vaa": {"max_drop": 1}}})
    with pytest.raises(UsageError, match=r"task 'vaa', and there is none; did you mean 'va'\?"):
        require_limits(misspelt, ["va"], ["va", "au"])
    require_limits(Gate.model_validate({"tasks": {"au": {"max_drop": 1}}}), ["va"], ["va", "au"])


def test_a_task_that_the_gate_names_and_nobody_ran_fails(make_run: Make) -> None:
    gate = Gate.model_validate({"tasks": {"au": {"max_drop": 1}}})
    status, (check,) = outcome(gate, compared(make_run("a"), make_run("a")))
    assert (status, check.what) == (1, "au")


def test_a_newest_job_that_failed_fails_the_gate_beside_an_old_result(
    make_run: Make, make_record: Callable[..., Record]
) -> None:
    a, b = make_run("a"), make_run("b")
    later = make_record(status="failed", reason="broken", score=None, finished=datetime(2026, 3, 4, tzinfo=UTC))
    store.write_failed(b, later)
    status, (check,) = outcome(Gate(max_drop=1, when_unsure="pass"), compared(a, b))
    assert (status, check.outcome) == (1, "fail")
    assert "broken" in check.words


def test_a_run_from_the_future_does_not_decide_for_good(make_run: Make) -> None:
    old = make_run("a")
    make_run("b/1", finished=datetime(2999, 1, 2, tzinfo=UTC))
    assert outcome(Gate(max_drop=1), compared(old, old.parent / "b"))[0] == 0  # it has no rival
    make_run("b/2", noise=0.9)
    with pytest.raises(DataError, match="2999-01-02 00:00 UTC, which is still to come"):
        compared(old, old.parent / "b")


def test_a_new_run_without_a_value_fails_the_gate_whatever_the_old_one_gave(
    make_run: Make, make_record: Callable[..., Record], tmp_path: Path
) -> None:
    def failed(folder: str) -> Path:
        store.write_failed(tmp_path / folder, make_record(status="failed", reason="broken", score=None))
        return tmp_path / folder

    gate = Gate(max_drop=1, when_unsure="pass")
    undefined = make_run("undefined", score=Score(metric="ccc", value=math.nan))
    for a, b in (("old", failed("new")), ("old", undefined), (failed("before"), failed("after"))):
        status, (check,) = outcome(gate, compared(make_run(a) if a == "old" else Path(a), b))
        assert (status, check.outcome) == (1, "fail")
    assert outcome(gate, compared(failed("before"), make_run("b")))[0] == 2
