"""Facts that are not certain: each can be taken in another way, and whoever does so says it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abawbench
from abawbench.compare.comparison import compare
from abawbench.compare.sides import load_side
from abawbench.contracts import Labels, UsageError
from abawbench.harness.request.assumptions import all_readings, checked_readings, counted, in_effect, parse_readings
from abawbench.plugins import default_plugins
from abawbench.records import store

PAGE = Path(__file__).parents[4] / "docs" / "choices.md"
WITH_IMAGE = {"counted-frames": "with-image"}


def run(toys: Any, folder: Path, **given: Any) -> Any:
    (record,) = abawbench.run(
        "toy", "colour", {"toy": ()}, settings={"epochs": 1}, out=folder, device="cpu", latency_seconds=0,
        plugins=toys, **given,
    )  # fmt: skip
    assert record.status == "ok", record.reason
    return record


def test_the_page_names_every_reading_with_its_default_and_its_choices() -> None:
    cells = [
        [c.strip() for c in line.split("|")[1:5]] for line in PAGE.read_text().splitlines() if line.startswith("| `")
    ]
    page = {name.strip("`"): (first.strip("`"), *re.findall(r"`([^`]+)`", others)) for name, first, others, _ in cells}
    assert page == {name: reading.values for name, reading in all_readings(default_plugins()).items()}


def test_every_reading_says_how_well_the_fact_is_known() -> None:
    for reading in all_readings(default_plugins()).values():
        assert re.search("SINGLE|INFERRED", reading.source), reading.name
        assert len(set(reading.values)) == len(reading.values) > 1


def test_two_plugins_that_share_a_reading_mean_the_same() -> None:
    plugins = default_plugins()
    declared = [r for kind in ("task", "database", "metric") for p in plugins.all(kind) for r in p.declaration.readings]
    assert all(all_readings(plugins)[reading.name] == reading for reading in declared)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"absent-clas": "one"}, "did you mean 'absent-class'"),
        ({"zzz": "1"}, "there are absent-class, "),
        ({"bah-rate": "30"}, "choose 24 or 25"),
    ],
)
def test_an_unknown_reading_is_refused_with_the_choices(given: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        checked_readings(default_plugins(), given)


def test_a_default_that_is_spelled_out_changes_nothing() -> None:
    assert checked_readings(default_plugins(), {"absent-class": "zero", "bah-rate": "25"}) == {"bah-rate": "25"}


@pytest.mark.parametrize("item", ["absent-class", "=one", "absent-class="])
def test_the_command_line_wants_name_and_value(item: str) -> None:
    assert parse_readings(["a=b=c"]) == {"a": "b=c"}
    with pytest.raises(UsageError, match="NAME=VALUE"):
        parse_readings([item])


def test_only_readings_of_plugins_that_took_part_are_in_effect(toys: Any) -> None:
    task = toys.get("task", "emi").build()
    took_part = [toys.get("task", "emi"), toys.get("database", "bah")]
    assert in_effect({"bah-rate": "25", "vd-file": "rows", **WITH_IMAGE}, task, took_part) == {"bah-rate": "25"}


def test_frames_without_an_image_stop_to_count(toys: Any, toy_database: Any) -> None:
    task = toys.get("task", "colour").build()
    track = toy_database.tracks("colour", "train")[0]
    labels = track.labels("colour")
    assert counted(labels, track, task, {}) is labels
    found = counted(labels, track, task, WITH_IMAGE)
    assert found is not None
    assert found.mask.tolist() == (labels.mask & track.frame_mask()).tolist()
    several = Labels(np.zeros((track.n_frames, 2)), np.ones((track.n_frames, 3), dtype=bool))
    columns = counted(several, track, task, WITH_IMAGE)
    assert columns is not None
    assert (columns.mask == track.frame_mask()[:, None]).all()


def test_a_reading_stands_in_the_record_marks_it_and_is_kept_when_the_run_is_scored(toys: Any, tmp_path: Path) -> None:
    plain, other = (run(toys, tmp_path, readings=given) for given in ({}, WITH_IMAGE))
    assert (plain.protocol.readings, plain.marks) == ({}, ())
    assert (other.protocol.readings, other.marks) == (WITH_IMAGE, ("counted-frames=with-image",))
    assert other.counts.annotated_frames < plain.counts.annotated_frames
    assert other.job != plain.job
    found = abawbench.score(store.folder_of(tmp_path, other), plugins=toys, data={"toy": ()})
    assert (found.stored_value, found.readings) == (other.score.value, WITH_IMAGE)


def test_a_reading_that_means_nothing_for_a_job_leaves_it_the_same(toys: Any, tmp_path: Path) -> None:
    plain, other = (run(toys, tmp_path, readings=given) for given in ({}, {"bah-rate": "25", "vd-file": "rows"}))
    assert other.job == plain.job
    assert other.protocol.readings == {}


def test_a_file_is_scored_under_the_readings_asked_for_and_a_run_under_its_own(toys: Any, tmp_path: Path) -> None:
    folder = store.folder_of(tmp_path, run(toys, tmp_path))
    file = folder / "predictions.parquet"
    found = abawbench.score(file, "colour", {"toy": ()}, plugins=toys, readings={**WITH_IMAGE, "bah-rate": "25"})
    assert found.readings == WITH_IMAGE
    assert found.annotated_frames < abawbench.score(file, "colour", {"toy": ()}, plugins=toys).annotated_frames
    with pytest.raises(UsageError, match="its own readings"):
        abawbench.score(folder, plugins=toys, data={"toy": ()}, readings=WITH_IMAGE)


def test_results_under_different_readings_are_not_compared(toys: Any, tmp_path: Path) -> None:
    run(toys, tmp_path / "a")
    run(toys, tmp_path / "b", readings={"absent-class": "left-out"})
    (refused,) = compare(load_side(str(tmp_path / "a")), load_side(str(tmp_path / "b")), toys).refused
    assert "reading of uncertain facts differs: the default against absent-class=left-out" in refused.reason


@pytest.mark.parametrize(("value", "macro"), [("zero", 2 / 3), ("one", 1.0), ("left-out", 1.0)])
def test_an_absent_class_is_0_or_1_or_left_out_of_the_mean(value: str, macro: float, toys: Any) -> None:
    task = toys.get("task", "colour").build()
    metric = toys.get("metric", "macro-f1").build_under({"absent-class": value}, task)
    here = np.ones(4, dtype=bool)
    some = metric.statistics(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), here)
    assert metric.value(some) == pytest.approx(macro)
    nothing = metric.statistics(np.array([0]), np.array([0]), np.array([False]))
    assert np.isnan(metric.value(nothing))
    weighted = toys.get("metric", "weighted-f1").build_under({"absent-class": value}, task)
    assert weighted.value(some) == pytest.approx(1.0)
    assert weighted.parts(some)["macro"] == pytest.approx(macro)
