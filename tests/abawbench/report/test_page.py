"""The page holds what the records say, compares as the command does, and runs nothing that is not its own."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from abawbench.cli import group
from abawbench.compare.comparison import compare
from abawbench.compare.sides import Run
from abawbench.contracts import DataError
from abawbench.plugins import default_plugins
from abawbench.records.published import Published
from abawbench.records.record import Record
from abawbench.records.scores import BinRecord, CalibrationRecord, KeptRecord, PartRecord
from abawbench.records.store import read, write_calibration
from abawbench.report.html import TEMPLATES, page
from abawbench.report.page_data import page_data, repeat_command

MakeRun = Callable[..., Path]
PUBLISHED = Published(
    system="<b>theirs</b>", task="va", edition=8, database="aff-wild2", split="val", metric="mean CCC", value=0.5,
    source="a paper", confidence="SINGLE",
)  # fmt: skip


def runs(make_run: MakeRun) -> list[Run]:
    """Three models on the same tracks, the first two far apart and the last two alike."""
    folders = [
        make_run("good", model="good", job="1" * 64, noise=0.1),
        make_run("poor", model="poor", job="2" * 64, noise=0.9),
        make_run("worse", model="worse", job="3" * 64, noise=0.95),
    ]
    return [Run(folder, read(folder)) for folder in folders]


def test_a_board_ranks_its_results_and_shows_published_ones_beside(make_run: MakeRun) -> None:
    (board,) = page_data(runs(make_run), [PUBLISHED], default_plugins())["boards"]
    rows = board["rows"]
    assert [row["model"] for row in rows[:3]] == ["good", "poor", "worse"]
    assert [row["rank"] for row in rows[:3]] == ["1", "2=", "2="]
    assert rows[3]["published"]
    assert rows[3]["name"] == "<b>theirs</b>"
    values = [value for _, value in rows[0]["tracks"]]
    assert values == sorted(values)
    assert len(values) == board["track_count"] == 24


def test_a_kept_calibration_is_shown_unless_of_an_earlier_run(make_run: MakeRun) -> None:
    good, poor, _ = found = runs(make_run)
    ends = (0.1, 0.05, None)
    part = PartRecord(
        part="au", error=ends, brier=ends, bins=(BinRecord(confidence=0.7, answers=9, right=ends),),
        kept=(KeptRecord(coverage=0.5, risk=ends),),
    )  # fmt: skip
    write_calibration(good.path, CalibrationRecord(seal=good.record.seal, parts=(part,)))
    write_calibration(poor.path, CalibrationRecord(seal="0" * 64, parts=(part,)))
    rows = page_data(found, [], default_plugins())["boards"][0]["rows"]
    assert [len(row["calibration"]) for row in rows] == [1, 0, 0]
    assert rows[0]["calibration"][0]["bins"] == [[0.7, 0.1, 0.05, None]]
    (good.path / "calibration.json").write_text("{}")
    with pytest.raises(DataError, match=r"calibration.json: not what .* writes"):
        page_data(found, [], default_plugins())


def test_another_metric_has_a_board_of_its_own(make_run: MakeRun) -> None:
    other = PUBLISHED.model_copy(update={"metric": "a mean of medians"})
    boards = page_data(runs(make_run), [other], default_plugins())["boards"]
    assert sorted(board["metric"] for board in boards) == ["a mean of medians", "ccc"]


def test_a_pair_has_the_figures_of_the_command(make_run: MakeRun) -> None:
    a, b, c = runs(make_run)
    pairs = page_data([a, b, c], [], default_plugins())["boards"][0]["pairs"]
    told = compare([a], [c], default_plugins()).tasks[0]
    expected = [told.difference, told.interval.low, told.interval.high, told.p_value, told.detectable]
    assert pairs["of"] == 3
    assert [cell / 1e4 for cell in pairs["cells"][1]] == pytest.approx(expected, abs=1e-4)


def test_a_run_without_statistics_is_shown_and_compared_with_none(make_run: MakeRun) -> None:
    a, b, _ = runs(make_run)
    (b.path / "statistics.parquet").unlink()
    board = page_data([a, b], [], default_plugins())["boards"][0]
    assert "missing" in board["pairs"]["reasons"][board["pairs"]["cells"][0]]
    assert "missing" in board["rows"][1]["untold"]


def test_a_caveat_stands_beside_the_value(make_run: MakeRun) -> None:
    run = runs(make_run)[0]
    assert run.record.counts is not None
    counts = run.record.counts.model_copy(update={"caveats": ("3 subjects in train and val",)})
    doubted = Run(run.path, run.record.model_copy(update={"counts": counts}))
    board = page_data([doubted], [], default_plugins())["boards"][0]
    assert board["rows"][0]["caveats"] == ["3 subjects in train and val"]


def test_synthetic_results_have_boards_of_their_own(make_run: MakeRun) -> None:
    real = runs(make_run)[0]
    made_up = Run(real.path, real.record.model_copy(update={
        "database": real.record.database.model_copy(update={"synthetic": True})}))  # fmt: skip
    boards = page_data([made_up, real], [], default_plugins())["boards"]
    assert [board["synthetic"] for board in boards] == [False, True]


def test_what_failed_is_named(make_record: Callable[..., Record]) -> None:
    failed = make_record(status="failed", reason="out of memory", score=None)
    data = page_data([Run(Path("x"), failed)], [], default_plugins())
    assert data["boards"] == []
    assert data["absent"][0]["why"] == "failed: out of memory"


def test_hostile_text_stays_text(make_run: MakeRun) -> None:
    folder = make_run("evil", model="</script><script>alert(1)</script>")
    text = page([Run(folder, read(folder))], [PUBLISHED], default_plugins(), title="<i>")
    assert text.count("<script") == 2
    assert "<b>" not in text
    assert "<title>&lt;i&gt;</title>" in text
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    assert json.loads(found[1])["boards"][0]["rows"][0]["model"] == "</script><script>alert(1)</script>"


def test_the_page_names_no_other_host_and_its_script_is_small(make_run: MakeRun) -> None:
    text = page(runs(make_run), [], default_plugins())
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert text == page(runs(make_run), [], default_plugins())
    script = text.split("<script>")[1].split("</script>")[0]
    assert len(script.encode()) < 29_000
    assert "innerHTML" not in (TEMPLATES / "page.js").read_text(encoding="utf-8")


def test_the_command_that_repeats_a_run_spells_out_what_it_took(make_record: Callable[..., Record]) -> None:
    record = make_record(settings={"epochs": 3, "loss": {"va": "a b"}, "precision": "bf16", "control": None}, seed=4)
    assert repeat_command(record) == (
        "abawbench run --model mnv4-tam --task va --seed 4 --weights imagenet --data aff-wild2=FOLDER "
        '--precision bf16 --set epochs=3 --set \'loss={"va": "a b"}\''
    )


def test_report_writes_a_page_and_refuses_an_empty_folder(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run("runs/one")
    target = tmp_path / "page.html"
    done = CliRunner().invoke(group, ["report", str(folder.parent), "--html", str(target)])
    assert done.exit_code == 0, done.output
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    (tmp_path / "empty").mkdir()
    refused = CliRunner().invoke(group, ["report", str(tmp_path / "empty"), "--html", str(target)])
    assert "no run at or below" in str(refused.exception)
