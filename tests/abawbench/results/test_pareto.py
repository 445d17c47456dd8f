"""What stands in a plot, and which of it nothing beats at no greater cost."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench.results.pareto import COSTS, Point, frontier, panels
from abawbench.results.published import Published
from abawbench.results.record import Record

Make = Callable[..., Record]
ROW = {"system": "theirs", "task": "va", "edition": 8, "database": "aff-wild2", "split": "val", "metric": "mean CCC"}
POINTS = st.lists(
    st.builds(
        Point,
        label=st.just(""),
        cost=st.integers(1, 9).map(float),
        value=st.integers(0, 9).map(float),
        ranked=st.booleans(),
        published=st.booleans(),
    )
)


def published(**fields: object) -> Published:
    return Published.model_validate({**ROW, "value": 0.5, "source": "a", "confidence": "SINGLE", **fields})


@given(POINTS)
def test_nothing_beats_the_frontier_and_everything_else_is_beaten_or_out_of_the_race(points: list[Point]) -> None:
    race = [p for p in points if p.ranked and not p.published]
    best = frontier(points)
    assert all(p in race for p in best)
    assert all(a.cost < b.cost and a.value < b.value for a, b in pairwise(best))
    for point in best:
        assert not any(q.cost <= point.cost and q.value > point.value for q in race)
    for point in race:
        assert any(q.cost <= point.cost and q.value >= point.value for q in best)


def test_a_point_has_its_cost_its_value_its_interval_and_its_floor(make_record: Make) -> None:
    record = make_record()
    assert record.cost is not None
    assert record.cost.latency is not None
    assert record.floor is not None
    expected = {
        "macs": record.cost.macs_per_frame["flop_counter"],
        "parameters": record.cost.parameters_total,
        "latency": record.cost.latency.p50_ms,
    }
    assert expected.keys() == COSTS.keys()
    for cost, at in expected.items():
        ((point,),) = panels([record], [], cost).values()
        assert (point.cost, point.value, point.low, point.high) == (at, 0.412, 0.380, 0.441)
        assert point.floor == record.floor.value
        assert point.ranked


def test_tasks_and_databases_have_panels_of_their_own(make_record: Make) -> None:
    found = panels([make_record(), make_record(seed=1), make_record(task="au")], [], "macs")
    assert {key: len(points) for key, points in found.items()} == {
        ("va", 8, "aff-wild2", "val"): 2,
        ("au", 8, "aff-wild2", "val"): 1,
    }


def test_what_has_no_value_or_no_cost_is_left_out(make_record: Make) -> None:
    assert panels([make_record(value=None), make_record(cost=None)], [], "latency") == {}


def test_published_rows_stand_in_the_panel_of_their_data_if_they_state_the_cost(make_record: Make) -> None:
    rows = [published(macs_per_frame=1e9), published(system="silent"), published(task="au", parameters=1e6)]
    ((measured, theirs),) = panels([make_record()], rows, "macs").values()
    assert (theirs.label, theirs.value, theirs.low) == ("theirs", 0.5, None)
    assert theirs.published
    assert not measured.published
    assert set(panels([make_record()], rows, "parameters")) == {
        ("va", 8, "aff-wild2", "val"),
        ("au", 8, "aff-wild2", "val"),
    }


def test_marked_runs_are_shown_and_never_on_the_frontier(make_record: Make) -> None:
    ((point,),) = panels([make_record(source="none")], [], "macs").values()
    assert point.label == "mnv4-tam"
    assert frontier([point]) == []


def test_synthetic_and_real_results_never_share_a_picture(make_record: Make) -> None:
    with pytest.raises(ValueError, match="never share a picture"):
        panels([make_record(), make_record(synthetic=True)], [], "macs")
    with pytest.raises(ValueError, match="never share a picture"):
        panels([make_record(synthetic=True)], [published(macs_per_frame=1e9)], "macs")
