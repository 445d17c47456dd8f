"""Tables that fit: no line is longer than the terminal, what matters stays, and nothing is lost."""

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abawbench.records.record import Cost, Latency, Record, Seconds
from abawbench.records.scores import Floor, PartScore, Score
from abawbench.report.table import table_columns
from abawbench.report.terminal import LEGEND, fitted_table, parts_text

Make = Callable[..., Record]


def tables(make_record: Make) -> list[Record]:
    return [make_record(task=task) for task in ("va", "expr", "au", "ce", "emi", "ah")]


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (80, ["task", "value", "floor", "p50", "MACs/"]),
        (120, ["task", "value", "floor", "p50/p90/p99", "MACs/", "coverage", "params", "frames/s"]),
        (200, ["task", "value", "floor", "p50/p90/p99", "MACs/", "coverage", "params", "frames/s", "peak", "time"]),
    ],
)
def test_the_table_fits_and_shows_what_matters_first(make_record: Make, width: int, headings: list[str]) -> None:
    text = fitted_table(tables(make_record), width)
    assert max(map(len, text.splitlines())) <= width
    head = text.split("----")[0]
    assert all(heading in head for heading in headings)


def test_what_finds_no_place_stands_below(make_record: Make) -> None:
    text = fitted_table(tables(make_record), 60)
    above, below = text.rsplit("----", 1)
    assert "params" not in above
    assert "params 4.33M" in below
    assert "--wide" in below
    assert "params" in fitted_table(tables(make_record), 60, wide=True).split("----")[0]


def test_marks_of_many_models_are_numbered_where_there_is_no_room(make_record: Make) -> None:
    records = [make_record(model=f"model-{n}", source="none", seconds=Seconds(fit=n)) for n in range(12)]
    text = fitted_table(records, 60)
    assert "model-3 *1" in text
    assert "*1: weights=none" in text
    assert "not shown: time s; --wide" in text
    assert max(map(len, text.splitlines())) <= 60


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(width=st.integers(50, 220), names=st.lists(st.text("abcd-", min_size=1, max_size=30), min_size=1, max_size=12))
def test_no_row_is_longer_than_the_terminal(make_record: Make, width: int, names: list[str]) -> None:
    records = [make_record(model=name, source="none") for name in names]
    assert max(map(len, fitted_table(records, width).splitlines())) <= width


def test_colour_marks_the_floor_the_unranked_and_invalid_times(make_record: Make) -> None:
    slow = Latency(p50_ms=1.0, samples=1, batch=1, threads=1, device="cpu", runtime="eager", valid=False)
    records = [
        make_record(model="low", floor=Floor(value=0.5, what="a constant")),
        make_record(model="odd", source="none"),
        make_record(model="late", cost=Cost(parameters_total=1, parameters_trained=1, latency=slow)),
    ]
    text = fitted_table(records, 120, colour=True)
    rows = {name: next(line for line in text.splitlines() if line.startswith(name)) for name in ("low", "odd", "late")}
    assert "\x1b[31m0.412" in rows["low"]
    assert "\x1b[33m0.412" in rows["odd"]
    assert "\x1b[33m1.00" in rows["late"]
    assert re.sub("\x1b\\[[0-9]+m", "", text) == fitted_table(records, 120)


def test_a_cell_without_anything_in_it_is_coloured_too(make_record: Make) -> None:
    records = [make_record(settings={"lr": lr}, source="none") for lr in (0.1, 0.2)] + [make_record(model="constant")]
    text = fitted_table(records, 120, colour=True)
    assert re.sub("\x1b\\[[0-9]+m", "", text) == fitted_table(records, 120)


def test_parts_are_bars_as_wide_as_their_values(make_record: Make) -> None:
    parts = {"Neutral": PartScore(value=1.0), "Fear": PartScore(value=0.5), "Anger": PartScore(value=-0.5)}
    text = parts_text([make_record(score=Score(metric="m", value=0.5, parts=parts))], 80)
    bars = [line.count("█") for line in text.splitlines()[1:]]
    assert bars == [40, 20, 0]
    assert "░" in text
    assert max(map(len, parts_text([make_record()], 40).splitlines())) <= 40


def test_the_legend_explains_every_column(make_record: Make) -> None:
    _, columns = table_columns([make_record()])
    explained = [line.split("  ")[0].split(" [")[0] for line in LEGEND.splitlines()]
    assert [name for name in columns if name.split(" [")[0] not in explained] == ["task", "metric"]
