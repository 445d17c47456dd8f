import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from abawbench.contracts import LabelledTrack, Labels, UsageError
from abawbench.harness.jobs.prepare import shuffle_labels
from abawbench.harness.learn import optimisation
from abawbench.harness.learn.recipe import hold_out
from abawbench.records import store
from abawbench.records.record import Record

pytestmark = pytest.mark.slow

SETTINGS = {"epochs": 30, "lr": 0.05, "schedule": "constant"}


def predictions(folder: Path) -> dict[str, np.ndarray]:
    (found,) = store.find(folder)
    return dict(store.read_run_predictions(found[0]).scores)


def test_a_learnable_task_is_learned_and_its_control_is_not(run, tmp_path: Path) -> None:
    (learned,) = run()
    (control,) = run(control="shuffled-labels")
    assert learned.score.value > 0.9
    assert control.score.value < learned.score.value - 0.3
    assert learned.floor.value < learned.score.interval.low
    assert control.job != learned.job


def test_the_record_says_what_ran_and_what_was_met(run) -> None:
    (record,) = run()
    assert record.status == "ok"
    assert record.database.synthetic
    assert {p.kind for p in record.plugins} == {"model", "task", "metric", "database", "runtime"}
    assert record.counts.tracks == 5
    assert 0 < record.counts.annotated_frames < record.counts.frames
    assert record.counts.frames_without_image > 0
    assert record.settings["lr"] == 0.05
    assert len(record.training) == 30
    assert record.cost.parameters_trained < record.cost.parameters_total


def test_the_same_seed_gives_the_same_bits_with_and_without_a_warm_cache(run, tmp_path: Path) -> None:
    run(out=tmp_path / "cold")
    run(out=tmp_path / "warm")
    run(out=tmp_path / "other", seed=1)
    cold, warm, other = (predictions(tmp_path / name) for name in ("cold", "warm", "other"))
    assert all((cold[track] == warm[track]).all() for track in cold)
    assert any((cold[track] != other[track]).any() for track in cold)


def test_scoring_the_stored_predictions_gives_the_stored_value(run, toys, toy_database, tmp_path: Path) -> None:
    (record,) = run()
    task = toys.get("task", "colour").build()
    metric = toys.get("metric", task.metric).build(task)
    stored = predictions(tmp_path / "runs")
    total = sum(
        metric.statistics(task.decide(stored[one.track.id]), one.known.values, one.known.mask)
        for one in toy_database.tracks("colour", "val")
    )
    assert metric.value(total) == record.score.value


def test_the_trained_weights_lie_beside_the_record_without_the_frozen_ones(run, tmp_path: Path) -> None:
    (record,) = run()
    file = store.folder_of(tmp_path / "runs", record) / record.trained.file
    assert set(load_file(file)) == {"head.linear.weight", "head.linear.bias"}


def test_a_run_whose_weights_are_gone_runs_again(run, tmp_path: Path) -> None:
    (first,) = run()
    file = store.folder_of(tmp_path / "runs", first) / first.trained.file
    file.unlink()
    (again,) = run()
    assert again.started > first.started
    assert file.is_file()


