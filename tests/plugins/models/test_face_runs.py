"""compound-from-expr: the published rule, from a trained expression run, never from compound labels."""

from pathlib import Path
from typing import Any

import pytest
import torch

import abawbench
from abawbench import Machine, Sources
from abawbench.contracts import UsageError
from abawbench.nn import is_frozen
from abawbench.progress import Progress
from abawbench_plugins.models.compound_from_expr.model import CompoundFromExpr, CompoundSettings
from abawbench_plugins.models.compound_from_expr.network import AFFECTNET, Compound, components
from abawbench_plugins.tasks import ce, expr, va

pytestmark = pytest.mark.slow

TINY, UNTIMED = Sources(preset="tiny"), Machine(latency_seconds=0)


class Fixed(torch.nn.Module):
    """A head that always gives the same logits."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, features: Any, index: Any) -> torch.Tensor:
        return self.logits


def test_each_compound_is_the_mean_of_its_two_parts() -> None:
    outputs, classes = ce.task().outputs, expr.task().outputs
    probabilities = torch.softmax(torch.randn(4, 5, 8), dim=-1)
    head = Fixed(probabilities.log())
    found = torch.softmax(Compound(head, components(outputs, classes))(torch.zeros(1), torch.zeros(1)), dim=-1)
    by_name = dict(zip(classes, probabilities.unbind(-1), strict=True))
    pairs = [("Fear", "Surprise"), ("Happiness", "Surprise"), ("Sadness", "Surprise"), ("Disgust", "Surprise"),
             ("Anger", "Surprise"), ("Sadness", "Fear"), ("Sadness", "Anger")]  # fmt: skip
    means = torch.stack([(by_name[one] + by_name[other]) / 2 for one, other in pairs], dim=-1)
    torch.testing.assert_close(found, means / means.sum(-1, keepdim=True))


def test_affectnets_classes_serve_as_well_and_other_outputs_are_refused() -> None:
    assert components(["Sadly_Fearful"], AFFECTNET) == [(6, 3)]
    with pytest.raises(UsageError, match="--task ce"):
        components(va.task().outputs, AFFECTNET)


def test_it_has_no_weights_of_its_own() -> None:
    for spec in (None, "imagenet", "run="):
        with pytest.raises(UsageError, match=r"abawbench run .*--task expr"):
            CompoundFromExpr(CompoundSettings()).weights(spec, synthetic=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a tiny network on expressions, one epoch."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("runs")
    patch.setenv("ABAWBENCH_CACHE", str(folder / "cache"))
    with patch.context():
        (record,) = abawbench.run(
            "vggface", "expr", TINY, settings={"epochs": 1}, machine=UNTIMED, out=folder, progress=Progress()
        )
    assert record.status == "ok", record.reason
    return folder


def test_a_trained_expression_run_predicts_compounds_without_training(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(runs / "cache"))
    (folder,) = {path.parent for path in runs.rglob("result.json") if "vggface" in str(path)}
    (record,) = abawbench.run("compound-from-expr", "ce", TINY, weights=f"run={folder}", machine=UNTIMED, out=runs)
    assert record.status == "ok", record.reason
    assert record.training == ()
    assert record.cost is not None
    assert record.cost.parameters_trained == 0
    assert record.marks == ("weights=none",)
    assert record.weights is not None
    assert record.weights.trained_on == ("synthetic expressions",)
    model = CompoundFromExpr(CompoundSettings())
    network: Any = model.network(ce.task(), model.weights(f"run={folder}", synthetic=True))
    _, _, trained = abawbench.load_run(folder)
    torch.testing.assert_close(network.embed.state_dict(), trained.get_submodule("embed").state_dict())
    assert is_frozen(network.embed)
    assert model.clip.size == 64


def test_compounds_are_those_of_the_runs_own_images(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(runs / "cache"))
    (folder,) = {path.parent for path in runs.rglob("result.json") if "/vggface/expr/" in path.as_posix()}
    asked, fold = CompoundFromExpr(CompoundSettings()), CompoundFromExpr(CompoundSettings())
    fold.network(ce.task(), asked.weights(f"run={folder}", synthetic=True))
    assert fold.clip == asked.clip


def test_published_post_processing_is_recorded_and_mixtures_of_images_are_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    quick: Any = {"data": TINY, "machine": UNTIMED, "out": tmp_path}
    (published,) = abawbench.run(
        "emotieffnet",
        "au",
        settings={"epochs": 1},
        protocol={"smoothing": "published", "thresholds": "published"},
        **quick,
    )
    assert published.marks == ("weights=none", "size=tiny")
    assert published.protocol is not None
    assert published.protocol.options == ("smoothing=box:4", "thresholds=published")
    assert published.protocol.threshold_values[0]["AU25"] == 0.3
    settings = {"epochs": 1, "freeze": "published"}
    losses = []
    for mix in (0.0, 0.1):
        (record,) = abawbench.run("vggface", "expr", settings={**settings, "mix": mix}, **quick)
        assert record.status == "ok", record.reason
        losses.append(record.training[0].loss)
    assert losses[1] > 1.5 * losses[0]
    (refused,) = abawbench.run("vggface", "au", protocol={"smoothing": "published"}, **quick)
    assert refused.status == "unsupported"


def test_a_run_on_another_task_is_refused(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABAWBENCH_CACHE", str(runs / "cache"))
    (record,) = abawbench.run("vggface", "ce", TINY, settings={"epochs": 1}, machine=UNTIMED, out=runs)
    assert record.status == "ok"
    (folder,) = {path.parent for path in runs.rglob("result.json") if "/vggface/ce/" in path.as_posix()}
    with pytest.raises(UsageError, match="not of faces on expr"):
        CompoundFromExpr(CompoundSettings()).weights(f"run={folder}", synthetic=True)
