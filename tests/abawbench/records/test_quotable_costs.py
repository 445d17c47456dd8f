"""A count known to be short and a time that drifted are marked wherever they stand, and have no rank by cost."""

from collections.abc import Callable
from typing import Any

import pytest

from abawbench.records.cost import Cost, Latency, hiding_products
from abawbench.records.record import Record
from abawbench.report.leaderboard import render
from abawbench.report.pareto import frontier, panels
from abawbench.report.table import table

Make = Callable[..., Record]


def counted(*uncounted: str, **fields: Any) -> Cost:
    return Cost(
        parameters_total=1,
        parameters_trained=1,
        macs_per_clip={"flop_counter": 8e6, "fvcore": 8e6},
        macs_per_frame={"flop_counter": 1e6, "fvcore": 1e6},
        uncounted_operators={"flop_counter": dict.fromkeys(uncounted, 1)},
        macs_missed=tuple(hiding_products(uncounted)),
        **fields,
    )


@pytest.mark.parametrize(
    "operator",
    [
        "torchvision.deform_conv2d",
        "torchvision::deform_conv2d",
        "mine.scan",
        "aten::_cdist_forward",
        "prim::PythonOp.F",
    ],
)
def test_an_operator_that_may_hold_products_makes_the_count_short(operator: str) -> None:
    assert hiding_products(["aten::add", operator]) == [operator]


@pytest.mark.parametrize("operator", ["aten::add", "torchvision.roi_align", "prims.convert_element_type"])
def test_an_operator_without_products_does_not(operator: str) -> None:
    assert hiding_products([operator]) == []


def test_a_short_count_is_marked_in_every_table_and_not_ranked_by_cost(make_record: Make) -> None:
    short = make_record(model="short", cost=counted("torchvision.deform_conv2d"), value=0.9)
    whole = make_record(model="whole", cost=counted("aten::add"), value=0.1)
    for text in (table([short, whole]), render([], [short, whole])):
        assert "≥1.00M" in text
        assert "MACs of short are short: torchvision.deform" in text.replace("\\", "")
        assert text.count("≥") == 1
    (points,) = panels([short, whole], [], "macs").values()
    assert [point.label for point in frontier(points)] == ["whole"]
    (by_size,) = panels([short, whole], [], "parameters").values()
    assert [point.label for point in frontier(by_size)] == ["short"]


@pytest.mark.parametrize(
    ("valid", "noise", "state"),
    [
        (True, 0.05, "valid"),
        (True, 0.11, "noisy"),
        (False, 0.05, "invalid"),
        (False, 0.5, "invalid"),
        (None, 0.2, "noisy"),
    ],
)
def test_a_time_is_valid_noisy_or_invalid(make_record: Make, valid: bool | None, noise: float, state: str) -> None:
    latency = Latency(
        p50_ms=1,
        samples=9,
        batch=1,
        threads=1,
        device="cpu",
        runtime="eager",
        valid=valid,
        noise=noise,
        advice=("why",),
    )
    assert latency.state == state
    record = make_record(cost=counted(latency=latency))
    assert f"latency of mnv4-tam: {state}: why" in table([record])
    (points,) = panels([record], [], "latency").values()
    assert [point.ranked for point in points] == [state == "valid"]
