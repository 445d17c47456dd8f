"""An exported folder answers as the run did, without abawbench."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from huggingface_hub import ModelCard
from numpy.typing import NDArray

import abawbench
from abawbench.cli.export import export
from abawbench.contracts import DataError, Track, UsageError
from abawbench.harness.stored.export import Exported
from abawbench.harness.stored.load import find_run
from abawbench.harness.stored.members import combine_members, members_of
from abawbench.insight import ensemble
from abawbench.plugins import Plugins
from abawbench.records import store
from abawbench.records.parity import Parity
from abawbench.records.record import Record

pytestmark = pytest.mark.slow

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

WITHOUT_ABAWBENCH = """
import runpy, sys
sys.modules["abawbench"] = sys.modules["abawbench_plugins"] = sys.modules["torch"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


SETTINGS = {"epochs": 5, "lr": 0.05, "schedule": "constant"}


@pytest.fixture
def runs(run: Callable[..., list[Record]], tmp_path: Path) -> Path:
    (record,) = run()
    assert record.status == "ok"
    return tmp_path / "runs"


def images_of(track: Track, folder: Path) -> list[Path]:
    """One file for each frame of a track: its own image, or the nearest (of two, the later)."""
    there = np.flatnonzero(track.frame_mask())
    files = []
    for n in range(track.n_frames):
        at = max(there, key=lambda i: (-abs(int(i) - n), i))
        files.append(folder / f"{n:03}.png")
        cv2.imwrite(str(files[-1]), track.frames(np.array([at]))[0][0][..., ::-1])
    return files


def answers(folder: Path, images: Sequence[Path]) -> NDArray[np.float64]:
    command = [sys.executable, "-c", WITHOUT_ABAWBENCH, str(folder / "example.py"), *map(str, images)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head == "image red green blue"
    assert [row.split()[0] for row in rows] == [str(path) for path in images]
    return np.array([row.split()[1:] for row in rows], dtype=np.float64)


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_the_example_gives_the_stored_predictions(
    form: str, runs: Path, toys: Plugins, toy_database, tmp_path: Path
) -> None:
    done = abawbench.export(runs, form, data={"toy": ()}, out=tmp_path / "out", plugins=toys)
    assert done.parity.kept
    assert done.parity.largest_difference < 1e-5
    ((run, _),) = store.find(runs)
    stored = store.read_run_predictions(run).scores
    for track in [one.track for one in toy_database.tracks("colour", "val")[:2]]:
        found = answers(tmp_path / "out", images_of(track, tmp_path))
        np.testing.assert_allclose(found, stored[track.id], atol=2e-3)  # the run kept features in 16 bits


@pytest.mark.parametrize("method", ["mean", "rank", "ridge"])
def test_an_ensemble_answers_as_its_members_together(
    method: str, run: Callable[..., list[Record]], toys: Plugins, toy_database, tmp_path: Path
) -> None:
    run(seed=[0, 1])
    ensemble(tmp_path / "runs", tmp_path / "both", data={"toy": ()}, method=method, plugins=toys)
    done = abawbench.export(
        tmp_path / "both", "onnx", data={"toy": ()}, out=tmp_path / "out", members=tmp_path / "runs", plugins=toys
    )
    assert done.files == ("combine.py", "ensemble.json", "example.py", "member-1", "member-2")
    assert done.parity.kept
    both = find_run(tmp_path / "both", toys)
    members = [store.read_run_predictions(one.folder).scores for one in members_of(both, [tmp_path / "runs"])]
    track = toy_database.tracks("colour", "val")[0].track
    (wanted,) = combine_members(both, [[scores[track.id]] for scores in members])
    found = answers(tmp_path / "out", images_of(track, tmp_path))
    np.testing.assert_allclose(found, wanted, atol=2e-2 if method == "ridge" else 4e-3)


def test_the_folder_says_what_it_is(runs: Path, toys: Plugins, tmp_path: Path) -> None:
    done = abawbench.export(runs, "onnx", data={"toy": ()}, out=tmp_path / "out", plugins=toys)
    assert done.files == ("README.md", "example.py", "model.json", "model.onnx", "preprocessing.json")
    about, prepared = (json.loads((tmp_path / "out" / n).read_text()) for n in ("model.json", "preprocessing.json"))
    assert about["outputs"] == ["red", "green", "blue"]
    assert (about["activation"], about["activation_applied"]) == ("softmax", True)
    assert about["weights"]["source"] == "toy"
    assert about["parity"]["kept"] is True
    assert about["database"]["synthetic"] is True
    assert {k: prepared[k] for k in ("size", "clip_length", "clip_stride", "frame_rate")} == {
        "size": 16,
        "clip_length": 5,
        "clip_stride": 5,
        "frame_rate": 30.0,
    }
    for path in (tmp_path / "out").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()
    code = [line for line in (tmp_path / "out" / "example.py").read_text().splitlines() if line]
    assert len(code) < 28
    assert "abawbench" not in "".join(code)


def test_the_model_card_says_what_was_measured(runs: Path, toys: Plugins, tmp_path: Path) -> None:
    done = abawbench.export(runs, "onnx", data={"toy": ()}, out=tmp_path / "out", plugins=toys)
    assert done.upload == f"hf upload YOUR-NAME/out {tmp_path / 'out'}"
    card = ModelCard.load(tmp_path / "out" / "README.md")
    ((_, record),) = store.find(runs)
    results = {one.metric_name: one for one in card.data.eval_results}
    assert results["macro-f1"].metric_value == record.score.value
    assert results["macro-f1, red"].metric_value == record.score.parts["red"].value
    assert "nothing about real ones" in results["macro-f1"].dataset_name
    assert "nothing about real ones" in card.text
    assert card.data.license == "other"


def test_the_model_card_marks_what_has_no_rank(run: Callable[..., list[Record]], toys, tmp_path: Path) -> None:
    run(protocol={"limit": 5})
    abawbench.export(tmp_path / "runs", "onnx", data={"toy": ()}, out=tmp_path / "out", plugins=toys)
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert all("limit=5" in one.metric_name for one in card.data.eval_results)
    assert "not ranked: limit=5" in card.text


def test_nothing_is_overwritten_and_nothing_half_is_left(
    runs: Path, toys: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "there" / "out"
    out.mkdir(parents=True)
    with pytest.raises(UsageError, match="already there; choose another folder with --out"):
        abawbench.export(runs, "onnx", data={"toy": ()}, out=out, plugins=toys)
    from abawbench.harness.stored import export

    def broken(*given: object) -> None:
        raise DataError("the disk is full")

    monkeypatch.setattr(export, "write_json", broken)
    with pytest.raises(DataError, match="disk"):
        abawbench.export(runs, "onnx", data={"toy": ()}, out=out / "new", plugins=toys)
    assert list(out.iterdir()) == []


def test_an_unknown_format_names_those_there_are(runs: Path, toys: Plugins) -> None:
    with pytest.raises(UsageError, match="unknown format 'tflite'; known: onnx, openvino"):
        abawbench.export(runs, "tflite", data={"toy": ()}, plugins=toys)


def test_weights_that_were_changed_are_refused(runs: Path, toys: Plugins, tmp_path: Path) -> None:
    ((run, _),) = store.find(runs)
    (run / "weights.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="changed since the record was written"):
        abawbench.export(runs, "onnx", data={"toy": ()}, out=tmp_path / "out", plugins=toys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("splits", [("train", "val"), ("train",)])
def test_a_refit_is_compared_by_outputs_and_not_by_a_metric(
    splits: tuple[str, ...],
    run: Callable[..., list[Record]],
    toys: Plugins,
    toy_database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(toy_database), "splits", lambda self, label: splits if label == "colour" else ())
    (record,) = run(protocol={"refit": True})
    assert record.status == "ok"
    done = abawbench.export(tmp_path / "runs", "onnx", data={"toy": ()}, out=tmp_path / "out", plugins=toys)
    frames = sum(one.track.n_frames for one in toy_database.tracks("colour", splits[-1]))
    assert done.parity.scores == 3 * frames
    assert done.parity.largest_difference < 1e-5
    assert (done.parity.eager_value, done.parity.value, done.parity.change) == (None, None, None)
    about = json.loads((tmp_path / "out" / "model.json").read_text())
    assert about["parity"]["kept"] is None


@pytest.mark.parametrize(("values", "status"), [((0.5, 0.5), 0), ((0.5, 0.4), 1), ((0.5, None), 1), ((None, None), 0)])
def test_the_exit_status_is_1_only_where_a_metric_was_lost(
    values: tuple[float | None, float | None], status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"runtime": "r", "precision": "fp32", "threads": 1, "largest_difference": 0, "mean_difference": 0}
    found = Parity(**given, scores=1, eager_value=values[0], value=values[1])
    written = Exported("out", "onnx", (), "toy", "colour", "toy", True, found, "hf upload")
    monkeypatch.setattr(abawbench.api, "export", lambda *args, **options: written)
    called = CliRunner().invoke(export, [str(tmp_path), "--format", "onnx"], standalone_mode=False)
    assert called.exception is None
    assert called.return_value == status


def test_a_run_that_can_never_keep_weights_says_so(
    run: Callable[..., list[Record]], toys: Plugins, tmp_path: Path
) -> None:
    (folds,) = run(protocol={"folds": 2})
    (floor,) = run(model="random", settings={})
    folder = tmp_path / "runs"
    with pytest.raises(DataError, match="a cross-validated run keeps no weights; run without --folds"):
        abawbench.export(store.folder_of(folder, folds), "onnx", data={"toy": ()}, plugins=toys)
    with pytest.raises(UsageError, match="model 'random' has no network"):
        abawbench.export(store.folder_of(folder, floor), "onnx", data={"toy": ()}, plugins=toys)
