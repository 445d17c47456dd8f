"""What the networks that see face images only have in common: settings, weights, and heads over single frames."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, cast

from torch import Tensor, nn

from abawbench.contracts import Clip, Model, Recipe, Source, UsageError, Weights
from abawbench.nn import Features, SplitHead, gather
from abawbench_plugins.models._weights import find


def _losses() -> dict[str, str]:
    return {
        "va": "abawbench.losses:concordance",
        "multilabel": "abawbench.losses:binary_cross_entropy",
        "multiclass": "abawbench.losses:cross_entropy",
    }


@dataclass(kw_only=True)
class FaceSettings(Recipe):
    """A recipe, the size of the network, and what of it is frozen."""

    size: Literal["full", "tiny"] = "full"
    """``tiny`` is the same code with a few thousand parameters, trained from nothing in seconds."""
    freeze: Literal["auto", "published", "none"] = "auto"
    """``published`` freezes what the published recipe does, ``none`` nothing; ``auto`` is ``published``, but ``none``
    when the network starts from random parameters, whose features would be poor."""
    image: int = 112
    """Images are resized to image x image pixels, a multiple of 16 from 32."""
    length: int = 1
    """Frames in a clip."""
    stride: int = 1
    """Frames between the starts of neighbouring clips."""
    loss: dict[str, str] = field(default_factory=_losses)

    def __post_init__(self) -> None:
        require(self.image >= 32 and self.image % 16 == 0, "image", self.image, "a multiple of 16 from 32")
        require(self.length >= 1, "length", self.length, "a positive number of frames")
        require(1 <= self.stride <= self.length, "stride", self.stride, f"1 to the clip's length {self.length}")


def require(valid: bool, name: str, value: object, choices: str) -> None:
    """Raise UsageError, naming the setting and what it may be, unless ``valid``."""
    if not valid:
        raise UsageError(f"{name}={value!r} is not possible; give {choices}, as in --set {name}=...")


class FaceModel(Model):
    """A model over face images whose weights are one of its ``sources``.

    On a synthetic database it starts from nothing unless ``--weights`` name something, elsewhere from its first source.
    """

    Settings = FaceSettings
    settings: FaceSettings
    sources: ClassVar[tuple[Source, ...]]
    mean: ClassVar[tuple[float, float, float]] = (0.485, 0.456, 0.406)
    std: ClassVar[tuple[float, float, float]] = (0.229, 0.224, 0.225)

    def __init__(self, settings: FaceSettings) -> None:
        super().__init__(settings)
        s = settings
        self.clip = Clip(length=s.length, stride=s.stride, size=s.image, mean=self.mean, std=self.std)

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return where the parameters come from; see the class. Raises UsageError for what cannot be had."""
        return find(spec or ("none" if synthetic else self.sources[0].name), self.sources, self.name)

    def frozen(self, weights: Weights) -> bool:
        """Return whether the part that the published recipe freezes is frozen. Raises UsageError for tiny weights."""
        if weights.path is not None and self.settings.size != "full":
            raise UsageError(f"{self.name}: weights are of the full network; leave out --set size=tiny")
        return self.settings.freeze == "published" or (self.settings.freeze == "auto" and weights.path is not None)


class PerImage(SplitHead):
    """A head that sees one frame: ``body`` on the features of each distinct image."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def each(self, features: Features) -> Tensor:
        """Return logits [U, K] from the features of distinct images."""
        logits: Tensor = self.body(features)
        return logits

    def together(self, features: Features, index: Tensor) -> Tensor:
        """Return logits [B, T, K] from those of distinct images and ``index`` [B, T]."""
        return gather(cast(Tensor, features), index)


class Recurrent(SplitHead):
    """A head over time: ``body`` on the features of each distinct image, an LSTM over a clip, a linear layer."""

    def __init__(self, body: nn.Module, features: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.body = body
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(hidden, outputs)

    def each(self, features: Features) -> Tensor:
        """Return vectors [U, D] from the features of distinct images."""
        vectors: Tensor = self.body(features)
        return vectors

    def together(self, features: Features, index: Tensor) -> Tensor:
        """Return logits [B, T, K] from the vectors of distinct images and ``index`` [B, T]."""
        steps, _ = self.lstm(gather(cast(Tensor, features), index))
        logits: Tensor = self.linear(self.dropout(steps))
        return logits


class FixedNorms(nn.Sequential):
    """Modules in order whose BatchNorm keeps the statistics it came with while the rest trains."""

    def train(self, mode: bool = True) -> "FixedNorms":
        """Return self in training or evaluation mode, BatchNorm always in the latter."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self
