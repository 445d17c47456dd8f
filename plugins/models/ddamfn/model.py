"""The model plugins ``ddamfn`` and ``ddamfn-clip``: recipe, weights and networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from abawbench.contracts import Task, Weights
from abawbench.nn import freeze
from abawbench_plugins.models._faces import FaceModel, FaceSettings, require
from abawbench_plugins.models._sources import DDAMFN_AFFECTNET
from abawbench_plugins.models.ddamfn.clip import CLIPImages
from abawbench_plugins.models.ddamfn.network import build_network
from abawbench_plugins.models.ddamfn.sources import (
    find_both,
    find_weights,
    read_clip,
    read_network,
    require_full,
)


@dataclass(kw_only=True)
class DDAMFNSettings(FaceSettings):
    """What the facts give (systems; abaw-protocols, section 10), and stated choices for the rest.

    Given: 112 x 112, AffectNet-8 weights, two attention heads pushed apart by a loss of weight 0.1, an LSTM over
    frames. Ours: MixedFeatureNet frozen and the attention trained with the head, an LSTM of width 128 over clips of
    16, dropout 0.3, 16 clips per step, Adam 1e-3, 5 epochs.
    """

    on_synthetic: ClassVar[Mapping[str, Any]] = {"size": "tiny", "image": 64, "epochs": 8, "apart": 1e-4}
    epochs: int = 5
    batch: int = 16
    schedule: str = "cosine"
    clip_norm: float = 1.0
    length: int = 16
    stride: int = 16
    part: Literal["features", "all"] = "features"
    """What is frozen where something is: MixedFeatureNet, or all up to the 512 features of a face."""
    apart: float = 0.1
    """Weight of the loss that pushes the attention heads apart. The published one is for trained heads: those drawn at
    random are so alike that it would drown the task."""
    hidden: int = 128
    dropout: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.apart >= 0, "apart", self.apart, "0 or more")
        require(self.hidden >= 1, "hidden", self.hidden, "a positive number")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a number from 0 to below 1")


class DDAMFN(FaceModel):
    """MixedFeatureNet, dual-direction attention and an LSTM; see ``network.py``. Gives one output per frame."""

    Settings = DDAMFNSettings
    settings: DDAMFNSettings
    sources = (DDAMFN_AFFECTNET,)

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return where the parameters come from: ``affectnet=FILE``, or ``none`` (the default on synthetic data)."""
        return find_weights(spec or ("none" if synthetic else "affectnet"))

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, loaded from ``weights``."""
        return self._network(task, weights, None)

    def _network(self, task: Task, weights: Weights, clip: nn.Module | None) -> nn.Module:
        s, frozen = self.settings, self.frozen(weights)
        require_full(weights, s.image)
        return build_network(
            len(task.outputs),
            size=s.size,
            image=s.image,
            hidden=s.hidden,
            dropout=s.dropout,
            apart=s.apart,
            frozen=s.part if frozen else "none",
            state=read_network(weights),
            clip=clip,
        )


class DDAMFNWithCLIP(DDAMFN):
    """The same with CLIP's image features beside its own before the LSTM.

    The paper adapts CLIP's features by a contrastive loss with text; here they are frozen and the LSTM learns to use
    them.
    """

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return where both networks' parameters come from: ``affectnet=FILE[,clip=FILE]`` or ``none``."""
        return find_both(spec or ("none" if synthetic else "affectnet"))

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, loaded from ``weights``; CLIP is frozen where it has weights."""
        self.frozen(weights)
        clip = CLIPImages(self.settings.size) if weights.path is None else read_clip(weights)
        frozen = weights.path is not None or self.settings.freeze == "published"
        return self._network(task, weights, freeze(clip) if frozen else clip)
