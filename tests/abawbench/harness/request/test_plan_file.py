import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench.contracts import DataError, UsageError
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Job
from abawbench.harness.request.plan import Plan, numbers_text, read_plan, write_plan
from abawbench.harness.request.protocol import Protocol

LIKE = Job(overrides={"epochs": 2, "lr": {"head": 1e-3}}, weights="none", protocol=Protocol(smoothing="box:4", folds=3))
PLAN = Plan(
    jobs=tuple(replace(LIKE, model="m", task=task, seed=seed) for task in ("va", "au") for seed in range(6)),
    sources=Sources({"aff-wild2": (Path("data/A"), Path("data/B"))}, seed=3),
    latency_seconds=0.5,
)


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.json", PLAN)
    read = read_plan(tmp_path / "plan.json")
    assert read == PLAN
    assert read.name == PLAN.name


def test_jobs_of_a_plan_have_digests_of_their_own() -> None:
    other = replace(PLAN, sources=replace(PLAN.sources, seed=4))
    assert len({made.digest(number) for made in (PLAN, other) for number in range(12)}) == 24
    assert [PLAN.only(number).digest(0) for number in range(12)] == [PLAN.digest(number) for number in range(12)]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda plan: plan["jobs"][3].update(seed=9), "job 3 was edited"),
        (lambda plan: plan["like"].update(weights="imagenet"), "job 0 was edited"),
        (lambda plan: plan["like"].update(workers="many"), "workers"),
        (lambda plan: plan["like"].update(sed=1), "unknown sed"),
        (lambda plan: plan.pop("sources"), "not a whole plan"),
        (lambda plan: plan.update(plan=99), "not a plan of form"),
        (lambda plan: plan.update(jobs=[]), "has no job"),
        (lambda plan: plan.update(jobs=[5]), "not a whole plan"),
    ],
)
def test_a_plan_that_was_edited_is_refused_by_name(edit, said: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_plan(path, PLAN)
    plan = json.loads(path.read_text())
    edit(plan)
    path.write_text(json.dumps(plan))
    with pytest.raises(DataError, match=f"plan.json.*{said}"):
        read_plan(path)


def test_what_is_no_plan_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"plan": 1, "jobs": [')
    for name in ("half.json", "absent.json"):
        with pytest.raises(DataError, match=name):
            read_plan(tmp_path / name)


@given(st.sets(st.integers(0, 11), min_size=1).map(sorted))
def test_numbers_that_are_printed_can_be_picked(numbers: list[int]) -> None:
    assert PLAN.pick(numbers_text(numbers)) == tuple(numbers)


@pytest.mark.parametrize("text", ["12", "-1", "3-1", "a", "1-", "", "1,,2", "²"])
def test_jobs_that_a_plan_does_not_have_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="jobs '"):
        PLAN.pick(text)
