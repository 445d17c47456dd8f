"""A record that was edited, damaged or is no file ends in one sentence, never in a traceback or an endless wait."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from abawbench.contracts.errors import DataError
from abawbench.records import store
from abawbench.records.record import Record, seal_of

Make = Callable[..., Record]
WRONG = (None, [], {}, "x", True, -1, 3.5, 10**400, 1e400, [[1]], {"a": None}, "\ud800")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, the branches too."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


def write_json(folder: Path, data: Any) -> None:
    (folder / "result.json").write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.slow
def test_any_value_of_any_type_anywhere_is_read_or_refused(tmp_path: Path, make_record: Make) -> None:
    whole = json.loads(make_record().to_json())
    told = []
    for path in leaves(whole):
        for wrong in WRONG:
            data = json.loads(json.dumps(whole))
            place = data
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = wrong
            write_json(tmp_path, data)
            try:
                store.read(tmp_path).to_json()
            except DataError as error:
                told.append(str(error))
    assert len(told) > 500
    path = tmp_path / "result.json"
    assert {one.startswith((f"{path}: not a record of schema 2: ", f"{path}: edited")) for one in told} == {True}


def test_an_edit_of_any_field_breaks_the_seal(tmp_path: Path, make_record: Make) -> None:
    store.write(tmp_path, make_record())
    whole = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    write_json(tmp_path, whole)
    assert store.read(tmp_path).seal == whole["seal"]
    edits: list[dict[str, Any]] = [
        {"score": whole["score"] | {"value": 0.99}},
        {"database": whole["database"] | {"synthetic": True}},
        {"settings": whole["settings"] | {"epochs": 11}},
        {"cost": whole["cost"] | {"parameters_total": 1}},
        {"seed": 1},
    ]
    for edit in edits:
        write_json(tmp_path, whole | edit)
        with pytest.raises(DataError, match="edited since it was written"):
            store.read(tmp_path)


def test_a_field_that_is_new_here_breaks_no_seal(tmp_path: Path, make_record: Make) -> None:
    store.write(tmp_path, make_record())
    whole = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    older = {name: value for name, value in whole.items() if name not in ("seal", "blamed")}
    write_json(tmp_path, older | {"seal": seal_of(older)})
    assert store.read(tmp_path).blamed is None


@pytest.mark.parametrize("make", [lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/zero")])
def test_a_record_that_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "result.json")
    errors: list[DataError] = []
    assert store.find(tmp_path, errors.append) == []
    assert "not a regular file" in str(errors[0])


def test_a_failure_newer_than_the_result_is_the_newest(tmp_path: Path, make_record: Make) -> None:
    done = store.write(tmp_path, make_record())
    later = make_record(status="failed", reason="x", score=None, finished=done.finished + timedelta(hours=1))
    store.write_failed(tmp_path, later)
    (failed,) = store.find_failed(tmp_path)
    assert store.last_asked(tmp_path, done) < store.last_asked(*failed)
    store.note_asked(tmp_path)
    assert store.find_failed(tmp_path) == []
    assert store.last_asked(tmp_path, done) > later.finished
    assert (datetime.now(UTC) - store.last_asked(tmp_path, done)).total_seconds() < 60
