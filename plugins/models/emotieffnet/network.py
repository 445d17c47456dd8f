"""EfficientNet-B0 per frame, and the heads that HSEmotion's entries put behind it.

Source: abaw-protocols, section 10, and the notebooks of github.com/sb-ai-lab/EmotiEffLib (read, not copied).
"""

from collections.abc import Mapping
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from abawbench.contracts import Task, UsageError
from abawbench.nn import ClipNetwork, Features, SplitHead, freeze, gather
from abawbench_plugins.models._faces import PerImage

ARCHITECTURES = {"full": "tf_efficientnet_b0", "tiny": "test_efficientnet"}
EXPRESSIONS, LOGITS = 8, 10
"""What ``enet_b0_8_va_mtl`` gives for a face: eight expressions, valence and arousal."""
STATISTICS = 4


def build_network(
    task: Task, *, size: str = "full", hidden: int = 128, frozen: bool = True, state: Mapping[str, Tensor] | None = None
) -> ClipNetwork:
    """Return the network: clips [B, T, 3, S, S] to logits [B, T, K], or [B, K] for a task of whole tracks.

    The heads, by kind of task:

    - classes, action units and several tasks at once: a hidden layer with ReLU on the 1280 features, and a linear one;
    - valence-arousal: a linear layer on the logits of the AffectNet classifier;
    - whole tracks: mean, standard deviation, minimum and maximum of these logits over the clip, and a linear layer.

    ``state`` holds timm's names and is loaded strictly. Its ``classifier`` may have any number of outputs or be
    missing: then the features stand in for the logits. Where the network is frozen the classifier is too.
    """
    backbone: Any = timm.create_model(ARCHITECTURES[size], pretrained=False, num_classes=0)
    features: int = backbone.num_features
    classifier: nn.Module = nn.Linear(features, LOGITS)
    logits = LOGITS
    if state is not None:
        known = {name: value for name, value in state.items() if not name.startswith("classifier.")}
        backbone.load_state_dict(known, strict=True)
        classifier, logits = _classifier(state, features)
    if frozen:
        freeze(backbone)
        freeze(classifier)
    backbone.to(memory_format=torch.channels_last)
    outputs = len(task.outputs)
    if task.level == "track":
        return ClipNetwork(backbone, Pooled(classifier, logits, outputs))
    body = (
        nn.Sequential(classifier, nn.Linear(logits, outputs))
        if task.kind == "regression"
        else nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    )
    return ClipNetwork(backbone, PerImage(body))


def build_classifier(state: Mapping[str, Tensor] | None = None, *, size: str = "full") -> ClipNetwork:
    """Return the network as EmotiEffLib has it: clips [B, T, 3, S, S] to its eight expressions' logits [B, T, 8].

    Raises UsageError when ``state`` has no classifier of eight expressions.
    """
    backbone: Any = timm.create_model(ARCHITECTURES[size], pretrained=False, num_classes=0)
    layer = nn.Linear(backbone.num_features, EXPRESSIONS)
    if state is not None:
        known = {name: value for name, value in state.items() if not name.startswith("classifier.")}
        backbone.load_state_dict(known, strict=True)
        weight = state.get("classifier.weight")
        if weight is None or len(weight) not in (EXPRESSIONS, LOGITS):
            raise UsageError("the weights hold no classifier of AffectNet's eight expressions; give EmotiEffLib's file")
        # valence and arousal come last
        layer.load_state_dict({"weight": weight[:EXPRESSIONS], "bias": state["classifier.bias"][:EXPRESSIONS]})
    return ClipNetwork(backbone, PerImage(layer))


def _classifier(state: Mapping[str, Tensor], features: int) -> tuple[nn.Module, int]:
    weight = state.get("classifier.weight")
    if weight is None:
        return nn.Identity(), features
    layer = nn.Linear(features, len(weight))
    layer.load_state_dict({"weight": weight, "bias": state["classifier.bias"]})
    return layer, len(weight)


class Pooled(SplitHead):
    """Statistics of the logits over the frames of a clip, and a linear layer."""

    def __init__(self, classifier: nn.Module, logits: int, outputs: int) -> None:
        super().__init__()
        self.classifier = classifier
        self.linear = nn.Linear(STATISTICS * logits, outputs)

    def each(self, features: Features) -> Tensor:
        """Return the AffectNet logits [U, L] of each image."""
        logits: Tensor = self.classifier(features)
        return logits

    def together(self, features: Features, index: Tensor) -> Tensor:
        """Return logits [B, K] from those of distinct images and ``index`` [B, T]."""
        x = gather(cast(Tensor, features), index)
        # the root's slope at zero is infinite, and a clip may show one image only
        deviation = (x.var(dim=1, correction=0) + 1e-6).sqrt()
        logits: Tensor = self.linear(torch.cat([x.mean(dim=1), deviation, x.amin(dim=1), x.amax(dim=1)], dim=-1))
        return logits
