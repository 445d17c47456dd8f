"""``abawbench runs``: the newest first, filters, and what is removed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from abawbench import cli
from abawbench.records import store

Make = Callable[..., Path]
DAY = timedelta(days=1)
FIRST = datetime(2026, 2, 1, tzinfo=UTC)


def call(*args: str, answer: str = "") -> Result:
    return CliRunner().invoke(cli.group, ["runs", *args], standalone_mode=False, catch_exceptions=False, input=answer)


def listed(*args: str) -> list[str]:
    return [Path(run["path"]).name for run in json.loads(call(*args, "--json").stdout)]


def test_runs_are_listed_newest_first_and_filtered(make_run: Make, make_record: Any, tmp_path: Path) -> None:
    for place, (name, model) in enumerate((("a", "x"), ("b", "y"), ("c", "x"))):
        make_run(f"runs/{name}", model=model, finished=FIRST + place * DAY)
    store.write_failed(
        tmp_path / "runs" / "d", make_record(status="failed", reason="broken", score=None, finished=FIRST + 9 * DAY)
    )
    runs = str(tmp_path / "runs")
    assert listed(runs) == ["failed.json", "c", "b", "a"]
    assert listed(runs, "--model", "x") == ["c", "a"]
    assert listed(runs, "--status", "failed") == ["failed.json"]
    assert listed(runs, "--task", "au") == []
    text = call(runs).stdout
    assert text.index(" c\n") < text.index(" a\n")
    assert "d: broken" in text


def test_pruning_removes_what_was_asked_for_again_and_nothing_else(
    make_run: Make, make_record: Any, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    make_run("runs/old", finished=FIRST)
    make_run("runs/new", finished=FIRST + DAY, versions={"torch": "3"})
    make_run("runs/other-settings", finished=FIRST, settings={"epochs": 3})
    make_run("runs/other-seed", finished=FIRST, seed=1)
    store.write_failed(runs / "broke", make_record(status="failed", reason="x", score=None, finished=FIRST))
    later = make_record(status="failed", reason="x", score=None, finished=FIRST + 2 * DAY)
    store.write_failed(runs / "broke-later", later)
    (runs / "old" / "mine.txt").write_text("mine", encoding="utf-8")
    assert call(str(runs), "--prune", answer="n\n").return_value == 1
    assert len(listed(str(runs))) == 6
    assert call(str(runs), "--prune", answer="y\n").return_value == 0
    assert set(listed(str(runs))) == {"new", "other-settings", "other-seed", "failed.json"}
    assert sorted(path.name for path in runs.iterdir()) == ["broke-later", "new", "old", "other-seed", "other-settings"]
    assert [path.name for path in (runs / "old").iterdir()] == ["mine.txt"]
    assert "nothing is outdated" in call(str(runs), "--prune").stdout


def test_a_run_from_the_future_makes_nothing_outdated(make_run: Make, tmp_path: Path) -> None:
    make_run("runs/ahead", finished=datetime(2999, 1, 1, tzinfo=UTC))
    make_run("runs/new", finished=FIRST)
    assert "nothing is outdated" in call(str(tmp_path / "runs"), "--prune").stdout


def test_rows_fit_a_narrow_terminal(
    make_run: Make, make_record: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, model in enumerate(("x", "a-model-with-a-long-name")):
        make_run(f"runs/{model}/va/a-database-with-a-long-name-seed{n}-0f3a0f3a", model=model, seed=n)
    runs = str(tmp_path / "runs")
    wide = call(runs).stdout.splitlines()
    monkeypatch.setenv("COLUMNS", "72")
    narrow = call(runs).stdout.splitlines()
    assert max(map(len, wide)) > 72 >= max(map(len, narrow))
    assert {line.split()[-1] for line in wide[2:]} == {line.strip() for line in narrow[2:] if line.startswith("  ")}
    store.write_failed(tmp_path / "runs" / "d", make_record(status="failed", reason="a long word " * 12, score=None))
    assert max(map(len, call(runs).stdout.splitlines())) <= 72


def test_summaries_of_plugins_go_on_below(monkeypatch: pytest.MonkeyPatch) -> None:
    def lines() -> list[str]:
        return CliRunner().invoke(cli.group, ["list", "models"], standalone_mode=False).stdout.splitlines()

    wide = lines()
    monkeypatch.setenv("COLUMNS", "80")
    narrow = lines()
    assert max(map(len, wide)) > 80 >= max(map(len, narrow))
    assert set(" ".join(wide[2:]).split()) == set(" ".join(narrow[2:]).split())
