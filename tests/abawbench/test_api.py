"""The Python API: where data comes from, how options are given, and what is public."""

from pathlib import Path
from typing import Any

import pytest

import abawbench
from abawbench.api import as_protocol, as_sources
from abawbench.contracts import UsageError
from abawbench.harness.request.protocol import OFFICIAL
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench.records.record import Record
from abawbench.system.limits import Limits

HERE = abawbench.Machine(device="cpu", latency_seconds=0)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose ``abawbench.toml`` names a database."""
    (tmp_path / "faces").mkdir()
    (tmp_path / "abawbench.toml").write_text('[data]\nbah = "faces"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(toys: Plugins, tmp_path: Path, **given: Any) -> list[Record]:
    usual = {"model": "toy", "task": "colour", "data": {"toy": ()}, "settings": {"epochs": 1}, "machine": HERE}
    return abawbench.run(**{**usual, **given}, out=tmp_path / "runs", plugins=toys)


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(abawbench, name) is not None for name in abawbench.__all__)
    with pytest.raises(AttributeError, match="runs"):
        _ = abawbench.runs  # type: ignore[attr-defined]


def test_a_root_is_a_path_a_text_or_several() -> None:
    roots = as_sources({"a": "x", "b": Path("y"), "c": ["x", Path("y")], "d": ()}).roots
    assert roots == {"a": (Path("x"),), "b": (Path("y"),), "c": (Path("x"), Path("y")), "d": ()}


def test_without_data_it_is_that_of_the_working_folder(configured: Path) -> None:
    wanted = {"bah": (configured / "faces",)}
    assert as_sources(None).roots == as_sources({}).roots == wanted
    tiny = as_sources(abawbench.Sources(preset="tiny", seed=3))
    assert (tiny.roots, tiny.preset, tiny.seed) == (wanted, "tiny", 3)


def test_data_that_is_given_stands_before_that_of_the_folder(configured: Path) -> None:
    given = abawbench.Sources({"synthetic": ()}, "tiny")
    assert as_sources(given) == given
    assert as_sources({"synthetic": ()}).roots == {"synthetic": ()}


def test_a_protocol_is_given_as_such_or_by_its_options() -> None:
    assert as_protocol(None) == as_protocol({}) == OFFICIAL
    assert as_protocol({"no-face": "zero"}) == as_protocol(abawbench.Protocol(no_face="zero"))
    with pytest.raises(UsageError, match="did you mean folds"):
        as_protocol({"fold": 3})


def test_several_models_tasks_and_seeds_are_jobs_in_order(toys: Plugins, tmp_path: Path) -> None:
    heard: list[Record] = []
    records = run(toys, tmp_path, model=["prior", "toy"], seed=[1, 0], finished=heard.append)
    assert [(one.model, one.seed) for one in records] == [("prior", 1), ("prior", 0), ("toy", 1), ("toy", 0)]
    assert heard == records


def test_jobs_of_plugins_that_lie_in_no_file_stay_in_this_process(toys: Plugins, tmp_path: Path) -> None:
    notes: list[str] = []

    class Notes(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    machine = abawbench.Machine(device="cpu", latency_seconds=0, limits=Limits())
    (record,) = run(toys, tmp_path, machine=machine, progress=Notes())
    assert record.status == "ok"
    assert "the jobs run in this process" in notes[0]
    assert "lies in no file" in notes[0]


def test_a_run_can_be_loaded_with_what_it_learned(toys: Plugins, tmp_path: Path) -> None:
    (made,) = run(toys, tmp_path)
    folder = next((tmp_path / "runs").glob("*/*/*/result.json")).parent
    record, model, network = abawbench.load_run(folder, plugins=toys)
    assert (record, model.name, network.training) == (made, "toy", False)
