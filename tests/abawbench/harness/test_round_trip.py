"""A run, the official file it submits, and the score of that file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abawbench
from abawbench.contracts import Task
from abawbench.harness.prediction_files import submission_of
from abawbench.results import store
from abawbench.results.record import Record
from abawbench.results.scored import ScoredFile
from abawbench_plugins.databases.synthetic.database import open_database

TASKS = ("va", "expr", "au", "ce", "emi", "ah", "ah-video", "mtl")
SYNTHETIC: dict[str, Any] = {"data": {"synthetic": ()}, "preset": "tiny"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the module: the tiny synthetic database takes seconds to draw."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def world(toys, shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ABAWBENCH_CACHE", str(shared))
    monkeypatch.chdir(tmp_path)
    return toys


@pytest.fixture
def run(world, tmp_path: Path) -> Callable[[str], tuple[Path, Record]]:
    def call(task: str) -> tuple[Path, Record]:
        settings = {"epochs": 2, "lr": 0.05, "schedule": "constant"}
        (record,) = abawbench.run(
            "toy", task, settings=settings, out=tmp_path / "runs", device="cpu", latency_seconds=0, plugins=world,
            **SYNTHETIC,
        )  # fmt: skip
        assert record.status == "ok", record.reason
        return store.folder_of(tmp_path / "runs", record), record

    return call


@pytest.fixture
def score(world) -> Callable[..., ScoredFile]:
    return lambda path, task=None, **given: abawbench.score(path, task, plugins=world, **SYNTHETIC, **given)


@pytest.fixture
def submit(world, tmp_path: Path):
    def call(folder: Path, **given: Any):
        return abawbench.submit(folder, tmp_path / "out.txt", plugins=world, device="cpu", **SYNTHETIC, **given)

    return call


def template(task: Task, file: Path) -> list[str]:
    """Write a template of the val split with its tracks in another order than by name; return its names."""
    form = submission_of(task)
    assert form is not None
    tracks = list(open_database(preset="tiny").tracks(task.label, "val"))
    order = np.random.default_rng(5).permutation(len(tracks))
    names = [name for i in order for name in form.names(tracks[i])]
    head = [] if form.header is None else [",".join(form.header)]
    file.write_text("\n".join([*head, *(f"{name},0" for name in names)]) + "\n")
    return names


@pytest.mark.parametrize("task", TASKS)
def test_the_submitted_file_scores_what_the_run_scored(task: str, world, run, submit, score, tmp_path: Path) -> None:
    folder, record = run(task)
    names = template(world.get("task", task).build(), tmp_path / "template.txt")
    done = submit(folder, split="val", template=tmp_path / "template.txt")
    found = score(tmp_path / "out.txt", task)
    assert found.form == "official"
    assert found.score.value == pytest.approx(record.score.value, abs=1e-12, rel=0)
    assert found.coverage == 1
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines][-len(names) :] == names
    assert done.rows == len(names)


@pytest.mark.parametrize("task", ["va", "emi"])
def test_a_run_folder_scores_its_stored_value_exactly(task: str, run, score) -> None:
    folder, record = run(task)
    found = score(folder)
    assert found.score == record.score
    assert found.stored_value == record.score.value
    assert found.database == record.database
