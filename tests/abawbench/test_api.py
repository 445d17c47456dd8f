"""The Python API: where data comes from, how options are given, and what is public."""

from collections.abc import Callable
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
    usual["progress"] = Progress()  # which notes what fails
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


@pytest.mark.slow
def test_several_models_tasks_and_seeds_are_jobs_in_order(toys: Plugins, tmp_path: Path) -> None:
    heard: list[Record] = []
    records = run(toys, tmp_path, model=["prior", "toy"], seed=[1, 0], finished=heard.append)
    assert [(one.model, one.seed) for one in records] == [("prior", 1), ("prior", 0), ("toy", 1), ("toy", 0)]
    assert heard == records


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_run_can_be_loaded_with_what_it_learned(toys: Plugins, tmp_path: Path) -> None:
    (made,) = run(toys, tmp_path)
    folder = next((tmp_path / "runs").glob("*/*/*/result.json")).parent
    record, model, network = abawbench.load_run(folder, plugins=toys)
    assert (record, model.name, network.training) == (made, "toy", False)


@pytest.fixture
def tiny(toys: Plugins, tmp_path: Path) -> Callable[..., abawbench.Records]:
    """Run models of the toy world."""

    def call(*models: str) -> abawbench.Records:
        machine = abawbench.Machine(device="cpu", latency_seconds=0)
        return abawbench.run(models, "colour", {"toy": ()}, settings={"epochs": 1}, out=tmp_path, plugins=toys,
                             machine=machine)  # fmt: skip

    return call


@pytest.mark.slow
def test_a_job_without_a_result_is_a_warning_with_its_reason_and_an_error_where_asked(tiny) -> None:
    with pytest.warns(abawbench.JobWarning, match="broken on colour, seed 0: failed: .*this plugin is broken"):
        records = tiny("broken", "toy")
    assert [record.status for record in records] == ["failed", "ok"]
    with pytest.raises(abawbench.JobError, match=r"1 of 2 jobs gave no result: broken on colour.*plugin is broken"):
        records.raise_for_status()


@pytest.mark.slow
def test_a_run_that_failed_has_nothing_to_score_and_says_why(tiny, tmp_path: Path) -> None:
    with pytest.warns(abawbench.JobWarning):
        tiny("broken")
    (folder,) = {path.parent for path in tmp_path.rglob("failed.json")}
    with pytest.raises(abawbench.DataError, match=r"gave no result: broken on colour.*this plugin is broken"):
        abawbench.score(folder)


def test_results_cannot_lie_below_a_file(toys: Plugins, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(abawbench.UsageError, match=r"results cannot lie in .*file/x: .*file: not a folder"):
        abawbench.run("toy", "colour", {"toy": ()}, out=tmp_path / "file" / "x", plugins=toys)


@pytest.mark.slow
def test_records_that_are_all_well_are_returned(tiny) -> None:
    records = tiny("toy")
    assert records.raise_for_status() is records
    process = records[0].process
    assert (process.own, process.at_once) == (False, 1)


def test_a_database_is_opened_by_name_and_gives_its_labels(toys: Plugins) -> None:
    database = abawbench.open_database("toy", plugins=toys)
    labels = database.labels("colour", "val")
    assert list(labels) == [one.track.id for one in database.tracks("colour", "val")]
    assert labels["val0"].mask.any()
    with pytest.raises(UsageError, match="needs a folder"):
        abawbench.open_database("aff-wild2")
    with pytest.raises(UsageError, match="did you mean"):
        abawbench.open_database("aff-wild")


def test_half_precision_without_a_gpu_is_refused(toys: Plugins, tmp_path: Path) -> None:
    machine = abawbench.Machine(device="cpu", precision="fp16")
    with pytest.raises(UsageError, match="fp16 is half precision of a GPU"):
        abawbench.run("toy", "colour", {"toy": ()}, machine=machine, out=tmp_path, plugins=toys)
