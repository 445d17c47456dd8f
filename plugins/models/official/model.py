"""The model plugins ``resnet50-va`` and ``vggface``: recipes, weights and networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from abawbench.contracts import Task, Weights
from abawbench_plugins.models._faces import FaceModel, FaceSettings, require
from abawbench_plugins.models._sources import RESNET50, VGG16, VGGFACE
from abawbench_plugins.models.official.mixing import Mixer
from abawbench_plugins.models.official.network import build_resnet, build_vgg, read_resnet, read_vgg

HALF = (0.5, 0.5, 0.5)
"""Mean and standard deviation of pixels that become [-1, 1], as the official baselines take them."""


@dataclass(kw_only=True)
class ResNet50VASettings(FaceSettings):
    """What is known of the official baseline (abaw-protocols, section 2.5), and stated choices for the rest.

    Known: 112 x 112, pixels in [-1, 1], ImageNet weights, a linear output, single frames. Ours: all of it trained,
    32 frames per step, Adam 1e-4, 5 epochs.
    """

    on_synthetic: ClassVar[Mapping[str, Any]] = {"size": "tiny", "image": 64, "lr": 1e-3, "epochs": 8}
    epochs: int = 5
    batch: int = 32
    lr: float = 1e-4
    schedule: str = "cosine"


class ResNet50VA(FaceModel):
    """ResNet-50 per frame and a linear layer; see ``network.py``. Serves every task, though made for one."""

    Settings = ResNet50VASettings
    settings: ResNet50VASettings
    mean, std = HALF, HALF
    sources = (RESNET50,)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, loaded from ``weights``. The official recipe freezes nothing of it."""
        self.frozen(weights)
        return build_resnet(len(task.outputs), size=self.settings.size, state=read_resnet(weights))


@dataclass(kw_only=True)
class VGGFaceSettings(FaceSettings):
    """What is known of the official baseline (abaw-protocols, section 2.5), and stated choices for the rest.

    Known: 112 x 112, pixels in [-1, 1], VGGFACE weights, frozen convolutions, three trained fully connected layers,
    single frames, MixAugment for expressions. Ours: 64 frames per step, Adam 1e-4, 5 epochs. ``mix`` is off by
    default, as for action units; ``mix=0.1`` is MixAugment, which mixes images and so runs the frozen part anew.
    """

    on_synthetic: ClassVar[Mapping[str, Any]] = {"size": "tiny", "image": 64, "lr": 1e-3, "epochs": 8}
    epochs: int = 5
    batch: int = 64
    lr: float = 1e-4
    schedule: str = "cosine"
    dropout: float = 0.5
    mix: float = 0.0
    """Alpha of MixAugment, which also learns from mixtures of pairs of clips; 0 for none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a number from 0 to below 1")
        require(self.mix >= 0, "mix", self.mix, "a number above 0, or 0 for no mixing")


class VGGFace(FaceModel):
    """VGG16 per frame, its convolutions frozen, three fully connected layers trained; see ``network.py``."""

    Settings = VGGFaceSettings
    settings: VGGFaceSettings
    mean, std = HALF, HALF
    sources = (VGGFACE, VGG16)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, loaded from ``weights``."""
        s, frozen = self.settings, self.frozen(weights)
        return build_vgg(len(task.outputs), size=s.size, dropout=s.dropout, frozen=frozen, state=read_vgg(weights))

    def extra_loss(self, seed: int) -> Mixer | None:
        """Return MixAugment, where it is asked for."""
        return Mixer(self.settings.mix, seed) if self.settings.mix else None
