"""A record that contradicts its files or itself stands in no table; one that cannot be checked has no rank."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abawbench.compare.sides import Run, load_side
from abawbench.compare.verify import Verified, verify
from abawbench.plugins import Plugins
from abawbench.records import store
from abawbench.records.record import DatabaseRecord, PluginRecord, Score
from abawbench.report.leaderboard import render
from abawbench_plugins.metrics.concordance import Concordance

Make = Callable[..., Path]


def verified(*folders: Path) -> Verified:
    return verify([run for folder in folders for run in load_side(str(folder))], Plugins())


def rewrite(folder: Path, **fields: Any) -> None:
    """Change fields of a record, with a seal that fits: what somebody who means to deceive does."""
    record = store.read(folder)
    changed = record.model_copy(update=fields).sealed()
    (folder / "result.json").write_text(changed.to_json(), encoding="utf-8")


def database(**fields: Any) -> DatabaseRecord:
    given = {"name": "aff-wild2", "synthetic": False, "fingerprint": "ab" * 32, "split": "val"}
    return DatabaseRecord.model_validate(given | fields)


def part(kind: str, name: str) -> PluginRecord:
    return PluginRecord(kind=kind, name=name, distribution="abawbench", version="0.1.0", digest="cd" * 32)


def test_an_untouched_run_is_believed(make_run: Make) -> None:
    found = verified(make_run("a"), make_run("b", model="other"))
    assert (len(found.runs), found.unranked, found.left_out) == (2, {}, [])


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({"score": Score(metric="ccc", value=0.99)}, "score.value is 0.990000 but the statistics give"),
        ({"score": Score(metric="pearson", value=0.5)}, "is scored by ccc, and the record says pearson"),
        ({"database": database(name="synthetic")}, "makes its own files"),
        ({"database": database(tracks_sha256="0" * 64)}, "of other tracks"),
        ({"plugins": (part("model", "random"),)}, "the model that took part is 'random'"),
        ({"plugins": (part("database", "synthetic"),)}, "the database that took part is 'synthetic'"),
    ],
)
def test_an_edited_record_is_left_out_though_its_seal_fits(make_run: Make, edit: dict[str, Any], why: str) -> None:
    good, bad = make_run("good"), make_run("bad", model="edited")
    rewrite(bad, **edit)
    found = verified(good, bad)
    assert [run.record.model for run in found.runs] == ["mnv4-tam"]
    assert len(found.left_out) == 1
    assert why in found.left_out[0][1]
    page = render([], [run.record for run in found.runs], found=found)
    assert "| edited" not in page
    assert "## Left out" in page


def test_fewer_tracks_than_the_others_have_no_rank(make_run: Make) -> None:
    whole, also, chosen = (
        make_run("a"),
        make_run("b", model="other"),
        make_run("c", model="chosen", tracks=15, noise=0, job="c" * 64),
    )
    found = verified(chosen, whole, also)
    assert len(found.runs) == 3
    assert {run.record.model: found.unranked.get(id(run.record)) for run in found.runs} == {
        "chosen": "15 tracks were scored, which are not the 24 of mnv4-tam",
        "mnv4-tam": None,
        "other": None,
    }


def test_swapped_statistics_are_left_out(make_run: Make) -> None:
    a, b = make_run("a"), make_run("b", model="other", noise=0.9)
    (a / "statistics.parquet").write_bytes((b / "statistics.parquet").read_bytes())
    assert "not the file that the record beside it names" in verified(a, b).left_out[0][1]


def test_a_copy_is_counted_once(make_run: Make, tmp_path: Path) -> None:
    a = make_run("a")
    found = verified(a, make_run("b"))
    assert len(found.runs) == 1
    assert "a copy of" in found.left_out[0][1]


def test_results_of_one_job_with_several_values_have_no_rank(make_run: Make) -> None:
    found = verified(make_run("a"), make_run("b", noise=0.1), make_run("c", model="other", noise=0.2))
    reasons = {run.path.name: found.unranked.get(id(run.record), "") for run in found.runs}
    assert [reasons[name].startswith("2 results of one job differ") for name in "abc"] == [True, True, False]


@pytest.mark.parametrize("tracks", [1, 2, 8])
def test_too_few_subjects_have_no_rank_and_the_page_says_why(make_run: Make, tracks: int) -> None:
    found = verified(make_run("a", tracks=tracks), make_run("b", tracks=tracks, model="other", noise=0.9))
    page = render([], [run.record for run in found.runs], found=found)
    assert "\n| 1 " not in page
    assert page.count("| – ") >= 2
    assert "too few to claim anything, 5 are needed" in page


def test_what_cannot_be_checked_is_shown_without_a_rank(make_record: Any, tmp_path: Path) -> None:
    record = make_record()
    found = verify([Run(tmp_path, record)], Plugins())
    assert found.left_out == []
    assert "no statistics" in found.unranked[id(record)]


def test_a_record_without_seal_has_no_rank(make_run: Make) -> None:
    whole, torn = make_run("a"), make_run("b", model="other")
    rewrite(torn, score=store.read(torn).score)
    said = json.loads((torn / "result.json").read_text(encoding="utf-8"))
    (torn / "result.json").write_text(json.dumps(said | {"seal": None}), encoding="utf-8")
    found = verified(whole, torn)
    reasons = {run.record.model: found.unranked.get(id(run.record)) for run in found.runs}
    assert reasons["mnv4-tam"] is None
    assert reasons["other"].startswith("no seal")
    ((row,), (best,)) = (
        [line for line in render([], [run.record for run in found.runs], found=found).splitlines() if name in line][:1]
        for name in ("| other", "| mnv4-tam")
    )
    assert row.startswith("| – ")
    assert best.startswith("| 1 ")


def test_a_metric_that_declares_no_direction_ranks_nothing(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = make_run("a"), make_run("b", model="other")
    monkeypatch.setattr(Concordance, "higher_is_better", None)
    reasons = list(verified(*runs).unranked.values())
    assert [reason.split(":")[0] for reason in reasons] == ["direction not declared"] * 2


def test_a_record_of_another_direction_than_its_metric_is_left_out(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("a")
    monkeypatch.setattr(Concordance, "higher_is_better", False)
    ((_, why),) = verified(run).left_out
    assert "does not say that more is better" in why


def test_a_value_of_another_edition_is_shown_without_a_rank(make_run: Make) -> None:
    found = verified(make_run("a", edition=3))
    assert "edition" in found.unranked[id(found.runs[0].record)]
