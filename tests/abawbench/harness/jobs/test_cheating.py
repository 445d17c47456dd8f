"""Plugins that try to cheat: they end with the score of one that does not, or are refused with a sentence.

Labels here are drawn at random and have nothing to do with the images, so that whoever does better has seen them.
Nothing holds back a plugin that searches the memory of its process; these are the ways that lie open.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abawbench
from abawbench.contracts import Labels
from abawbench.harness.request.databases import Databases, Sources
from abawbench.plugins import Plugins, default_plugins
from abawbench.progress import Progress
from abawbench.records import store
from abawbench.records.record import Record

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).with_name("cheating_plugins")
MODULES = ("lottery", "cheating_predictors", "cheating_networks")
PREDICTORS = ("asks-and-goes-on", "digs", "remembers", "notes", "relabels", "scribbles", "withdraws", "rewrites-task")
NETWORKS = ("network-remembers", "network-relabels", "network-loses-labels", "network-scribbles")
HONEST = dict.fromkeys(PREDICTORS, "honest") | dict.fromkeys(NETWORKS, "honest-network")

Run = Callable[..., Record]


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry_point: Callable[..., EntryPoint]) -> Plugins:
    """The installed plugins, the lottery and the cheats."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    points = [entry_point(name, "cheats", "3") for name in MODULES]
    return Plugins([*entry_points(group="abawbench"), *points], strict=True)


@pytest.fixture
def run(plugins: Plugins, tmp_path: Path) -> Run:
    def call(model: str, protocol: dict[str, Any], data: str = "lottery") -> Record:
        (record,) = abawbench.run(
            model,
            "luck",
            {data: ()},
            settings={"epochs": 2},
            protocol=protocol,
            machine=abawbench.Machine(device="cpu", latency_seconds=0),
            out=tmp_path / "runs",
            plugins=plugins,
        )
        return record

    return call


def scores(tmp_path: Path, record: Record) -> dict[str, Any]:
    return dict(store.read_run_predictions(store.folder_of(tmp_path / "runs", record)).scores)


@pytest.mark.parametrize("protocol", [{}, {"folds": 2}], ids=["official", "folds"])
@pytest.mark.parametrize("cheat", HONEST)
def test_a_cheat_scores_what_an_honest_one_does(
    run: Run, plugins: Plugins, tmp_path: Path, cheat: str, protocol: dict[str, Any]
) -> None:
    honest, record = run(HONEST[cheat], protocol), run(cheat, protocol)
    assert (honest.status, record.status) == ("ok", "ok"), record.reason
    assert (record.score, record.floor, record.counts) == (honest.score, honest.floor, honest.counts)
    found, wanted = scores(tmp_path, record), scores(tmp_path, honest)
    assert list(found) == list(wanted)
    assert all((found[track] == wanted[track]).all() for track in wanted)
    # labels read anew are those that were scored
    again = abawbench.score(store.folder_of(tmp_path / "runs", record), data={"lottery": ()}, plugins=plugins)
    assert again.score == record.score


@pytest.mark.parametrize("protocol", [{}, {"folds": 2}], ids=["official", "folds"])
@pytest.mark.parametrize(
    ("cheat", "phase", "sentence"),
    [
        ("asks", "predict", "carries no labels: fit() is given those of the tracks to learn from"),
        ("network-mixes-up", "fit", "needed for gradient computation has been modified by an inplace operation"),
    ],
)
def test_a_cheat_that_cannot_go_on_is_refused(
    run: Run, cheat: str, phase: str, sentence: str, protocol: dict[str, Any]
) -> None:
    record = run(cheat, protocol)
    assert (record.status, record.phase) == ("failed", phase)
    assert record.blamed is not None
    assert (record.blamed.kind, record.blamed.name, record.blamed.distribution) == ("model", cheat, "cheats")
    assert record.reason is not None
    assert record.reason.startswith(f"in {phase}, model '{cheat}' of cheats 3: ")
    assert sentence in record.reason


@pytest.mark.parametrize("model", ["honest", "honest-network", "asks"])
def test_a_database_whose_tracks_know_labels_is_refused(run: Run, model: str) -> None:
    record = run(model, {}, "leaking")
    assert (record.status, record.phase) == ("failed", "read")
    assert record.blamed is not None
    assert (record.blamed.kind, record.blamed.name) == ("database", "leaking")
    assert record.reason is not None
    assert record.reason.endswith("gives tracks that know their labels; give them beside the track, as a LabelledTrack")


@pytest.mark.parametrize("task", ["va", "expr", "au", "ce", "emi", "ah", "ah-video", "mtl", "eri", "vd"])
def test_no_label_can_be_reached_from_our_tracks(plugins: Plugins, task: str) -> None:
    reachable = import_module("cheating_predictors").reachable
    built = plugins.get("task", task).build()
    databases = Databases(default_plugins(), Sources({"synthetic": ()}, "tiny"), Progress())
    _, database = databases.for_task(built)
    found = [one for split in ("train", "val") for one in database.tracks(built.label, split)]
    assert any(one.labels is not None for one in found)
    for one in found:
        for thing in reachable(one.track):
            assert not isinstance(thing, Labels)
            assert not (isinstance(thing, np.ndarray) and np.shares_memory(thing, one.known.values))
