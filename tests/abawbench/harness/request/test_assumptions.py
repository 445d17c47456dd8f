"""Facts that are not certain: each can be taken in another way, and whoever does so says it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abawbench
from abawbench.compare.comparison import compare
from abawbench.compare.sides import load_side
from abawbench.contracts import LabelledTrack, Labels, UsageError
from abawbench.harness.request.assumptions import (
    all_assumptions,
    check_assumptions,
    count_frames,
    parse_assumptions,
    select_assumptions,
)
from abawbench.plugins import default_plugins
from abawbench.records import store

PAGE = Path(__file__).parents[4] / "docs" / "assumptions.md"
WITH_IMAGE = {"counted-frames": "with-image"}


def run(toys: Any, folder: Path, assumptions: Mapping[str, str] | None = None) -> Any:
    (record,) = abawbench.run(
        "toy",
        "colour",
        {"toy": ()},
        settings={"epochs": 1},
        protocol={"assumptions": assumptions or {}},
        out=folder,
        machine=abawbench.Machine(device="cpu", latency_seconds=0),
        plugins=toys,
    )
    assert record.status == "ok", record.reason
    return record


def test_the_page_names_every_assumption_with_its_default_and_its_choices() -> None:
    cells = [
        [c.strip() for c in line.split("|")[1:5]] for line in PAGE.read_text().splitlines() if line.startswith("| `")
    ]
    page = {name.strip("`"): (first.strip("`"), *re.findall(r"`([^`]+)`", others)) for name, first, others, _ in cells}
    assert page == {name: assumption.values for name, assumption in all_assumptions(default_plugins()).items()}


def test_every_assumption_says_how_well_the_fact_is_known() -> None:
    for assumption in all_assumptions(default_plugins()).values():
        assert re.search("SINGLE|INFERRED", assumption.source), assumption.name
        assert len(set(assumption.values)) == len(assumption.values) > 1


def test_two_plugins_that_share_an_assumption_mean_the_same() -> None:
    plugins = default_plugins()
    declared = [
        r for kind in ("task", "database", "metric") for p in plugins.all(kind) for r in p.declaration.assumptions
    ]
    assert all(all_assumptions(plugins)[assumption.name] == assumption for assumption in declared)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"absent-clas": "one"}, "did you mean 'absent-class'"),
        ({"zzz": "1"}, "there are absent-class, "),
        ({"bah-rate": "30"}, "choose 24 or 25"),
    ],
)
def test_an_unknown_assumption_is_refused_with_the_choices(given: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_assumptions(default_plugins(), given)


def test_a_default_that_is_spelled_out_changes_nothing() -> None:
    assert check_assumptions(default_plugins(), {"absent-class": "zero", "bah-rate": "25"}) == {"bah-rate": "25"}


@pytest.mark.parametrize("item", ["absent-class", "=one", "absent-class="])
def test_the_command_line_wants_name_and_value(item: str) -> None:
    assert parse_assumptions(["a=b=c"]) == {"a": "b=c"}
    with pytest.raises(UsageError, match="NAME=VALUE"):
        parse_assumptions([item])


def test_only_assumptions_of_the_jobs_plugins_are_in_effect(toys: Any) -> None:
    task = toys.get("task", "emi").build()
    took_part = [toys.get("task", "emi"), toys.get("database", "bah")]
    assert select_assumptions({"bah-rate": "25", "vd-file": "rows", **WITH_IMAGE}, task, took_part) == {
        "bah-rate": "25"
    }


def test_frames_without_an_image_stop_to_count(toys: Any, toy_database: Any) -> None:
    task = toys.get("task", "colour").build()
    one = toy_database.tracks("colour", "train")[0]
    image, frames = one.track.frame_mask(), one.track.n_frames
    assert count_frames([one], task, {}) == [one]
    (found,) = count_frames([one], task, WITH_IMAGE)
    assert found.known.mask.tolist() == (one.known.mask & image).tolist()
    several = LabelledTrack(one.track, Labels(np.zeros((frames, 2)), np.ones((frames, 3), dtype=bool)))
    (columns,) = count_frames([several], task, WITH_IMAGE)
    assert (columns.known.mask == image[:, None]).all()
    unknown = LabelledTrack(one.track)
    assert count_frames([unknown], task, WITH_IMAGE) == [unknown]


@pytest.mark.slow
def test_an_assumption_is_recorded_marked_and_kept(toys: Any, tmp_path: Path) -> None:
    plain, other = (run(toys, tmp_path, given) for given in ({}, WITH_IMAGE))
    assert (plain.protocol.assumptions, plain.marks) == ({}, ())
    assert (other.protocol.assumptions, other.marks) == (WITH_IMAGE, ("counted-frames=with-image",))
    assert other.counts.annotated_frames < plain.counts.annotated_frames
    assert other.job != plain.job
    found = abawbench.score(store.folder_of(tmp_path, other), plugins=toys, data={"toy": ()})
    assert (found.stored_value, found.assumptions) == (other.score.value, WITH_IMAGE)


@pytest.mark.slow
def test_an_assumption_that_means_nothing_changes_nothing(toys: Any, tmp_path: Path) -> None:
    plain, other = (run(toys, tmp_path, given) for given in ({}, {"bah-rate": "25", "vd-file": "rows"}))
    assert other.job == plain.job
    assert other.protocol.assumptions == {}


@pytest.mark.slow
def test_a_file_is_scored_as_asked_and_a_run_as_it_was_made(toys: Any, tmp_path: Path) -> None:
    folder = store.folder_of(tmp_path, run(toys, tmp_path))
    file = folder / "predictions.parquet"
    found = abawbench.score(file, "colour", {"toy": ()}, plugins=toys, assumptions={**WITH_IMAGE, "bah-rate": "25"})
    assert found.assumptions == WITH_IMAGE
    assert found.annotated_frames < abawbench.score(file, "colour", {"toy": ()}, plugins=toys).annotated_frames
    with pytest.raises(UsageError, match="its own assumptions"):
        abawbench.score(folder, plugins=toys, data={"toy": ()}, assumptions=WITH_IMAGE)


@pytest.mark.slow
def test_results_under_different_assumptions_are_not_compared(toys: Any, tmp_path: Path) -> None:
    run(toys, tmp_path / "a")
    run(toys, tmp_path / "b", {"absent-class": "left-out"})
    (refused,) = compare(load_side(str(tmp_path / "a")), load_side(str(tmp_path / "b")), toys).refused
    assert "assumption of uncertain facts differs: the default against absent-class=left-out" in refused.reason


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
