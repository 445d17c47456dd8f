"""The model plugin ``compound-from-expr``: an expression model, read as one of compound expressions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

import abawbench
from abawbench.contracts import Clip, Model, Recipe, Task, UsageError, Weights
from abawbench.nn import ClipNetwork, freeze
from abawbench_plugins.models._weights import NONE
from abawbench_plugins.models.compound_from_expr.network import AFFECTNET, Compound, components
from abawbench_plugins.models.emotieffnet import sources
from abawbench_plugins.models.emotieffnet.network import build_classifier
from abawbench_plugins.tasks import expr

REMEDY = (
    "train an expression model first, as in `abawbench run --model emotieffnet --task expr`, and give --weights "
    "run=FOLDER of that run, or affectnet=FILE for EmotiEffLib's AffectNet classifier"
)


@dataclass(kw_only=True)
class CompoundSettings(Recipe):
    """Nothing is trained, so only ``batch`` matters: clips predicted together."""

    batch: int = 16


class CompoundFromExpr(Model):
    """The published zero-shot rule (abaw-protocols, section 3) on any expression model; it never sees a CE label.

    A compound class scores the arithmetic mean of the probabilities of its two parts. Clip and image size are those of
    the expression model.
    """

    clip = Clip(length=1, stride=1, size=224)
    Settings = CompoundSettings

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return where the expression model comes from, and take on its clip.

        ``run=FOLDER`` (a trained run on an expression task), ``affectnet`` or ``affectnet=FILE`` (EmotiEffLib's
        classifier of faces), or ``none`` (that classifier with random parameters: it knows nothing). Raises UsageError
        for anything else.
        """
        name, _, value = (spec or "").partition("=")
        if name == "run" and value:
            return self._run(Path(value).expanduser())
        if name == "affectnet":
            return sources.find_weights(str(spec))
        if spec == NONE.source:
            return NONE
        raise UsageError(f"{self.name} has no weights of its own; {REMEDY}")

    def _run(self, folder: Path) -> Weights:
        record, model, _ = abawbench.load_run(folder)
        if record.task != "expr" or model.inputs != {"frames"} or record.trained is None:
            raise UsageError(f"{folder} is a run of {record.model} on {record.task}, not of faces on expr; {REMEDY}")
        self.clip = model.clip
        started = record.weights
        return Weights(
            source=f"run={folder}",
            path=str(folder),
            sha256=record.trained.sha256,
            licence=started.licence if started else None,
            trained_on=(*(started.trained_on if started else ()), f"{record.database.name} expressions"),
            parts=(Weights(source=started.source, sha256=started.sha256),) if started else (),
        )

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the frozen expression network and the rule. Raises UsageError for a task of no compounds."""
        if weights.source.startswith("run="):
            network: Any
            # each fold has a model of its own, which has not seen the weights
            _, model, network = abawbench.load_run(str(weights.path))
            self.clip = model.clip
            classes: tuple[str, ...] = expr.task().outputs
        else:
            network, classes = build_classifier(sources.read_backbone(weights)), AFFECTNET
        return freeze(ClipNetwork(network.embed, Compound(network.head, components(task.outputs, classes))))
