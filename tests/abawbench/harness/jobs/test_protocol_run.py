"""Protocol options in whole runs of the toy world."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from abawbench.contracts import (
    Clip,
    Database,
    LabelledTrack,
    Labels,
    ModelDeclaration,
    Task,
    Track,
    UsageError,
    Weights,
)
from abawbench.harness.data.frames import CachedImages, ImageRules, LiveImages, Where, embed_images
from abawbench.harness.jobs import fitting
from abawbench.harness.learn.forward import BatchNetwork
from abawbench.harness.learn.learner import NetworkLearner, Setting
from abawbench.harness.request.protocol import OFFICIAL
from abawbench.harness.request.rules import forbidden
from abawbench.nn import ClipNetwork, freeze
from abawbench.plugins import Plugin
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.record import Record

pytestmark = pytest.mark.slow

SETTINGS = {"epochs": 5, "lr": 0.05, "schedule": "constant"}
CLIP = Clip(length=5, stride=5, size=16)


@pytest.fixture
def run(run):
    def call(protocol: dict[str, Any] | None = None, **given: Any) -> Record:
        (record,) = run(protocol=protocol, **given)
        return record

    return call


def scores(tmp_path: Path, record: Record) -> dict[str, np.ndarray]:
    return dict(store.read_run_predictions(store.folder_of(tmp_path / "runs", record)).scores)


def test_every_option_is_recorded_and_makes_another_job(run) -> None:
    given = [{}, {"no_face": "black"}, {"no_face": "zero"}, {"no_face": "interpolate"}, {"smoothing": "box:2"}]
    records = [run(options) for options in given]
    assert len({record.job for record in records}) == len(given)
    assert [record.protocol.no_face for record in records] == ["nearest", "black", "zero", "interpolate", "nearest"]
    assert records[-1].protocol.smoothing == "box:2"
    assert all(record.counts.coverage == 1 for record in records)
    assert len({record.counts.frames_without_image for record in records}) == 1


def test_the_stored_scores_are_the_smoothed_ones(run, tmp_path: Path) -> None:
    plain, smooth = (scores(tmp_path, run(options)) for options in ({}, {"smoothing": "box:1"}))
    for track, values in plain.items():
        wanted = [values[max(i - 1, 0) : i + 2].mean(axis=0) for i in range(len(values))]
        np.testing.assert_allclose(smooth[track], wanted, atol=1e-6)


def test_interpolation_changes_frames_without_image_only(run, tmp_path: Path, toy_database) -> None:
    plain, filled = (scores(tmp_path, run(options)) for options in ({}, {"no_face": "interpolate"}))
    for one in toy_database.tracks("colour", "val"):
        exists = one.track.frame_mask()
        assert (plain[one.track.id][exists] == filled[one.track.id][exists]).all()


def test_an_option_without_meaning_for_the_task_is_not_recorded_as_if_it_had_one(run) -> None:
    assert run({"thresholds": "tuned"}).job == run().job
    assert run({"thresholds": "tuned"}).protocol.thresholds == "fixed"


def test_folds_score_every_track_out_of_fold(run, tmp_path: Path, toy_database, monkeypatch) -> None:
    seen = []
    original = fitting.fit_and_predict

    def spy(ready, split, *rest):
        seen.append(split)
        return original(ready, split, *rest)

    monkeypatch.setattr("abawbench.harness.jobs.job.fit_and_predict", spy)
    record = run({"folds": 3})
    tracks = [*toy_database.tracks("colour", "train"), *toy_database.tracks("colour", "val")]
    assert record.protocol.folds == len(seen) == 3
    assert (record.database.split, record.scored_part) == ("train+val", "train+val, 3 folds by subject")
    assert record.counts.tracks == len(tracks) == 13
    assert set(scores(tmp_path, record)) == {one.track.id for one in tracks}
    for split in seen:
        assert not {one.track.subject for one in split.fit} & {one.track.subject for one in split.score}
    assert [(e.fold, e.epoch) for e in record.training] == [(f, e) for f in (1, 2, 3) for e in range(1, 6)]
    assert record.trained is None
    assert record.score.value > record.floor.value


def test_a_refit_keeps_the_weights_and_claims_no_value(run, tmp_path: Path) -> None:
    record = run({"refit": True})
    assert record.status == "ok"
    assert record.protocol.refit
    assert record.score.value is None
    assert "no labelled track is left" in record.score.reason
    assert record.floor is None
    assert record.counts.frames == 0
    assert record.counts.coverage is None
    assert record.trained is not None
    assert scores(tmp_path, record) == {}
    assert run({"refit": True}) == record


def test_a_refit_has_no_clips_to_compare_a_runtime_on_and_says_so_before_it_trains(run, monkeypatch) -> None:
    monkeypatch.setattr("abawbench.harness.jobs.job.fit_and_predict", lambda *given: pytest.fail("it trained"))
    record = run({"refit": True}, runtime="channels-last")
    assert record.status == "unsupported"
    assert record.reason == (
        "a refit scores no track on which runtime 'channels-last' could be compared with eager execution; "
        "leave out --runtime"
    )


@pytest.mark.parametrize("protocol", [{"folds": 2}, {"refit": True}])
def test_a_control_needs_the_official_split(run, protocol: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="needs the official split"):
        run(protocol, control="shuffled-labels")


class BitTrack(Track):
    """Twelve units that are active or not, in images that are bright or dark."""

    def __init__(self, name: str, seed: int) -> None:
        self.id = self.subject = name
        self.n_frames, self.rate = 20, 30.0
        self.on = np.random.default_rng(seed).random(20) > 0.7

    def frame_mask(self):
        return np.ones(20, dtype=bool)

    def frames(self, indices):
        grey = np.where(self.on[indices], 220, 30).astype(np.uint8)
        return np.broadcast_to(grey[:, None, None, None], (len(indices), 8, 8, 3)).copy(), np.ones(len(indices), bool)

    def frame_files(self):
        return [(f"{self.id}/{i}", int(on), 0) for i, on in enumerate(self.on)]


def bits_of(split: str) -> list[LabelledTrack]:
    tracks = [BitTrack(f"{split}{i}", i + 100 * (split == "val")) for i in range(6)]
    every = np.ones(20, dtype=bool)
    return [LabelledTrack(one, Labels(np.repeat(one.on[:, None], 12, axis=1).astype(int), every)) for one in tracks]


@pytest.fixture
def bits(toys, toy_database, monkeypatch: pytest.MonkeyPatch):
    database = type(toy_database)
    monkeypatch.setattr(database, "splits", lambda self, label: ("train", "val") if label == "au" else ())
    monkeypatch.setattr(database, "tracks", lambda self, label, split: bits_of(split))


@pytest.mark.parametrize("holdout", [0.0, 0.34])
def test_thresholds_are_tuned_on_training_subjects_and_never_on_those_scored(
    run, bits, monkeypatch: pytest.MonkeyPatch, holdout: float, tmp_path: Path
) -> None:
    given = []
    original = fitting.tune_thresholds
    owners = {one.known.values.tobytes(): one.track.id for split in ("train", "val") for one in bits_of(split)}
    assert len(owners) == 12

    def spy(metric, task, predicted, labels):
        given.append([owners[known.values.tobytes()] for known in labels])
        return original(metric, task, predicted, labels)

    monkeypatch.setattr(fitting, "tune_thresholds", spy)
    settings = {**SETTINGS, "holdout": holdout}
    record = run({"thresholds": "tuned"}, task="au", settings=settings)
    assert given
    assert all(name.startswith("train") for names in given for name in names)
    assert len(given[-1]) == (2 if holdout else 6)
    (values,) = record.protocol.threshold_values
    assert list(values) == [f"AU{n}" for n in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)]
    assert all(0.1 <= value <= 0.9 for value in values.values())
    assert record.protocol.tuned_on == (
        "training subjects held out" if holdout else "the training tracks, which were fitted"
    )
    fixed = run(task="au", settings=settings)
    assert fixed.protocol.threshold_values == ()
    assert fixed.job != record.job
    raw, stretched = scores(tmp_path, fixed), scores(tmp_path, record)
    own = np.array(list(values.values()))
    for track, found in raw.items():
        assert ((found >= own) == (stretched[track] >= 0.5)).all()


def test_each_fold_has_thresholds_of_its_own(run, bits) -> None:
    record = run({"thresholds": "tuned", "folds": 2}, task="au")
    assert len(record.protocol.threshold_values) == 2


@pytest.mark.parametrize("embed", ["frozen", "trained"])
@pytest.mark.parametrize("kind", ["black", "zero"])
def test_a_frame_without_image_shows_the_stand_in(toys, toy_database, embed: str, kind: str) -> None:
    torch.manual_seed(0)
    tracks = [one.track for one in toy_database.tracks("colour", "train")]
    layer = torch.nn.Conv2d(3, 6, 3, stride=2)
    network = ClipNetwork(freeze(layer) if embed == "frozen" else layer, First())
    source = embed_images(network.embed, tracks, ImageRules(CLIP, kind), Where(torch.device("cpu"), Progress()))
    assert isinstance(source, CachedImages if embed == "frozen" else LiveImages)
    shown = source.images[0]
    exists = tracks[0].frame_mask()
    assert (shown.shows[~exists] == len(shown.rows)).all()
    assert (shown.rows[shown.shows[exists]] == np.flatnonzero(exists)).all()
    pairs = np.array([[0, len(shown.rows)], [0, 0]])
    with torch.inference_mode():
        got = BatchNetwork(network, CLIP)({"frames": source.gather(pairs)}, {"frames": torch.arange(2)})
        mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (CLIP.mean, CLIP.std))
        black = layer((torch.zeros(1, 3, 16, 16) - mean) / std)
    wanted = torch.zeros_like(black) if kind == "zero" else black
    torch.testing.assert_close(got[:1], wanted, rtol=2e-3, atol=2e-3)
    assert not torch.allclose(got[1:], wanted, atol=0.01)


class First(torch.nn.Module):
    """Gives the features back."""

    def forward(self, features, index):
        return features[index]


@pytest.mark.parametrize(
    ("declared", "weights", "task", "wanted"),
    [
        ((), ("ImageNet-1k",), "va", ()),
        ((), ("Aff-Wild2 AU",), "va", ("aff-wild2 au",)),
        (("aff-wild2 expr",), ("AffectNet",), "va", ("aff-wild2 expr",)),
        (("aff-wild2 va",), (), "va", ()),
        (("aff-wild2",), (), "va", ("aff-wild2",)),
        (("aff-wild2 au",), (), "emi", ()),
    ],
)
def test_weights_that_saw_other_labels_of_the_database_are_named(toys, declared, weights, task, wanted) -> None:
    declaration = ModelDeclaration(name="m", summary="", build="m:m", trained_on=declared)
    plugin = Plugin(declaration, "d", "1", "m")
    built: Task = toys.get("task", task).build()
    here = Here()
    here.name = built.database
    assert forbidden(built, here, Weights(source="file", trained_on=weights), plugin) == wanted
    assert forbidden(built, here, Weights(source="none", trained_on=weights), plugin) == ()
    here.name = "manifest"
    assert forbidden(built, here, Weights(source="file", trained_on=weights), plugin) == ()


class Here(Database):
    """A real database that is never read."""

    def splits(self, label: str):
        raise NotImplementedError

    def tracks(self, label: str, split: str):
        raise NotImplementedError

    def fingerprint(self) -> str:
        raise NotImplementedError


def test_a_run_with_such_weights_is_marked_in_record_and_table(run, toys, toy_model, monkeypatch) -> None:
    from abawbench.report.table import table

    def weights(self, spec, *, synthetic):
        return Weights(source="toy", sha256="0" * 64, trained_on=("toy shapes", "toy colour", "elsewhere"))

    monkeypatch.setattr(type(toy_model), "weights", weights)
    record = run()
    assert record.weights.against_the_rules == ("toy shapes",)
    assert record.marks == ("trained on toy shapes",)
    assert "trained on toy shapes" in table([record])


def test_a_frame_in_several_clips_has_the_mean_of_their_outputs_and_padding_counts_in_none(
    toys, toy_model, toy_database
) -> None:
    torch.manual_seed(0)
    tracks = [one.track for one in toy_database.tracks("colour", "val")]
    task = toys.get("task", "colour").build()
    metric = toys.get("metric", task.metric).build(task)
    network = toy_model.network(task, Weights(source="toy"))
    toy_model.clip = Clip(length=5, stride=2, size=16)
    setting = Setting(task=task, metric=metric, protocol=OFFICIAL, accelerator=Accelerator(cpu=True))
    learner = NetworkLearner(toy_model, network, setting)
    inputs = learner.embed(tracks, Progress())
    (found,) = learner.predict(inputs, [tracks[1]], batch=3)
    source = inputs.steps["frames"]
    shows = source.images[1].shows
    outputs: list[list[np.ndarray]] = [[] for _ in shows]
    for start in range(0, len(shows) - 5 + 2, 2):
        frames = np.arange(start, start + 5)
        rows = shows[np.minimum(frames, len(shows) - 1)]
        pairs = np.stack([np.ones_like(rows), rows], axis=1)
        with torch.inference_mode():
            units, index = {"frames": source.gather(pairs)}, {"frames": torch.arange(5)[None]}
            logits = BatchNetwork(network, toy_model.clip)(units, index)[0]
        for frame in frames[frames < len(shows)]:
            outputs[frame].append(torch.softmax(logits, dim=0).numpy())
    assert max(map(len, outputs)) == 3
    np.testing.assert_allclose(found, [np.mean(each, axis=0) for each in outputs], atol=1e-6)


def test_the_clip_and_its_stride_are_recorded(run, toy_model, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run()
    assert (first.protocol.clip_length, first.protocol.clip_stride) == (5, 5)
    original = type(toy_model).__init__

    def overlapping(self, settings):
        original(self, settings)
        self.clip = Clip(length=5, stride=2, size=16)

    monkeypatch.setattr(type(toy_model), "__init__", overlapping)
    assert run(force=True).protocol.clip_stride == 2
