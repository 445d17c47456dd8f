"""The model plugin ``regnet-vit``: recipe, weights and network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from abawbench.contracts import Task, Weights
from abawbench_plugins.models._faces import FaceModel, FaceSettings, require
from abawbench_plugins.models._sources import REGNET
from abawbench_plugins.models._weights import check_state, read_state
from abawbench_plugins.models.regnet_vit.network import SIZES, build_network


def _losses() -> dict[str, str]:
    return {
        "va": "abawbench.losses:concordance",
        "multilabel": "abawbench.losses:focal_sigmoid",
        "multiclass": "abawbench.losses:focal_cross_entropy",
    }


@dataclass(kw_only=True)
class RegNetViTSettings(FaceSettings):
    """What the facts give for the RegNet side (abaw-protocols, section 10), and stated choices for the rest.

    Given: RegNetY-400MF, 112 x 112, ImageNet normalisation, clips of 64 to 256 frames, its first stage frozen and
    BatchNorm fixed, focal loss (0.75, 2), Adam 5e-4. Ours: transformers of 4 layers, 8 heads and width 256, clips of
    64, 4 per step, 5 epochs, dropout 0.1, both branches trained together on the mean of their logits.
    """

    on_synthetic: ClassVar[Mapping[str, Any]] = {
        "size": "tiny", "image": 64, "length": 16, "stride": 16, "batch": 16, "lr": 1e-3, "epochs": 8,
    }  # fmt: skip
    epochs: int = 5
    batch: int = 4
    lr: float = 5e-4
    schedule: str = "cosine"
    clip_norm: float = 1.0
    loss: dict[str, str] = field(default_factory=_losses)
    length: int = 64
    stride: int = 64
    dropout: float = 0.1


class RegNetViT(FaceModel):
    """RegNet and two transformers; see ``network.py``. Gives one output per frame."""

    Settings = RegNetViTSettings
    settings: RegNetViTSettings
    sources = (REGNET,)

    def __init__(self, settings: RegNetViTSettings) -> None:
        super().__init__(settings)
        require(0 <= settings.dropout < 1, "dropout", settings.dropout, "a number from 0 to below 1")

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, loaded from ``weights``."""
        s, frozen = self.settings, self.frozen(weights)
        return build_network(
            len(task.outputs),
            sizes=SIZES[s.size],
            length=s.length,
            image=s.image,
            dropout=s.dropout,
            frozen=frozen,
            state=_backbone(weights),
        )


def _backbone(weights: Weights) -> Any:
    if weights.path is None:
        return None
    from torchvision.models import regnet_y_400mf

    expected = regnet_y_400mf(weights=None).state_dict()
    found = check_state(
        read_state(weights.path), expected, weights.path, "torchvision's regnet_y_400mf", "fetch it anew"
    )
    return {name: value for name, value in found.items() if not name.startswith("fc.")}