def test_what_was_run_before_is_read_back_and_anything_else_runs_again(run, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = run()
    (again,) = run()
    assert again == first
    (forced,) = run(force=True)
    assert forced.started > first.started
    assert forced.score == first.score
    (other,) = run(settings={**SETTINGS, "epochs": 2})
    assert other.job != first.job


def test_predictions_that_changed_on_disk_are_not_read_back(run, tmp_path: Path) -> None:
    (first,) = run()
    path = store.folder_of(tmp_path / "runs", first) / store.PREDICTIONS
    path.write_bytes(path.read_bytes() + b"x")
    assert run()[0].started > first.started


def test_a_plugin_that_raises_costs_its_own_job_only(run) -> None:
    broken, fine = run(model=["broken", "toy"])
    assert broken.status == "failed"
    assert "this plugin is broken" in broken.reason
    assert (broken.phase, broken.blamed.kind, broken.blamed.name) == ("read", "model", "broken")
    assert fine.status == "ok"


def test_a_task_without_data_is_refused_with_the_remedy_and_the_rest_goes_on(run) -> None:
    va, colour = run(task=["va", "colour"])
    assert va.status == "unsupported"
    assert "--data aff-wild2=ROOT" in va.reason
    assert (va.phase, va.blamed) == ("read", None)
    assert colour.status == "ok"


def test_ctrl_c_leaves_whole_results_only(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = optimisation.flat_loss, []

    def interrupted(*args: Any) -> Any:
        calls.append(1)
        if len(calls) > 150:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(optimisation, "flat_loss", interrupted)
    finished: list[Record] = []
    with pytest.raises(KeyboardInterrupt):
        run(seed=[0, 1, 2], finished=finished.append)
    found = store.find(tmp_path / "runs")
    assert [record for _, record in found] == finished
    assert 0 < len(finished) < 3
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".tmp"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "toi"}, "did you mean"),
        ({"task": "color"}, "did you mean colour"),
        ({"precision": "int3"}, "use no, fp16, bf16"),
        ({"control": "none"}, "use shuffled-labels"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_runs(run, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(**given)


def test_an_unknown_setting_names_the_near_ones(run) -> None:
    (record,) = run(settings={"epoch": 3})
    assert record.status == "unsupported"
    assert "did you mean epochs" in record.reason


def test_a_setting_of_the_wrong_type_is_refused(run) -> None:
    (record,) = run(settings={"epochs": "many"})
    assert "setting 'epochs'" in record.reason


def test_nothing_in_a_record_names_a_folder_of_this_machine(run, tmp_path: Path) -> None:
    (record,) = run()
    assert str(tmp_path) not in json.dumps(record.model_dump(mode="json"))


def test_a_run_leaves_the_process_as_it_found_it(run) -> None:
    run()
    assert not torch.are_deterministic_algorithms_enabled()
    assert np.float64(5e-324) * 1 > 0


def test_shuffling_gives_every_track_the_labels_of_another() -> None:
    tracks = [labelled("a", Labels(np.full(n, n), np.ones(n, dtype=bool))) for n in range(1, 9)]
    tracks[3] = LabelledTrack(tracks[3].track)
    for own, given in zip(tracks, shuffle_labels(tracks, seed=0), strict=True):
        assert given.track is own.track
        assert (given.labels is None) == (own.labels is None)
        if own.labels is not None:
            assert len(given.known.values) == len(own.known.values)
            assert given.known.values[0] != own.known.values[0]


def labelled(subject: str, labels: Labels | None = None) -> LabelledTrack:
    track: Any = SimpleNamespace(subject=subject)
    return LabelledTrack(track, labels)


def test_subjects_held_out_choose_the_epoch_and_are_not_fitted(run) -> None:
    (record,) = run(settings={**SETTINGS, "holdout": 0.25, "patience": 2})
    assert all(epoch.held_out is not None for epoch in record.training)
    tracks = [labelled(subject) for subject in "aabc"]
    fitted, held_out = hold_out(tracks, 0.34, seed=0)
    assert sorted(map(id, fitted + held_out)) == sorted(map(id, tracks))
    assert len(held_out) in (1, 2)
    assert not {one.track.subject for one in fitted} & {one.track.subject for one in held_out}


def test_the_statistics_of_the_tracks_lie_beside_the_record_and_give_its_value(run, toys, tmp_path: Path) -> None:
    (record,) = run()
    folder = store.folder_of(tmp_path / "runs", record)
    found = store.read_run_statistics(folder, record)
    task = toys.get("task", "colour").build()
    metric = toys.get("metric", task.metric).build(task)
    assert metric.value(found.values.sum(axis=0)) == record.score.value
    assert found.tracks == ("val0", "val1", "val2", "val3", "val4")
    assert found.subjects == ("val0", "val1", "val2", "val3", "val4")


def test_the_score_says_how_many_independent_frames_it_rests_on(run) -> None:
    (record,) = run(control="shuffled-labels")
    assert record.score.effective_frames == pytest.approx(record.counts.annotated_frames / record.score.design_effect)
    assert record.score.interval.method == "track bootstrap, widened"
    assert record.score.percentile.low >= record.score.interval.low
    assert all(part.percentile is not None for part in record.score.parts.values())


def test_a_synthetic_database_has_settings_of_its_own_until_weights_are_named(run, monkeypatch) -> None:
    monkeypatch.setattr("abawbench.contracts.Recipe.on_synthetic", {"batch": 3, "epochs": 1})
    (own,) = run(settings={"lr": 0.05, "epochs": 2})
    (named,) = run(settings={"lr": 0.05, "epochs": 2}, weights="toy")
    assert (own.settings["batch"], own.settings["epochs"]) == (3, 2)
    assert (named.settings["batch"], named.settings["epochs"]) == (8, 2)


def test_a_precision_that_is_recorded_was_used(run) -> None:
    (full,), (half,) = run(), run(precision="bf16")
    assert (full.settings["precision"], half.settings["precision"]) == ("no", "bf16")
    assert full.training[0].loss != half.training[0].loss


def test_a_precision_that_nothing_was_trained_in_is_not_recorded(run) -> None:
    (record,) = run(model="constant", task="colour", precision="bf16")
    assert record.settings["precision"] == "no"
