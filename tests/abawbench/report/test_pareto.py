"""What stands in a plot, and which of it nothing beats at no greater cost."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench.records.published import Published
from abawbench.records.record import Cost, DatabaseRecord, Latency, Record
from abawbench.report.pareto import COSTS, Panel, Point, frontier, panels, titles

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
        Panel("va", 8, "aff-wild2", "val", "ab" * 32): 2,
        Panel("au", 8, "aff-wild2", "val", "ab" * 32): 1,
    }


def test_what_has_no_value_or_no_cost_is_left_out(make_record: Make) -> None:
    assert panels([make_record(value=None), make_record(cost=None)], [], "latency") == {}


def test_published_rows_stand_in_the_panel_of_their_data_if_they_state_the_cost(make_record: Make) -> None:
    rows = [published(macs_per_frame=1e9), published(system="silent"), published(task="au", parameters=1e6)]
    ((load_measured, theirs),) = panels([make_record()], rows, "macs").values()
    assert (theirs.label, theirs.value, theirs.low) == ("theirs", 0.5, None)
    assert theirs.published
    assert not load_measured.published
    assert set(panels([make_record()], rows, "parameters")) == {
        Panel("va", 8, "aff-wild2", "val", "ab" * 32),
        Panel("au", 8, "aff-wild2", "val"),
    }


def on(annotations: str) -> DatabaseRecord:
    return DatabaseRecord(name="aff-wild2", synthetic=False, fingerprint=annotations * 32, split="val")


def timed(**fields: object) -> Cost:
    given = {"p50_ms": 10.0, "samples": 700, "batch": 1, "threads": 1, "device": "cpu", "runtime": "eager"}
    latency = Latency.model_validate({**given, **fields})
    return Cost(parameters_total=1, parameters_trained=1, macs_per_frame={"flop_counter": 1e9}, latency=latency)


def test_results_on_other_annotations_have_a_panel_of_their_own_and_say_which(make_record: Make) -> None:
    records = [make_record(database=on("ab")), make_record(database=on("cd")), make_record(task="au")]
    found = panels(records, [], "macs")
    assert list(titles(found).values()) == [
        "va, edition 8, aff-wild2 val\nannotations abababab",
        "va, edition 8, aff-wild2 val\nannotations cdcdcdcd",
        "au, edition 8, aff-wild2 val",
    ]
    assert [len(frontier(points)) for points in found.values()] == [1, 1, 1]


def test_a_published_row_stands_in_every_panel_of_its_data(make_record: Make) -> None:
    records = [make_record(database=on("ab")), make_record(database=on("cd"))]
    found = panels(records, [published(macs_per_frame=1e9), published(task="au", macs_per_frame=1e9)], "macs")
    assert [[point.published for point in points].count(True) for points in found.values()] == [1, 1, 1]
    assert [panel.task for panel in found] == ["va", "va", "au"]


def test_times_on_another_device_or_number_of_threads_are_never_compared(make_record: Make) -> None:
    records = [make_record(cost=timed(threads=n, device=on)) for n, on in ((1, "cpu"), (4, "cpu"), (4, "cuda"))]
    found = titles(panels(records, [], "latency"))
    assert [title.splitlines()[1] for title in found.values()] == [
        "cpu, 1 threads",
        "cpu, 4 threads",
        "cuda, 4 threads",
    ]
    assert list(titles(panels(records, [], "macs")).values()) == ["va, edition 8, aff-wild2 val"]


@pytest.mark.parametrize(("valid", "ranked"), [(True, True), (None, True), (False, False)])
def test_an_invalid_time_is_not_ranked_by_it(make_record: Make, valid: bool | None, ranked: bool) -> None:
    record = make_record(cost=timed(valid=valid))
    assert [point.ranked for point in next(iter(panels([record], [], "latency").values()))] == [ranked]
    assert [point.ranked for point in next(iter(panels([record], [], "macs").values()))] == [True]


def test_marked_runs_are_shown_and_never_on_the_frontier(make_record: Make) -> None:
    ((point,),) = panels([make_record(source="none")], [], "macs").values()
    assert point.label == "mnv4-tam"
    assert frontier([point]) == []


def test_synthetic_and_real_results_never_share_a_picture(make_record: Make) -> None:
    with pytest.raises(ValueError, match="never share a picture"):
        panels([make_record(), make_record(synthetic=True)], [], "macs")
    with pytest.raises(ValueError, match="never share a picture"):
        panels([make_record(synthetic=True)], [published(macs_per_frame=1e9)], "macs")
