"""What is compared, what is refused and why, and how it reads."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from abawbench.compare.comparison import Comparison, compare
from abawbench.compare.sides import Run, baselines, load_side, save_baseline
from abawbench.contracts.errors import DataError, UsageError
from abawbench.harness.request.databases import Sources, sources_of_run
from abawbench.plugins import Plugins
from abawbench.records import store
from abawbench.records.record import Cost, DatabaseRecord, Record, Score
from abawbench.report.comparison_table import comparison_json, comparison_text
from abawbench.report.leaderboard import page_text

Make = Callable[..., Path]
LATER = datetime(2026, 3, 4, tzinfo=UTC)


def against(a: Path | str, b: Path | str, **options: Any) -> Comparison:
    return compare(load_side(str(a)), load_side(str(b)), Plugins(), **{"replicates": 500, **options})


def reason(a: Path, b: Path) -> str:
    (refused,) = against(a, b).refused
    return refused.reason


def test_a_worse_model_is_worse_and_the_cost_stands_beside(make_run: Make) -> None:
    cost = Cost(parameters_total=8_656_276, parameters_trained=0, macs_per_frame={"flop_counter": 111_506_250})
    (task,) = against(make_run("a"), make_run("b", noise=0.5, cost=cost)).tasks
    assert task.interval.high < 0
    assert task.difference == pytest.approx(task.value_b - task.value_a)
    assert task.p_value < 0.04  # 500 replicates of 12 subjects cannot show less than 0.03
    assert (task.tracks, task.units) == (24, 12)
    assert (task.cost["parameters"].ratio, task.cost["macs"].ratio) == (2, 0.5)
    assert task.cost["latency"].ratio is None
    assert task.simultaneous == task.interval  # one task: nothing to correct for


def test_a_run_does_not_differ_from_itself(make_run: Make) -> None:
    (task,) = against(make_run("a"), make_run("a")).tasks
    assert (task.difference, task.p_value, task.interval.low, task.interval.high) == (0, 1, 0, 0)


def test_the_order_of_the_tracks_does_not_matter(make_run: Make, tmp_path: Path) -> None:
    a, b = make_run("a"), make_run("b", noise=0.5)
    expected = against(a, b).tasks[0].difference
    record = store.read(b)
    found = store.read_run_statistics(b, record)
    backwards = type(found)(found.tracks[::-1], found.subjects[::-1], found.values[::-1])
    store.write(b, record, statistics=backwards)
    assert against(a, b).tasks[0].difference == pytest.approx(expected, abs=1e-12)


def data(**fields: str) -> DatabaseRecord:
    given: dict[str, Any] = {"name": "aff-wild2", "synthetic": False, "fingerprint": "ab" * 32, "split": "val"}
    return DatabaseRecord(**given | fields)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"synthetic": True}, "synthetic against real"),
        ({"edition": 6}, "edition differs: 8 against 6"),
        ({"database": data(name="mine")}, "database differs: aff-wild2 against mine"),
        ({"database": data(split="test")}, "split differs: val against test"),
        ({"database": data(fingerprint="x")}, "fingerprint"),
        ({"tracks": 23}, "tracks differ in 1, 't23'"),
        ({"status": "failed", "reason": "out of memory"}, "is failed: out of memory"),
    ],
)
def test_what_is_not_the_same_is_refused_with_the_reason(make_run: Make, other: dict[str, Any], complaint: str) -> None:
    a, b = make_run("a"), make_run("b", **other)
    assert complaint in reason(a, b)
    assert complaint.split(":")[0] in reason(b, a)


def test_another_number_of_seeds_is_refused_and_an_equal_one_compared(make_run: Make, tmp_path: Path) -> None:
    for side, noise in (("a", 0.3), ("b", 0.5)):
        for seed in (0, 1):
            make_run(f"{side}/{seed}", noise=noise, seed=seed)
    (task,) = against(tmp_path / "a", tmp_path / "b").tasks
    assert task.seeds == 2
    assert task.seed_sd_a > 0
    assert "number of seeds differs: 2 of mnv4-tam against 1" in reason(tmp_path / "a", tmp_path / "b" / "0")


def test_a_task_that_one_side_lacks_is_named(make_run: Make, tmp_path: Path) -> None:
    make_run("a/va"), make_run("a/au", task="au")
    found = against(tmp_path / "a", make_run("b"))
    assert [one.task for one in found.tasks] == ["va"]
    assert [(one.task, one.reason) for one in found.refused] == [("au", "B has no run of it")]


def test_of_several_models_those_of_one_name_are_compared(make_run: Make, tmp_path: Path) -> None:
    for side in "ab":
        for model in ("x", "y"):
            make_run(f"{side}/{model}", model=model, noise=0.3 if side == "a" else 0.5)
    assert [(task.a, task.b) for task in against(tmp_path / "a", tmp_path / "b").tasks] == [("x", "x"), ("y", "y")]
    (task,) = against(tmp_path / "a" / "x", tmp_path / "b" / "y").tasks
    assert (task.a, task.b) == ("x", "y")


def test_of_several_runs_the_newest_is_taken_and_what_differs_is_named(make_run: Make, tmp_path: Path) -> None:
    make_run("a/old", noise=0.5, settings={"epochs": 3})
    make_run("a/new", finished=LATER, settings={"epochs": 10}, versions={"torch": "2.13.0"})
    found = against(tmp_path / "a", make_run("b"))
    assert found.tasks[0].difference == 0
    (note,) = found.notes
    assert "new is the newest and is taken, not old (settings: epochs 3 -> 10; versions: " in note
    assert "A and B differ in versions: torch 2.13.0 -> 2.12.0" in comparison_text(found)
    assert "settings: lr – -> 0.001" in found.tasks[0].differs
    assert "epochs" not in "".join(found.tasks[0].differs)


def test_a_result_asked_for_again_is_the_newest(make_run: Make, tmp_path: Path) -> None:
    make_run("a/old", noise=0.5)
    make_run("a/new", finished=LATER)
    store.note_asked(tmp_path / "a" / "old")
    assert "old is the newest" in against(tmp_path / "a", make_run("b")).notes[0]


@pytest.mark.parametrize("several", [False, True])
def test_a_failure_takes_the_place_of_older_results(
    make_run: Make, tmp_path: Path, make_record: Any, several: bool
) -> None:
    for side in "ab":
        make_run(f"{side}/va/x", noise=0.3, weights=None)
        if several:
            make_run(f"{side}/va/y", model="other")
    failed = make_record(status="failed", reason="broken", score=None, finished=LATER, settings={}, source="none")
    store.write_failed(tmp_path / "b" / "va" / "z", failed)
    found = against(tmp_path / "a", tmp_path / "b")
    assert [(one.lost, "is failed: broken" in one.reason) for one in found.refused] == [(True, True)]
    assert len(found.tasks) == several


def test_p_values_are_corrected_for_the_number_of_tasks(make_run: Make, tmp_path: Path) -> None:
    for side in "ab":
        for model, noise in (("x", 0.3), ("y", 0.31), ("z", 0.32)):
            make_run(f"{side}/{model}", model=model, noise=noise if side == "a" else 0.33)
    for task in against(tmp_path / "a", tmp_path / "b", replicates=5000).tasks:  # 500 earn no such level
        assert task.p_holm >= task.p_value
        assert task.simultaneous.level == pytest.approx(1 - 0.05 / 3)
        assert task.simultaneous.low < task.interval.low


def test_a_damaged_record_is_refused_by_file_and_field(make_run: Make) -> None:
    a, b = make_run("a"), make_run("b")
    text = json.loads((b / "result.json").read_text(encoding="utf-8"))
    for change, complaint in (
        ({"edition": "eight"}, r"b.result\.json: not a record of schema 2: edition"),
        ({"schema_version": 9}, "schema_version"),
        ({"surprise": 1}, "surprise"),
    ):
        (b / "result.json").write_text(json.dumps(text | change), encoding="utf-8")
        with pytest.raises(DataError, match=complaint):
            against(a, b)
    (b / "result.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"b.result\.json"):
        against(a, b)


@pytest.mark.parametrize("field", sorted(Record.model_fields))
def test_every_field_of_a_record_is_checked(make_run: Make, field: str) -> None:
    a, b = make_run("a"), make_run("b")
    text = json.loads((b / "result.json").read_text(encoding="utf-8"))
    (b / "result.json").write_text(json.dumps(text | {field: [[1]]}), encoding="utf-8")
    with pytest.raises(DataError, match=rf"b.result\.json: not a record of schema 2: {field}"):
        against(a, b)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"PK\x03\x04", b"null", b'{"benchmarks": [], "datetime": "2026"}', b"[" * 5000]
)
def test_foreign_files_are_refused_as_records_and_as_statistics(make_run: Make, content: bytes) -> None:
    a, b = make_run("a"), make_run("b")
    (b / "result.json").write_bytes(content)
    with pytest.raises(DataError, match=r"b.result\.json: not a record of schema 2: "):
        against(a, b)
    c = make_run("c")
    (c / "statistics.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"c.statistics\.parquet: not the file that the record beside it names"):
        against(a, c)


@pytest.mark.parametrize(
    ("rounds", "complaint"),
    [
        ({"reference_ms": [1.0]}, "model_ms and reference_ms must hold one number per round"),
        ({"reference_ms": [1.0, 0.0]}, r"reference_ms\.1: Input should be greater than 0"),
        ({"model_cpu_ms": [1.0]}, "model_cpu_ms and reference_cpu_ms must hold one number per round, or none"),
        ({"model_ms": [], "reference_ms": []}, "must hold one number per round"),
    ],
)
def test_damaged_timings_are_refused(make_run: Make, rounds: dict[str, Any], complaint: str) -> None:
    whole = {"workload": "w", "model_ms": [1.0, 2.0], "reference_ms": [1.0, 1.0], "batch": 1, "threads": 1,
             "device": "cpu", "runtime": "eager"}  # fmt: skip
    b = make_run("b")
    text = json.loads((b / "result.json").read_text(encoding="utf-8"))
    text["cost"]["relative"] = {"latency": whole | rounds}
    (b / "result.json").write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(DataError, match=rf"b.result\.json: not a record of schema 2: cost\.relative.*{complaint}"):
        load_side(str(b))


def test_one_damaged_record_in_a_folder_of_runs_is_not_passed_over(make_run: Make, tmp_path: Path) -> None:
    make_run("a/one"), make_run("a/two", model="other")
    (tmp_path / "a" / "two" / "result.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match=r"two.result\.json"):
        load_side(str(tmp_path / "a"))


def test_statistics_that_do_not_give_the_recorded_value_are_refused(make_run: Make, make_record: Any) -> None:
    a, b = make_run("a"), make_run("b")
    found = store.read_run_statistics(b, store.read(b))
    store.write(b, make_record(score=Score(metric="ccc", value=0.123)), statistics=found)
    with pytest.raises(DataError, match=r"score\.value is 0\.123000 but the statistics give 0\."):
        against(a, b)
    store.write(b, store.read(a), statistics=type(found)(found.tracks, found.subjects, found.values[:, :5]))
    with pytest.raises(DataError, match="holds 5 numbers per track and the installed metric needs 11"):
        against(a, b)


def test_a_run_without_statistics_is_refused_with_the_remedy(make_run: Make, make_record: Any, tmp_path: Path) -> None:
    store.write(tmp_path / "old", make_record(score=Score(metric="ccc", value=0.5)))
    with pytest.raises(DataError, match="run it again"):
        against(tmp_path / "old", make_run("b"))


def test_nothing_to_compare_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no result\.json"):
        load_side(str(tmp_path / "empty"))


def test_a_baseline_is_found_by_name_and_holds_what_a_comparison_needs(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a, b = make_run("a"), make_run("b", noise=0.5)
    folder = save_baseline("before", load_side(str(a)))
    assert folder == Path("leaderboards/baselines/before")
    assert sorted(path.name for path in folder.rglob("*.*"))[-2:] == ["result.json", "statistics.parquet"]
    assert against("before", b).tasks == against(a, b).tasks
    assert baselines()["before"] == folder
    with pytest.raises(UsageError, match="--force"):
        save_baseline("before", load_side(str(b)))
    save_baseline("before", load_side(str(b)), replace=True)
    assert against("before", b).tasks[0].difference == 0


def test_a_baseline_keeps_no_path_of_the_machine(make_run: Make, tmp_path: Path) -> None:
    (run,) = load_side(str(make_run("a")))
    placed = run.record.database.model_copy(update={"roots": ("/home/ann/data/aff-wild2", "/media/b")})
    assert run.record.counts is not None
    told = ("/home/ann/data/aff-wild2/x.txt:3: a line too many", "/media/b: no video")
    counts = run.record.counts.model_copy(update={"problems": told})
    found = run.record.model_copy(update={"database": placed, "counts": counts})
    (stored,) = load_side(str(save_baseline("before", [Run(run.path, found)], tmp_path)))
    assert stored.record.database.roots == ("aff-wild2", "b")
    assert stored.record.counts is not None
    assert stored.record.counts.problems == ("x.txt:3: a line too many", "b: no video")
    with pytest.raises(UsageError, match="only the name of the folder that 'aff-wild2' was read from, aff-wild2; give"):
        sources_of_run(stored.record.database, Sources())


@pytest.mark.parametrize("interrupted", ["before", ".before.tmp"])
def test_a_baseline_that_cannot_be_replaced_stays(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: str
) -> None:
    a, b = (load_side(str(make_run(model, model=model))) for model in ("a", "b"))
    save_baseline("before", a, tmp_path / "baselines")
    rename = Path.rename

    def interrupt(self: Path, target: Path) -> Path:
        if self.name == interrupted:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save_baseline("before", b, tmp_path / "baselines", replace=True)
    assert load_side(str(tmp_path / "baselines" / "before"))[0].record.model == "a"
    save_baseline("before", b, tmp_path / "baselines", replace=True)
    assert [path.name for path in (tmp_path / "baselines").iterdir()] == ["before"]
    assert load_side(str(tmp_path / "baselines" / "before"))[0].record.model == "b"


@pytest.mark.parametrize("name", ["../out", "", ".hidden", "a b"])
def test_a_baseline_has_a_plain_name(make_run: Make, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a baseline"):
        save_baseline(name, load_side(str(make_run("a"))), tmp_path)


def test_a_baseline_takes_whole_runs_only(make_run: Make, tmp_path: Path) -> None:
    failed = make_run("a", status="failed", reason="out of memory", score=None)
    with pytest.raises(UsageError, match="whole runs only"):
        save_baseline("x", load_side(str(failed)), tmp_path / "baselines")
    assert not (tmp_path / "baselines" / "x").exists()


def test_an_unknown_name_says_which_baselines_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaderboards" / "baselines" / "mine").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"no such file, folder or baseline; the baselines are mine"):
        load_side("nothing")


def test_the_text_holds_differences_ratios_and_what_was_refused(make_run: Make, tmp_path: Path) -> None:
    make_run("a/va"), make_run("a/au", task="a|u")
    found = against(tmp_path / "a", make_run("b", noise=0.5))
    text, md = comparison_text(found), comparison_text(found, fmt="github")
    assert f"{found.tasks[0].difference:+.3f} [" in text
    assert "a|u: not compared: B has no run of it" in text
    assert "- a\\|u: not compared" in md
    assert "SYNTHETIC" not in text
    assert "×1.00" in text
    data = json.loads(comparison_json(found))
    assert data["tasks"][0]["interval"]["level"] == 0.95
    assert data["refused"][0]["task"] == "a|u"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_comparison_fits_the_terminal_and_loses_nothing(make_run: Make, width: int) -> None:
    found = against(make_run("a"), make_run("b", noise=0.5))
    found = found.model_copy(update={"a": "a", "b": "b"})  # paths without a blank cannot be wrapped
    narrow, wide = comparison_text(found, width=width), comparison_text(found)
    assert max(map(len, narrow.splitlines())) <= width < max(map(len, wide.splitlines()))
    assert sorted(set(narrow.split())) == sorted(set(wide.split()) | {word for word in narrow.split() if "--" in word})


def test_synthetic_comparisons_say_so(make_run: Make) -> None:
    found = against(make_run("a", synthetic=True), make_run("b", synthetic=True))
    assert "SYNTHETIC" in comparison_text(found)
    assert found.tasks[0].synthetic


def test_leaderboard_neighbours_that_the_data_cannot_separate_share_a_rank(make_run: Make, tmp_path: Path) -> None:
    (tmp_path / "published.yaml").write_text("[]", encoding="utf-8")
    runs = [
        Run(folder, store.read(folder))
        for folder in (
            make_run("1", model="best", noise=0.05),
            make_run("2", model="twin", noise=0.3),
            make_run("3", model="other-twin", noise=0.3, seed=1),
            make_run("4", model="worst", noise=0.9),
        )
    ]
    page = page_text(tmp_path, runs, Plugins())
    ranks = {
        line.split("|")[2].strip(): line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")
    }
    assert [ranks[name] for name in ("best", "twin", "other-twin", "worst")] == ["1", "2=", "2=", "4"]


def test_records_without_statistics_never_share_a_rank(make_record: Any, tmp_path: Path) -> None:
    (tmp_path / "published.yaml").write_text("[]", encoding="utf-8")
    for name in ("a", "b"):
        store.write(tmp_path / name, make_record(model=name))
    page = page_text(tmp_path, load_side(str(tmp_path)), Plugins())
    assert "1=" not in page
