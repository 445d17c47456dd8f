"""The model plugin ``emotieffnet``: published recipe, post-processing, weights and network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from abawbench.contracts import Task, Weights
from abawbench_plugins.models._faces import FaceModel, FaceSettings, require
from abawbench_plugins.models._sources import EMOTIEFFNET
from abawbench_plugins.models.emotieffnet.network import build_network
from abawbench_plugins.models.emotieffnet.sources import find_weights, read_backbone


def _losses() -> dict[str, str]:
    return {
        "va": "abawbench.losses:concordance",
        "emi": "abawbench.losses:pearson",
        "multilabel": "abawbench.losses:binary_cross_entropy",
        "multiclass": "abawbench.losses:cross_entropy",
    }


def _loss_options() -> dict[str, dict[str, Any]]:
    return {kind: {"class_weights": "balanced"} for kind in ("multilabel", "multiclass")}


@dataclass(kw_only=True)
class EmotiEffNetSettings(FaceSettings):
    """The published recipe (abaw-protocols, section 10): Adam 1e-3 on the heads alone.

    Losses are weighted by class. Published are 256 frames per step and 10 epochs for expressions, 512 and 5 for action
    units, 1024 and 5 for valence-arousal. One default serves all: 512 frames, as 32 clips of 16 neighbours where the
    publication shuffles single frames (``length=1 batch=512``), and 5 epochs.
    """

    on_synthetic: ClassVar[Mapping[str, Any]] = {"size": "tiny", "image": 64, "batch": 16, "epochs": 8}
    epochs: int = 5
    batch: int = 32
    schedule: str = "constant"
    loss: dict[str, str] = field(default_factory=_losses)
    loss_options: dict[str, dict[str, Any]] = field(default_factory=_loss_options)
    image: int = 224
    length: int = 16
    stride: int = 16
    hidden: int = 128
    """Width of the hidden layer for classes and action units."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.hidden >= 1, "hidden", self.hidden, "a positive number")


class EmotiEffNet(FaceModel):
    """EfficientNet-B0 and a head per task; see ``network.py``. Gives one output per frame."""

    Settings = EmotiEffNetSettings
    settings: EmotiEffNetSettings
    sources = EMOTIEFFNET

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return where the parameters come from.

        ``affectnet`` (EmotiEffLib's file, the default on real data), ``affectnet=FILE`` (.onnx, or named
        tensors), ``imagenet`` (timm's) or ``none`` (the default on synthetic data). Raises UsageError for any other,
        and for one that is not there, with the command that fetches it.
        """
        return find_weights(spec or ("none" if synthetic else "affectnet"))

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, loaded from ``weights``."""
        s, frozen = self.settings, self.frozen(weights)
        return build_network(task, size=s.size, hidden=s.hidden, frozen=frozen, state=read_backbone(weights))

    def postprocessing(self, task: Task) -> Mapping[str, Any]:
        """Return the published smoothing and thresholds of a task (abaw-protocols, section 10); none where unknown.

        Means over 101 frames for expressions and valence-arousal; for action units over 9 (3 to 5 frames to each side
        are published), and a threshold per unit.
        """
        if task.kind == "multilabel" and len(task.outputs) == len(AU_THRESHOLDS):
            return {"smoothing": "box:4", "thresholds": AU_THRESHOLDS}
        if task.name == "ah":
            return {"smoothing": "box:10"}
        return {"smoothing": "box:50"} if task.name in ("va", "expr") else {}


AU_THRESHOLDS = (0.8, 0.8, 0.7, 0.5, 0.5, 0.5, 0.6, 0.8, 0.8, 0.8, 0.3, 0.7)
"""For AU1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25 and 26."""
