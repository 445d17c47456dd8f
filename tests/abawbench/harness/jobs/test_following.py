"""Those who follow a job: hooks of plugins and trackers hear what happens and change nothing."""

import random
import struct
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import abawbench
from abawbench import Machine, UsageError
from abawbench.hookspecs import hookimpl
from abawbench.plugins import Plugins
from abawbench.progress import Progress

GIVEN: dict[str, Any] = {"data": {"toy": ()}, "settings": {"epochs": 2}}


class Notes(Progress):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def following(toys: Plugins, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plugins]:
    """The toy plugins and one with callbacks alone."""

    def make(**hooks: Callable[..., None]) -> Plugins:
        module = ModuleType("abawbench_following")
        for name, function in hooks.items():
            setattr(module, name, hookimpl(function))
        monkeypatch.setitem(sys.modules, "abawbench_following", module)
        point = EntryPoint("following", "abawbench_following", "abawbench")
        return Plugins([*(toys._found or ()), point], strict=True)

    return make


def run(plugins: Plugins, folder: Path, progress: Progress | None = None, **more: Any) -> abawbench.Record:
    machine = Machine(device="cpu", latency_seconds=0, trackers=more.pop("trackers", ()))
    given = {**GIVEN, **more}
    (record,) = abawbench.run("toy", "colour", **given, machine=machine, out=folder, plugins=plugins, progress=progress)
    assert record.status == "ok", record.reason
    return record


@pytest.mark.slow
def test_hooks_hear_of_every_epoch_and_of_the_result(following, tmp_path: Path) -> None:
    epochs, results = [], []

    def on_epoch(event) -> None:
        epochs.append(event)

    def on_result(record, folder) -> None:
        results.append((record, (folder / "result.json").is_file()))

    record = run(following(on_epoch=on_epoch, on_result=on_result), tmp_path)
    assert [(one.epoch, one.loss) for one in epochs] == [(one.epoch, one.loss) for one in record.training]
    assert {one.job for one in epochs} == {record.job}
    assert [(one["score"]["value"], there) for one, there in results] == [(record.score.value, True)]
    run(following(on_result=on_result), tmp_path)
    assert len(results) == 1, "a result that is read back is no news"


@pytest.mark.slow
def test_a_fold_is_told_with_its_number(following, tmp_path: Path) -> None:
    folds = []

    def on_epoch(event) -> None:
        folds.append((event.fold, event.epoch))

    run(following(on_epoch=on_epoch), tmp_path, protocol={"folds": 2})
    assert folds == [(1, 1), (1, 2), (2, 1), (2, 2)]


@pytest.mark.slow
def test_what_a_hook_does_changes_no_result(following, toys: Plugins, tmp_path: Path) -> None:
    def on_epoch(event) -> None:
        event.settings.clear()
        for draw in (random.random, np.random.rand, lambda: torch.rand(1)):
            draw()

    alone, followed = run(toys, tmp_path / "a"), run(following(on_epoch=on_epoch), tmp_path / "b")
    assert followed.predictions.sha256 == alone.predictions.sha256
    assert followed.settings == alone.settings


@pytest.mark.slow
def test_a_hook_that_raises_is_named_once_and_costs_nothing(following, tmp_path: Path) -> None:
    def on_epoch() -> None:
        raise SystemExit("enough")

    notes = Notes()
    run(following(on_epoch=on_epoch), tmp_path, notes)
    told = [text for text in notes.texts if "on_epoch" in text]
    assert told == ["on_epoch of unknown 0 is left out from here on: SystemExit: enough"]


def events(file: Path) -> Iterator[Any]:
    """The events of a TensorBoard file: length, checksum, message, checksum."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    data = file.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield event_pb2.Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]


@pytest.mark.slow
def test_tensorboard_gets_losses_and_the_value(toys: Plugins, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    record = run(toys, tmp_path, trackers=("tensorboard",))
    found = {
        (value.tag, event.step): value.simple_value
        for file in tmp_path.glob("trackers/tensorboard/toy-colour-seed0-*/events*")
        for event in events(file)
        for value in event.summary.value
    }
    for epoch in record.training:
        assert found["loss", epoch.epoch] == pytest.approx(epoch.loss)
    assert found["macro-f1", 2] == pytest.approx(record.score.value)


@pytest.mark.slow
def test_a_tracker_that_fails_is_named_and_costs_nothing(toys: Plugins, tmp_path: Path, monkeypatch) -> None:
    def refuse(self) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr("abawbench.harness.request.trackers.find_spec", lambda name: True)
    monkeypatch.setattr("accelerate.tracking.TensorBoardTracker.start", refuse)
    notes = Notes()
    run(toys, tmp_path, notes, trackers=("tensorboard",))
    assert "tracker tensorboard is left out from here on: RuntimeError: no room" in notes.texts


@pytest.mark.parametrize(
    ("name", "said"), [("tensorbord", "did you mean tensorboard"), ("mlflow", "pip install mlflow")]
)
def test_a_tracker_that_is_not_there_is_refused_at_once(toys: Plugins, tmp_path: Path, monkeypatch, name, said) -> None:
    monkeypatch.setattr("abawbench.harness.request.trackers.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=said):
        run(toys, tmp_path, trackers=(name,))
