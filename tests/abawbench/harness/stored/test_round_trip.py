"""A run, the official file it submits, and the score of that file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import abawbench
from abawbench.contracts import DataError, Decided, Submission, Task, Template, Track, UsageError
from abawbench.harness.score.prediction_files import submission_of
from abawbench.harness.score.scoring import official_value
from abawbench.harness.stored import submit as module
from abawbench.insight import ensemble
from abawbench.records import store
from abawbench.records.record import Record
from abawbench.records.scored_file import ScoredFile
from abawbench.system.files import sha256
from abawbench_plugins.databases.synthetic.database import open_database

pytestmark = pytest.mark.slow

TASKS = ("va", "expr", "au", "ce", "emi", "ah", "ah-video", "mtl", "vd")
SYNTHETIC: dict[str, Any] = {"data": abawbench.Sources({"synthetic": ()}, preset="tiny")}
UNTIMED = abawbench.Machine(device="cpu", latency_seconds=0)


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
def run(world, tmp_path: Path) -> Callable[..., tuple[Path, Record]]:
    def call(task: str, **protocol: Any) -> tuple[Path, Record]:
        settings = {"epochs": 2, "lr": 0.05, "schedule": "constant"}
        (record,) = abawbench.run(
            "toy", task, settings=settings, out=tmp_path / "runs", protocol=protocol, machine=UNTIMED, plugins=world,
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


def tracks_of(label: str, split: str) -> list[Track]:
    return [one.track for one in open_database(preset="tiny").tracks(label, split)]


def template(task: Task, file: Path) -> list[str]:
    """Write a template of the val split with its tracks in another order than by name; return its names."""
    form = submission_of(task)
    assert form is not None
    tracks = tracks_of(task.label, "val")
    order = np.random.default_rng(5).permutation(len(tracks))
    names = [name for i in order for name in form.names(tracks[i])]
    blank = task.decide(np.zeros((len(names), len(task.outputs)), dtype=np.float32))
    form.write(file, Template(names, ",".join(form.header) if form.header else None), Decided(blank))
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
    form = submission_of(world.get("task", task).build())
    assert form is not None
    assert form.read(tmp_path / "out.txt").names == form.template(tmp_path / "template.txt").names == names
    assert done.rows == len(names)


@pytest.mark.parametrize("task", TASKS)
def test_the_submitted_test_set_scores_what_was_predicted(
    task: str, world, run, submit, score, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, _ = run(task)
    kept: list[Any] = []
    predict = module.predict_tracks
    monkeypatch.setattr(module, "predict_tracks", lambda *given: kept.append(predict(*given)) or kept[0])
    done = submit(folder)
    assert (done.split, done.synthetic) == ("test", True)
    built = world.get("task", task).build()
    form, database = submission_of(built), open_database(preset="tiny")
    assert form is not None
    names = form.template(database.template(built.label)).names
    assert (form.read(tmp_path / "out.txt").names, done.rows) == (names, len(names))
    tracks = database.tracks(built.label, "test")
    metric = world.get("metric", built.metric).build(built)
    names, labels = [one.track.id for one in tracks], [one.known for one in tracks]
    value = official_value(metric, built, names, kept[0][0], labels)
    found = score(tmp_path / "out.txt", task, split="test")
    assert found.score.value == pytest.approx(value, abs=1e-12, rel=0)
    assert (found.form, found.coverage, found.database.split) == ("official", 1, "test")


@pytest.mark.parametrize("task", ["va", "emi"])
def test_a_run_folder_scores_its_stored_value_exactly(task: str, run, score) -> None:
    folder, record = run(task)
    found = score(folder)
    assert found.score == record.score
    assert found.stored_value == record.score.value
    assert found.database == record.database


@pytest.mark.parametrize(
    ("task", "protocol"),
    [
        ("va", {"smoothing": "box:3", "no_face": "interpolate"}),
        ("au", {"thresholds": "tuned"}),
        ("mtl", {"thresholds": "tuned"}),
        ("ce", {"no_face": "black"}),
    ],
)
def test_a_run_is_submitted_under_its_own_protocol(task: str, protocol, run, submit, score, tmp_path: Path) -> None:
    folder, record = run(task, **protocol)
    submit(folder, split="val")
    assert score(tmp_path / "out.txt", task).score.value == pytest.approx(record.score.value, abs=1e-12, rel=0)


def test_a_refit_can_be_submitted_and_not_verified(run, submit, score) -> None:
    folder, _ = run("va", refit=True)
    assert submit(folder, split="val").rows > 0
    with pytest.raises(DataError, match="the run has no value to verify"):
        score(folder)


def test_a_cross_validation_can_be_verified_and_not_submitted(run, submit, score) -> None:
    folder, record = run("va", folds=2)
    assert score(folder).score == record.score
    with pytest.raises(DataError, match="a cross-validated run keeps no weights; run without --folds"):
        submit(folder, split="val")


@pytest.fixture
def va(run) -> Path:
    return run("va")[0]


@pytest.fixture
def form(world) -> Submission:
    found = submission_of(world.get("task", "va").build())
    assert found is not None
    return found


def test_without_a_template_a_split_is_written_in_its_own_order(va: Path, submit, score, tmp_path: Path) -> None:
    done = submit(va, split="val")
    assert done.synthetic
    assert done.rows == len((tmp_path / "out.txt").read_text().splitlines()) - 1
    assert score(tmp_path / "out.txt", "va").score.value == store.read(va).score.value


def test_a_run_may_be_named_by_the_folder_around_it_and_its_task(va: Path, run, submit, tmp_path: Path) -> None:
    run("ah")
    with pytest.raises(UsageError, match="2 runs here; name one of them, for example toy/ah/"):
        submit(tmp_path / "runs", split="val")
    assert submit(tmp_path / "runs", split="val", task="ah").task == "ah"
    with pytest.raises(UsageError, match="no finished run of task 'emi' here"):
        submit(tmp_path / "runs", split="val", task="emi")


def test_the_template_beside_the_test_set_gives_rows_and_order(va: Path, world, shared: Path, tmp_path: Path) -> None:
    official = open_database(preset="tiny").folder / "aff-wild2"
    tracks = tracks_of("va", "val")
    names = [name for track in reversed(tracks) for name in track.frame_names()[2:9]]
    release = tmp_path / "test" / "prediction_files_format" / "CVPR_8th_ABAW_VA_test_set_sample.txt"
    release.parent.mkdir(parents=True)
    release.write_text("image_location,valence,arousal\n" + "".join(f"{name},0.5,-0.5\n" for name in names))
    roots = {"aff-wild2": [official, tmp_path / "test"]}
    done = abawbench.submit(va, tmp_path / "out.txt", "va", roots, plugins=world, device="cpu")
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert lines[0] == "image_location,valence,arousal"
    assert [line.partition(",")[0] for line in lines[1:]] == names
    assert (done.split, done.rows, done.synthetic) == ("test", len(names), False)
    assert "0.5,-0.5" not in lines[1]


def test_a_test_set_without_a_template_asks_for_it(va: Path, world, tmp_path: Path) -> None:
    roots = {"aff-wild2": open_database(preset="tiny").folder / "aff-wild2"}
    with pytest.raises(UsageError, match="no database given has a split 'test'"):
        abawbench.submit(va, tmp_path / "out.txt", "va", roots, plugins=world, device="cpu")


def test_ids_stay_as_the_list_writes_them(run, submit, tmp_path: Path) -> None:
    folder, _ = run("emi")
    ids = [track.id for track in tracks_of("emi", "val")]
    (tmp_path / "test_split.csv").write_text("Filename\n" + "\n".join(str(int(i)) for i in ids))
    submit(folder, split="val", template=tmp_path / "test_split.csv")
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert lines[0] == "Filename,Admiration,Amusement,Determination,Empathic Pain,Excitement,Joy"
    assert [line.partition(",")[0] for line in lines[1:]] == [str(int(i)) for i in ids]


def test_a_partial_file_is_never_written(va: Path, submit, form: Submission, world, tmp_path: Path) -> None:
    names = template(world.get("task", "va").build(), tmp_path / "t.txt")
    unknown = [f"nobody/{i:05d}.jpg" for i in range(1, 13)]
    form.write(tmp_path / "more.txt", Template([*names, *unknown], "image_location,valence,arousal"),
               Decided(np.zeros((len(names) + 12, 2))))  # fmt: skip
    with pytest.raises(
        DataError, match=r"more.txt: 12 of its \d+ rows are not in .* nobody/00010.jpg and 2 more; a partial"
    ):
        submit(va, split="val", template=tmp_path / "more.txt")
    (tmp_path / "twice.txt").write_text(f"image_location,valence,arousal\n{names[0]},0,0\n{names[0]},0,0\n")
    with pytest.raises(DataError, match=r"twice.txt:3: the template repeats line 2"):
        submit(va, split="val", template=tmp_path / "twice.txt")
    assert not (tmp_path / "out.txt").exists()


def test_a_file_that_does_not_read_back_takes_nobody_s_place(
    va: Path, submit, form: Submission, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "out.txt").write_text("the file of yesterday")
    monkeypatch.setattr(type(form), "encode", lambda self, predicted: ("0.5,0.5" for _ in predicted.decisions))
    with pytest.raises(DataError, match="does not read back"):
        submit(va, split="val")
    assert (tmp_path / "out.txt").read_text() == "the file of yesterday"
    assert not list(tmp_path.glob("*.tmp"))


def test_a_model_that_predicts_nan_writes_nothing(va: Path, submit, tmp_path: Path) -> None:
    state = load_file(va / store.WEIGHTS)
    save_file({name: torch.full_like(tensor, torch.nan) for name, tensor in state.items()}, va / store.WEIGHTS)
    record = store.read(va)
    named = record.trained.model_copy(update={"sha256": sha256(va / store.WEIGHTS)})
    (va / store.RESULT).write_text(record.model_copy(update={"trained": named}).sealed().to_json())
    with pytest.raises(DataError, match="predicts NaN or infinity"):
        submit(va, split="val")
    assert not (tmp_path / "out.txt").exists()


def test_weights_gone_changed_or_of_another_network_are_refused(va: Path, submit) -> None:
    record, weights = store.read(va), va / store.WEIGHTS
    original = weights.read_bytes()
    weights.write_bytes(original + b"x")
    with pytest.raises(DataError, match="changed since the record was written"):
        submit(va, split="val")
    weights.unlink()
    with pytest.raises(DataError, match="named in the record but missing"):
        submit(va, split="val")
    for name, shape in (("head.other.weight", (2, 6)), ("head.linear.weight", (3, 6))):
        save_file({"head.linear.bias": torch.zeros(2), name: torch.zeros(shape)}, weights)
        named = record.trained.model_copy(update={"sha256": sha256(weights)})
        (va / store.RESULT).write_text(record.model_copy(update={"trained": named}).sealed().to_json())
        with pytest.raises(DataError, match=r"its weights do not fit model 'toy'.*head.linear.weight"):
            submit(va, split="val")
    (va / store.RESULT).write_text(record.model_copy(update={"trained": None}).sealed().to_json())
    with pytest.raises(DataError, match="the run kept no weights"):
        submit(va, split="val")


def test_a_run_that_started_from_other_weights_is_not_continued(va: Path, submit) -> None:
    record = store.read(va)
    other = record.weights.model_copy(update={"sha256": "1" * 64})
    (va / store.RESULT).write_text(record.model_copy(update={"weights": other}).sealed().to_json())
    with pytest.raises(UsageError, match=r"started from other weights 'toy' .111111111111.*give --weights"):
        submit(va, split="val")


def test_the_template_is_not_overwritten(va: Path, submit, world, tmp_path: Path) -> None:
    template(world.get("task", "va").build(), tmp_path / "out.txt")
    with pytest.raises(UsageError, match="is the template itself"):
        submit(va, split="val", template=tmp_path / "out.txt")


def test_a_task_without_an_official_file_cannot_be_submitted(va: Path, submit) -> None:
    record = store.read(va)
    (va / store.RESULT).write_text(record.model_copy(update={"task": "eri"}).sealed().to_json())
    with pytest.raises(UsageError, match="task 'eri' has no official prediction file"):
        submit(va, split="val")


@pytest.mark.slow
def test_a_floor_is_fitted_again_and_submitted(world, submit, score, tmp_path: Path) -> None:
    (record,) = abawbench.run("prior", "expr", out=tmp_path / "runs", machine=UNTIMED, plugins=world, **SYNTHETIC)
    submit(store.folder_of(tmp_path / "runs", record), split="val")
    assert score(tmp_path / "out.txt", "expr").score.value == record.score.value


@pytest.mark.slow
def test_an_ensemble_submits_what_its_members_predict(run, submit, score, world, tmp_path: Path) -> None:
    for smoothing in ("none", "box:2"):
        run("va", smoothing=smoothing)
    together = tmp_path / "together"
    record = ensemble(tmp_path / "runs", together, plugins=world, **SYNTHETIC)
    submit(together, split="val")
    assert score(tmp_path / "out.txt", "va").score.value == pytest.approx(record.score.value, abs=1e-6)
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"its member toy, seed 0 .* say where with --members"):
        submit(together, split="val", members=tmp_path / "empty")
