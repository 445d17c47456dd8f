"""Planted tasks: what is labelled from the voice alone is learned by who hears, and by nobody else; so with the rest.

Faces, voices and words are drawn at random and independently; one of them is the label, or, in the task ``both``, how
many of voice and face say yes. Voices and words are those of
the synthetic database, at the full size of its code; images are small. The models are the first-party ones in their
tiny size, trained from nothing in seconds.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import abawbench
from abawbench import Machine
from abawbench.contracts import (
    Database,
    DatabaseDeclaration,
    Declaration,
    LabelledTrack,
    Labels,
    Task,
    TaskDeclaration,
    Track,
)
from abawbench.hookspecs import hookimpl
from abawbench.plugins import Plugins
from abawbench_plugins.databases.synthetic.transcript import _HESITANT, _PLAIN
from abawbench_plugins.databases.synthetic.voice import RATE, _voice

pytestmark = pytest.mark.slow

pytest.importorskip("transformers")
FRAMES, FRAME_RATE = 8, 4.0
DRAWN = ("voice", "face", "words")
KINDS = (*DRAWN, "both")
SETTINGS: Mapping[str, Any] = {"length": 8, "stride": 8, "epochs": 12, "lr": 3e-3}


class Person(Track):
    """Two seconds of a high or a low voice, a bright or a dark face, plain or hesitant words."""

    rate = FRAME_RATE

    def __init__(self, name: str, number: int) -> None:
        self.id = self.subject = name
        self.n_frames = FRAMES
        self._random = np.random.default_rng(number)
        self.hidden = dict(zip(DRAWN, self._random.integers(0, 2, 3).tolist(), strict=True))
        self.hidden["both"] = self.hidden["voice"] + self.hidden["face"]
        self._pitch, self._light, self._sentence = (
            self._random.random(),
            self._random.random(),
            self._random.integers(6),
        )

    def frame_mask(self) -> NDArray[np.bool_]:
        return np.ones(FRAMES, dtype=np.bool_)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        light = 60 + 25 * self._light + 110 * self.hidden["face"]
        noise = np.random.default_rng(7).normal(0, 12, (len(indices), 48, 48, 3))
        return np.clip(light + noise, 0, 255).astype(np.uint8), np.ones(len(indices), dtype=np.bool_)

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        return [(f"{self.id}/{i}", 1, 1) for i in range(FRAMES)]

    def audio(self) -> tuple[NDArray[np.float32], int] | None:
        count = round(FRAMES / FRAME_RATE * RATE)
        pitch = np.full(count, (110 if not self.hidden["voice"] else 220) * (0.9 + 0.2 * self._pitch))
        vowels = np.repeat(np.random.default_rng(self._sentence).integers(0, 5, 8), count // 8)
        return (0.2 * _voice(pitch, vowels, 1.0)).astype(np.float32), RATE

    def text(self) -> str | None:
        return (_HESITANT if self.hidden["words"] else _PLAIN)[self._sentence]


class People(Database):
    synthetic = True

    def splits(self, label: str) -> Sequence[str]:
        return ("train", "val") if label in KINDS else ()

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        start, count = (0, 48) if split == "train" else (1000, 32)
        people = [Person(f"{split}{n:03d}", start + n) for n in range(count)]
        return [LabelledTrack(one, Labels(np.array([one.hidden[label]]), np.ones(1, dtype=np.bool_))) for one in people]

    def fingerprint(self) -> str:
        return "people"


def build_database(**options: Any) -> People:
    return People()


def planted(name: str) -> Task:
    return Task(
        level="track",
        kind="multiclass",
        outputs=("none", "one", "two") if name == "both" else ("no", "yes"),
        metric="macro-f1",
        database="people",
        label=name,
        edition=1,
        activation="softmax",
        loss="abawbench.losses:cross_entropy",
    )


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plugins:
    module: Any = ModuleType("abawbench_planted")
    module.build_database = build_database

    @hookimpl
    def abawbench_plugins() -> list[Declaration]:
        return [
            DatabaseDeclaration(name="people", summary="", build="abawbench_planted:build_database", generated=True),
            *(TaskDeclaration(name=kind, summary="", build=f"abawbench_planted:build_{kind}") for kind in KINDS),
        ]

    for kind in KINDS:
        setattr(module, f"build_{kind}", lambda kind=kind: planted(kind))
    module.abawbench_plugins = abawbench_plugins
    monkeypatch.setitem(sys.modules, "abawbench_planted", module)
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    point = EntryPoint("planted", "abawbench_planted", "abawbench")
    return Plugins([*entry_points(group="abawbench"), point], strict=True)


SOLVED = [
    ("vit-features", "face"),
    ("wav2vec2", "voice"),
    ("av-fusion", "voice"),
    ("av-fusion", "both"),
    ("avt-fusion", "words"),
]
NOT_SOLVED = [
    ("vit-features", "voice"),
    ("mnv4-tam-1", "voice"),
    ("wav2vec2", "face"),
    ("av-fusion", "words"),
    ("vit-features", "both"),
    ("wav2vec2", "both"),
]


def value_of(model: str, kind: str, plugins: Plugins, out: Path, control: str | None = None) -> float:
    more: Mapping[str, Any] = {"size": 32, "epochs": 4} if model.startswith("mnv4") else {}
    if model == "av-fusion" and kind == "both":
        more = {"fusion": "attention"}  # an average of two predictions does not tell "one" from the rest
    (record,) = abawbench.run(
        model,
        kind,
        data={"people": ()},
        settings={**SETTINGS, **more},
        control=control,
        machine=Machine(device="cpu", latency_seconds=0),
        out=out,
        plugins=plugins,
    )
    assert record.status == "ok", record.reason
    return float(record.score.value)


@pytest.mark.parametrize(("model", "kind"), SOLVED)
def test_a_task_is_solved_by_who_perceives_what_it_is_about(
    model: str, kind: str, plugins: Plugins, tmp_path: Path
) -> None:
    assert value_of(model, kind, plugins, tmp_path) > 0.85


@pytest.mark.parametrize(("model", "kind"), NOT_SOLVED)
def test_a_task_is_not_solved_by_who_does_not(model: str, kind: str, plugins: Plugins, tmp_path: Path) -> None:
    assert value_of(model, kind, plugins, tmp_path) < 0.75


@pytest.mark.parametrize(("model", "kind"), [("wav2vec2", "voice"), ("avt-fusion", "words")])
def test_with_shuffled_labels_nobody_solves_anything(model: str, kind: str, plugins: Plugins, tmp_path: Path) -> None:
    assert value_of(model, kind, plugins, tmp_path, "shuffled-labels") < 0.75
