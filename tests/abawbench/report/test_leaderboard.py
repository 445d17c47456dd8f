"""The leaderboards are generated, sourced, and never mix what must stay apart."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from abawbench.cli import group
from abawbench.contracts.errors import DataError
from abawbench.plugins import default_plugins
from abawbench.records.published import Published, load
from abawbench.records.record import Cost, DatabaseRecord, Latency, ProtocolRecord, Record, WeightsRecord
from abawbench.report import leaderboard
from abawbench.report.leaderboard import DRAWN, PAGE, page_text, pages, render, write

Make = Callable[..., Record]
FOLDER = Path(__file__).resolve().parents[3] / "leaderboards"
ENTRY = """\
- system: "a system"
  task: va
  edition: 8
  database: aff-wild2
  split: val
  metric: mean CCC
  value: 0.5
  source: "arXiv 2503.10530"
  confidence: SINGLE
"""


def published(**fields: object) -> Published:
    given = {"system": "s", "task": "va", "edition": 8, "database": "d", "split": "val", "metric": "m", "value": 0.5}
    return Published.model_validate(given | {"source": "arXiv", "confidence": "SINGLE"} | fields)


def section(page: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    return page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.slow
def test_the_page_is_what_its_sources_make_of_it() -> None:
    found = {name: (FOLDER / name).read_text(encoding="utf-8") for name in (PAGE, DRAWN)}
    assert found == pages(FOLDER), "stale; run: abawbench leaderboard --folder leaderboards --write"


def test_drawn_faces_have_a_page_that_says_whose_weights_saw_such() -> None:
    real, drawn = ((FOLDER / name).read_text(encoding="utf-8") for name in (PAGE, DRAWN))
    assert "on synthetic val" not in real
    assert "on facial-expressions val" in section(real, "Measured")
    assert "The weights of mnv4-tam, mnv4-tam-1, mnv4-tam-2 were trained on such drawings" in drawn.splitlines()[2]


def test_a_table_says_what_was_pretrained_on_what_and_which_settings_differ(make_record: Make) -> None:
    frozen = WeightsRecord(source="faces=f", trained_on=("AffectNet", "ImageNet"))
    page = render(
        [],
        [
            make_record(weights=frozen, settings={"loss": {"va": "a", "au": "c"}, "lr": 0.1, "freeze": "all"}),
            make_record(weights=frozen, settings={"loss": {"va": "b", "au": "c"}, "lr": 0.1, "freeze": "none"}),
            make_record(model="alone", source="none", settings={"epochs": 2, "lr": 1e-3, "image": 64}),
        ],
    )
    rows = [[cell.strip() for cell in line.split("|")[1:]] for line in page.splitlines() if line.startswith("|")]
    at = [rows[0].index(name) for name in ("settings", "pretrained on")]
    found = {tuple(row[place] for place in at) for row in rows[2:]}
    assert found == {
        ("freeze=all loss.va=a", "AffectNet, ImageNet"),
        ("freeze=none loss.va=b", "AffectNet, ImageNet"),
        ("epochs=2 image=64", "nothing"),
    }


def test_the_published_results_hold_the_paper_and_the_baselines() -> None:
    rows = {
        (row.system, row.task, row.edition, row.split, row.metric): row.value for row in load(FOLDER / "published.yaml")
    }
    assert rows["MNv4 + TAM, 1 level", "au", 8, "val", "macro F1"] == 0.5441
    assert rows["MNv4 + TAM, 1 level", "au", 8, "test", "macro F1"] == 0.484
    assert rows["official baseline, ResNet-50", "va", 8, "val", "mean CCC"] == 0.22
    assert {row.task for row in load(FOLDER / "published.yaml")} >= {"va", "expr", "au", "ce", "emi", "ah"}


def test_every_system_of_the_papers_table_names_its_plugin_and_what_measuring_it_needs() -> None:
    rows = [row for row in load(FOLDER / "published.yaml") if row.source == "arXiv 2503.10530, Table 2"]
    assert len(rows) == 9
    known = {plugin.name for plugin in default_plugins().all("model")}
    assert all(row.plugin in known and row.needs for row in rows)
    page = section((FOLDER / "README.md").read_text(encoding="utf-8"), "Published")
    lines = [line for line in page.splitlines() if "arXiv 2503.10530, Table 2" in line]
    assert len(lines) == 9
    for row in rows:
        assert any(row.system in line and f"`{row.plugin}`" in line and f"{row.value:.4g}" in line for line in lines)


def test_every_plugin_that_a_published_row_names_exists() -> None:
    known = {plugin.name for plugin in default_plugins().all("model")}
    assert {row.plugin for row in load(FOLDER / "published.yaml") if row.plugin} <= known


def test_writing_the_page_takes_records_from_the_folder(tmp_path: Path, make_record: Make) -> None:
    (tmp_path / "published.yaml").write_text(ENTRY, encoding="utf-8")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "one.json").write_text(make_record().to_json(), encoding="utf-8")
    page = write(tmp_path).read_text(encoding="utf-8")
    assert "0.412 [0.380, 0.441]" in section(page, "Measured")
    assert "a system" in section(page, "Published")
    assert page == page_text(tmp_path)


def test_synthetic_results_stand_apart(make_record: Make) -> None:
    page = render([], [make_record(model="on-faces"), make_record(model="on-drawings", synthetic=True)])
    assert "on-drawings" not in section(page, "Measured")
    assert "on-drawings" in section(page, "Measured on synthetic data")
    assert "on-faces" not in section(page, "Measured on synthetic data")
    assert "synthetic data" not in render([], [make_record()])


@pytest.mark.parametrize(
    "mark",
    [
        {"source": "none"},
        {"settings": {"control": "shuffled-labels"}},
        {"weights": WeightsRecord(source="face-net", against_the_rules=("aff-wild2 au",))},
    ],
)
def test_a_marked_run_is_shown_and_never_ranked(make_record: Make, mark: dict[str, object]) -> None:
    page = render([], [make_record(model="chance", value=0.9, **mark), make_record(model="real", value=0.1)])
    ranked = [line for line in page.splitlines() if "real" in line and line.startswith("|")]
    unranked = [line for line in page.splitlines() if "chance" in line]
    assert ranked[0].startswith("| 1 ")
    assert unranked[0].startswith("| – ")
    assert page.index("chance") > page.index("| real")


def test_an_out_of_fold_value_never_shares_a_table_with_the_official_split(make_record: Make) -> None:
    folds = DatabaseRecord(
        name="aff-wild2", synthetic=False, fingerprint="ab" * 32, split="train+val, 6 folds by subject"
    )
    protocol = ProtocolRecord(clip_length=8, clip_stride=8, folds=6)
    page = render([], [make_record(model="official"), make_record(model="folded", database=folds, protocol=protocol)])
    tables = section(page, "Measured").split("### ")
    assert [("| official" in part, "folded" in part) for part in tables[1:]] == [(True, False), (False, True)]
    assert "6 folds by subject" in next(part for part in tables if "folded" in part).splitlines()[0]


def test_the_best_stands_first_and_other_files_stand_elsewhere(make_record: Make) -> None:
    other = DatabaseRecord(name="aff-wild2", synthetic=False, fingerprint="cd" * 32, split="val")
    page = render(
        [], [make_record(model="b", value=0.2), make_record(model="a", value=0.3), make_record(database=other)]
    )
    assert page.index("| a ") < page.index("| b ")
    assert page.count("### va, edition 8") == 2


def test_times_that_break_the_rules_or_drifted_are_named_under_their_table(make_record: Make) -> None:
    def timed(**fields: object) -> Cost:
        given = {"p50_ms": 1.0, "samples": 9, "batch": 1, "threads": 1, "device": "cpu", "runtime": "eager"}
        latency = Latency.model_validate({**given, **fields})
        return Cost(parameters_total=1, parameters_trained=1, latency=latency)

    short = timed(valid=False, advice=("9 of 662 samples",))
    noisy = timed(valid=True, noise=0.12, advice=("the times drifted by 12%",), runtime="onnx")
    records = [
        make_record(model="one", cost=short),
        make_record(model="one", cost=short, seed=1),
        make_record(model="two", cost=noisy),
        make_record(model="two", cost=timed(valid=True), task="au"),
    ]
    va, au = section(render([], records), "Measured").split("### ")[1:]
    assert [line for line in va.splitlines() if line.startswith("- ")] == [
        "- latency of one (eager, cpu, 1 threads): invalid: 9 of 662 samples",
        "- latency of two (onnx, cpu, 1 threads): noisy: the times drifted by 12%",
    ]
    assert va.index("| two") < va.index("- latency")
    assert "- latency" not in au


def test_runs_without_a_value_are_left_out(make_record: Make) -> None:
    failed = make_record(status="failed", reason="x", score=None)
    assert "None yet" in render([], [failed, make_record(value=None)])


def test_published_results_are_sorted_and_splits_kept_apart() -> None:
    page = render(
        [published(system="low", value=0.1), published(system="high", value=0.3), published(system="t", split="test")],
        [],
    )
    assert page.index("#### m on d, test") < page.index("#### m on d, val")
    assert page.index("| high") < page.index("| low")


def test_tasks_that_no_heading_is_known_for_follow_under_their_names() -> None:
    page = render([published(task="new-task"), published(task="vd")], [])
    assert page.index("### Violence detection") < page.index("### new-task")


def test_text_cannot_break_the_page(make_record: Make) -> None:
    unsafe = "a|b\n## <script>"
    page = render([published(system=unsafe, note=unsafe)], [make_record(model=unsafe)])
    assert "<script>" not in page
    assert "\n## \\<" not in page
    rows = [line for line in page.splitlines() if "script" in line]
    assert len(rows) == 2
    assert all(row.startswith("|") and r"a\|b \#\# \<script\>" in row for row in rows)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ENTRY + ENTRY, "entry 2 repeats a system on va"),
        (ENTRY.replace("SINGLE", "SURE"), "entry 1: confidence"),
        (ENTRY.replace("value: 0.5", "value: .nan"), "entry 1: value"),
        (ENTRY.replace("value: 0.5", "value: 50"), "entry 1: value"),
        (ENTRY.replace('"arXiv 2503.10530"', '""'), "entry 1: source"),
        (ENTRY + "  rank: 1\n", "entry 1: rank"),
        ("{}", "expected a list"),
        ("- [", "not a readable YAML file"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "published.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=complaint):
        load(tmp_path / "published.yaml")


def test_headings_cover_the_tasks_of_the_literature() -> None:
    assert {row.task for row in load(FOLDER / "published.yaml")} <= set(leaderboard.TASKS)


@pytest.mark.slow
def test_the_command_shows_the_results_that_are_asked_for() -> None:
    def call(*arguments: str) -> list[dict[str, Any]]:
        done = CliRunner().invoke(group, ["leaderboard", "--json", *arguments], catch_exceptions=False)
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    every = call()
    chosen = call("--task", "expr", "--database", "aff-wild2")
    assert 0 < len(chosen) < len(every)
    assert all((row["task"], row["database"]) == ("expr", "aff-wild2") for row in chosen)
    assert chosen == [row for row in every if (row["task"], row["database"]) == ("expr", "aff-wild2")]
    assert "mnv4-tam" in {row.get("model") for row in call("--model", "mnv4-tam")}
    refused = CliRunner().invoke(group, ["leaderboard", "--task", "expresion"], standalone_mode=False)
    assert "no result has the task 'expresion'; did you mean expr" in str(refused.exception)
