"""The table shows accuracy beside cost and hides nothing."""

from collections.abc import Callable

import pytest

from abawbench.records.record import Cost, Counts, DatabaseRecord, Latency, ProtocolRecord, Record
from abawbench.report.table import table

Make = Callable[..., Record]
UNSAFE = "evil|name\n\x1b[31m`<b>`\u202e"


def cells(text: str, first: str) -> list[str]:
    """The cells of the GitHub row whose first cell is given."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    (row,) = [row for row in rows if row[0] == first]
    return row


def test_one_row_shows_accuracy_and_cost(make_record: Make) -> None:
    assert cells(table([make_record()], "github"), "va") == [
        "va",
        "ccc",
        "0.412 [0.380, 0.441]",
        "0.000",
        "100% (4)",
        "4.33M",
        "223M",
        "123/130/–",
        "80",
        "512",
        "6.5",
    ]


def test_the_title_says_what_all_rows_share(make_record: Make) -> None:
    title = table([make_record(), make_record(task="au")]).splitlines()[0]
    assert title == "mnv4-tam · aff-wild2 val"


def test_synthetic_results_say_so_first(make_record: Make) -> None:
    assert table([make_record(synthetic=True)]).startswith("SYNTHETIC DATA")
    assert "SYNTHETIC" not in table([make_record()])


def test_synthetic_and_real_results_share_no_table(make_record: Make) -> None:
    with pytest.raises(ValueError, match="never share a table"):
        table([make_record(), make_record(synthetic=True)])


def test_a_run_without_a_result_keeps_its_row_and_gives_its_reason(make_record: Make) -> None:
    failed = make_record(
        task="ce", status="failed", reason="no labels in val", score=None, floor=None, counts=None, cost=None
    )
    text = table([make_record(), failed], "github")
    assert cells(text, "ce") == ["ce", "–", "failed", "–", "–", "–", "–", "–", "–", "–", "6.5"]
    assert "ce (mnv4-tam): failed: no labels in val" in text


def test_an_undefined_value_is_a_dash_with_its_reason(make_record: Make) -> None:
    text = table([make_record(value=float("nan"))], "github")
    assert cells(text, "va")[2] == "–"
    assert "not defined" in text


def test_models_seeds_and_missing_weights_are_told_apart(make_record: Make) -> None:
    text = table([make_record(), make_record(seed=1), make_record(model="x" * 90, source="none")])
    assert "mnv4-tam seed 0" in text
    assert "mnv4-tam seed 1" in text
    assert "weights=none" in text


def test_missing_weights_are_marked_in_a_table_of_one_model_too(make_record: Make) -> None:
    assert "weights=none" in table([make_record(source="none")]).splitlines()[0]


def test_databases_are_named_where_they_differ(make_record: Make) -> None:
    other = DatabaseRecord(name="bah", synthetic=False, fingerprint="f", split="test")
    assert "bah test" in table([make_record(), make_record(database=other)])


def test_coverage_is_never_rounded_up_to_all_frames(make_record: Make) -> None:
    counts = Counts(tracks=1, frames=4000, annotated_frames=3000, coverage=2999 / 3000, frames_without_image=57)
    assert cells(table([make_record(counts=counts)], "github"), "va")[4] == "99.9% (57)"


def test_protocol_options_stand_beside_the_model_and_the_official_protocol_says_nothing(make_record: Make) -> None:
    official = ProtocolRecord(clip_length=8, clip_stride=8)
    other = ProtocolRecord(clip_length=8, clip_stride=4, no_face="black", smoothing="box:50", thresholds="tuned")
    assert table([make_record(protocol=official)]).splitlines()[0] == "mnv4-tam · aff-wild2 val"
    title = table([make_record(protocol=other)]).splitlines()[0]
    assert title == "mnv4-tam no_face=black smoothing=box:50 thresholds=tuned · aff-wild2 val"


def test_macs_fall_back_on_the_other_counter(make_record: Make) -> None:
    cost = Cost(parameters_total=1, parameters_trained=1, macs_per_frame={"flop_counter": None, "fvcore": 2e9})
    assert cells(table([make_record(cost=cost)], "github"), "va")[6] == "2.00G"


def test_counts_that_disagree_without_an_explanation_are_not_printed(make_record: Make) -> None:
    totals = {"flop_counter": 1e9, "fvcore": 2e9}
    counts = {"parameters_total": 1, "parameters_trained": 1, "macs_per_clip": totals, "macs_per_frame": totals}
    unnamed = Cost(**counts, macs_difference_by_operator={"matmul": 1e9})
    named = Cost(**counts, macs_difference_by_operator={"matmul in aten::strange": 1e9})
    assert cells(table([make_record(cost=unnamed)], "github"), "va")[6] == "–"
    assert cells(table([make_record(cost=named)], "github"), "va")[6] == "1.00G"


def test_a_time_that_breaks_the_rules_is_marked_once_for_a_model(make_record: Make) -> None:
    latency = Latency(
        p50_ms=1,
        samples=9,
        batch=1,
        threads=1,
        device="cpu",
        runtime="eager",
        valid=False,
        advice=("9 of 662 samples",),
    )
    cost = Cost(parameters_total=1, parameters_trained=1, latency=latency)
    text = table([make_record(cost=cost), make_record(cost=cost, task="au")])
    assert text.count("latency of mnv4-tam: invalid: 9 of 662 samples") == 1


@pytest.mark.parametrize("fmt", ["simple", "github", "plain"])
def test_names_and_reasons_cannot_break_the_table(make_record: Make, fmt: str) -> None:
    record = make_record(model=UNSAFE, task=UNSAFE, status="failed", reason=UNSAFE, score=None)
    text = table([record, make_record()], fmt)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if fmt == "github":
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len({row.replace(r"\|", "").count("|") for row in rows}) == 1
        assert "<b>" not in text.replace(r"\<b\>", "")


def test_a_table_fits_a_wide_terminal(make_record: Make) -> None:
    one_model = [make_record(task=task) for task in ("va", "expr", "au", "ce", "emi", "ah")]
    assert max(map(len, table(one_model).splitlines())) <= 130
    databases = [
        DatabaseRecord(name=name, synthetic=False, fingerprint="f", split="val") for name in ("aff-wild2", "c-expr-db")
    ]
    reason = "word " * 100
    wide = [
        make_record(model=f"{'long-name' * 5}{place}", database=database, status=status, reason=reason)
        for place, (database, status) in enumerate(zip(databases, ("ok", "failed"), strict=True))
    ]
    assert max(map(len, table(wide).splitlines())) <= 160


def test_no_records_make_no_table() -> None:
    assert table([]) == "no results"


def test_what_was_predicted_without_an_input_is_said_below(make_record: Make) -> None:
    counts = {"tracks": 5, "frames": 50, "annotated_frames": 50, "coverage": 1.0}
    missing = {"audio": {"tracks": 2, "frames": 25}, "frames": {"tracks": 0, "frames": 0}}
    text = table([make_record(counts=Counts(**counts, missing_inputs=missing))])
    assert "va (mnv4-tam): predicted without audio in 2 tracks (25 frames)" in text
    assert "predicted without" not in table([make_record()])
    assert "predicted without" not in table([make_record(counts=Counts(**counts))])


def test_a_model_without_a_network_has_no_cost_in_the_table(make_record: Make) -> None:
    row = cells(table([make_record(cost=None)], "github"), "va")
    assert row[2] == "0.412 [0.380, 0.441]"
    assert row[5:10] == ["–"] * 5
