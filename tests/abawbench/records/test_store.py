"""A run folder holds a whole result or none."""

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abawbench.contracts.errors import DataError
from abawbench.records import store
from abawbench.records.predictions import Predictions
from abawbench.records.record import Record

Make = Callable[..., Record]
OTHER_PREDICTIONS = Predictions(("valence",), {"t": np.zeros((2, 1), np.float32)})
PREDICTIONS = Predictions(outputs=("valence",), scores={"t": np.array([[0.25], [0.5]], np.float32)})


def test_a_run_comes_back_with_its_predictions(tmp_path: Path, make_record: Make) -> None:
    written = store.write(tmp_path / "run", make_record(), PREDICTIONS)
    assert store.read(tmp_path / "run") == written
    assert written.predictions is not None
    assert written.predictions.file == "predictions.parquet"
    back = store.read_run_predictions(tmp_path / "run", ["valence"])
    np.testing.assert_array_equal(back.scores["t"], PREDICTIONS.scores["t"])


def test_nothing_else_is_left_in_the_folder(tmp_path: Path, make_record: Make) -> None:
    for _ in range(2):
        store.write(tmp_path, make_record(), PREDICTIONS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predictions.parquet", "result.json"]


def test_predictions_of_an_earlier_run_do_not_outlive_it(tmp_path: Path, make_record: Make) -> None:
    store.write(tmp_path, make_record(), PREDICTIONS)
    store.write(tmp_path, make_record(status="failed", score=None, reason="out of memory"))
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    with pytest.raises(DataError, match="failed and has no predictions"):
        store.read_run_predictions(tmp_path)


def test_a_write_that_fails_leaves_no_half_result(
    tmp_path: Path, make_record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(self: Record) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(Record, "to_json", break_down)
    with pytest.raises(OSError, match="disk full"):
        store.write(tmp_path, make_record(), PREDICTIONS)
    assert store.find(tmp_path) == []
    assert not list(tmp_path.glob("*.tmp"))
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_run_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, make_record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = store.write(tmp_path, make_record(), PREDICTIONS)
    with monkeypatch.context() as full:
        full.setattr(Record, "to_json", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.write(tmp_path, make_record(), OTHER_PREDICTIONS)
    assert store.read(tmp_path) == old
    assert store.read_run_predictions(tmp_path).scores.keys() == PREDICTIONS.scores.keys()


def test_a_disk_that_says_only_at_the_end_that_it_is_full_leaves_the_run_before(
    tmp_path: Path, make_record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = store.write(tmp_path, make_record(), PREDICTIONS, weights=b"1")

    def full(handle: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with monkeypatch.context() as quota:
        quota.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="quota"):
            store.write(tmp_path, make_record(), OTHER_PREDICTIONS, weights=b"2")
    assert store.read(tmp_path) == old
    assert store.read_run_predictions(tmp_path).scores.keys() == PREDICTIONS.scores.keys()
    store.check_run_weights(tmp_path, old)


def test_an_old_result_never_stands_beside_new_predictions(
    tmp_path: Path, make_record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(tmp_path, make_record(), PREDICTIONS)
    original = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if target.name == store.RESULT:
            raise KeyboardInterrupt
        return original(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        store.write(tmp_path, make_record(), OTHER_PREDICTIONS)
    with pytest.raises(DataError, match="no result here"):
        store.read(tmp_path)


def test_a_failure_stands_beside_an_earlier_result_and_goes_with_the_next(tmp_path: Path, make_record: Make) -> None:
    store.write_failed(tmp_path, make_record(status="failed", reason="it broke", score=None))
    assert not store.find(tmp_path)
    kept = store.write(tmp_path, make_record(), PREDICTIONS)
    assert not (tmp_path / store.FAILED).exists()
    store.write_failed(tmp_path, make_record(status="failed", reason="it broke", score=None))
    assert store.read(tmp_path) == kept
    assert store.read(tmp_path / store.FAILED).reason == "it broke"


def test_what_killed_runs_left_is_swept_by_the_next_and_nothing_else(tmp_path: Path) -> None:
    stray, mine = tmp_path / f".result.json.{'0' * 32}.tmp", tmp_path / ".notes.tmp"
    stray.touch()
    mine.touch()
    with store.claim(tmp_path):
        assert not stray.exists()
        assert mine.exists()


def test_changed_or_missing_predictions_are_noticed(tmp_path: Path, make_record: Make) -> None:
    store.write(tmp_path, make_record(), PREDICTIONS)
    with (tmp_path / "predictions.parquet").open("ab") as file:
        file.write(b"!")
    with pytest.raises(DataError, match="not the file"):
        store.read_run_predictions(tmp_path)
    (tmp_path / "predictions.parquet").unlink()
    with pytest.raises(DataError, match="missing"):
        store.read_run_predictions(tmp_path)


def test_every_readable_run_is_found_and_the_others_are_named(tmp_path: Path, make_record: Make) -> None:
    records = [make_record(model=model, seed=seed) for model in ("a", "b") for seed in (0, 1)]
    folders = [store.folder_of(tmp_path, record) for record in records]
    records = [store.write(folder, record) for folder, record in zip(folders, records, strict=True)]
    (folders[0] / "result.json").write_text("{", encoding="utf-8")
    errors: list[DataError] = []
    assert store.find(tmp_path, errors.append) == list(zip(folders, records, strict=True))[1:]
    assert [str(folders[0]) in str(error) for error in errors] == [True]


def test_unreadable_runs_are_logged_unless_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "result.json").write_text("[]", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert store.find(tmp_path) == []
    assert "result.json" in caplog.text


def test_a_folder_that_does_not_exist_holds_no_runs(tmp_path: Path) -> None:
    assert store.find(tmp_path / "nowhere") == []


@pytest.mark.parametrize("version", [1, 99])
def test_a_record_of_another_schema_is_refused_with_the_remedy(tmp_path: Path, make_record: Make, version: int) -> None:
    text = make_record().to_json().replace('"schema_version": 2', f'"schema_version": {version}')
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"schema_version.*the abawbench that wrote it"):
        store.read(tmp_path)


def test_other_jobs_seeds_databases_tasks_and_models_have_other_folders() -> None:
    key = {"model": "m", "task": "t", "data": "d-seed0", "job": "a" * 64}
    others = [{"model": "n"}, {"task": "u"}, {"data": "e-seed0"}, {"data": "d-seed1"}, {"job": "b" * 64}]
    folders = {store.run_folder(Path("out"), **key | other) for other in [{}, *others]}
    assert len(folders) == 6


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    out = Path("/out")
    folder = store.run_folder(out, name, name, f"{name}-seed0", "a" * 64)
    assert folder.parents[2] == out
    assert ".." not in folder.parts


@pytest.mark.slow
@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_no_name_leads_out_of_the_folder_of_runs(model: str, task: str, database: str) -> None:
    out = Path("/runs")
    try:
        folder = store.run_folder(out, model, task, f"{database}-seed0", "0" * 64)
    except UnicodeEncodeError:  # a lone surrogate is no text that a file could be named by
        return
    assert Path(os.path.normpath(folder)) == folder
    assert folder.parent.parent.parent == out
