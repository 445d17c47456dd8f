"""The models that names such as ``timm:resnet18`` and ``hf:OWNER/NAME+timm:NAME`` stand for."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from abawbench import fetch_weights
from abawbench.contracts import Clip, Model, Recipe, Sound, Source, Task, UsageError, Weights
from abawbench.nn import ClipNetwork, InputsNetwork, freeze
from abawbench_plugins.models._faces import require
from abawbench_plugins.models._weights import NONE
from abawbench_plugins.models.encoders.hub_encoder import HubEncoder
from abawbench_plugins.models.encoders.parts import Encoder, Pixels, SeveralVisions
from abawbench_plugins.models.encoders.timm_encoder import TimmEncoder
from abawbench_plugins.models.multimodal import heads
from abawbench_plugins.models.multimodal.models import together

KINDS: Mapping[str, Any] = {"timm": TimmEncoder, "hf": HubEncoder}
PRETRAINED = "pretrained"


@dataclass(kw_only=True)
class EncoderSettings(Recipe):
    """A recipe for encoders that no publication gives: all of it is a choice, the same for every encoder."""

    epochs: int = 10
    batch: int = 16
    schedule: str = "cosine"
    clip_norm: float = 1.0
    tune: bool = False
    """Whether the encoders train too; a tenth of the rate suits them: ``--set tune=true --set lr=1e-4``."""
    head: Literal["linear", "mlp", "temporal"] = "linear"
    """``temporal`` is a GRU over the frames of a clip."""
    hidden: int = 256
    """Width of the head and of the attention, a multiple of 8."""
    dropout: float = 0.1
    fusion: Literal["late", "attention"] = "late"
    """Of several inputs: ``late`` averages predictions, ``attention`` fuses features."""
    image: int = 0
    """Images are resized to image x image pixels; 0 for what the encoder was trained on."""
    length: int = 16
    """Frames in a clip."""
    stride: int = 16
    """Frames between the starts of neighbouring clips."""
    seconds: float = 5.0
    """Of a window of sound."""

    def __post_init__(self) -> None:
        require(1 <= self.stride <= self.length, "stride", self.stride, f"1 to the clip's length {self.length}")
        require(self.hidden >= 8 and self.hidden % 8 == 0, "hidden", self.hidden, "a multiple of 8")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a number from 0 to below 1")
        require(self.image == 0 or self.image >= 32, "image", self.image, "0, or a number of pixels from 32")
        require(self.seconds > 0, "seconds", self.seconds, "a positive number")


def build(name: str) -> "type[Encoders]":
    """Return the model that a name stands for. Raises UsageError for a name that is none, with near misses."""
    parts = []
    for one in name.split("+"):
        kind, _, rest = one.partition(":")
        if kind not in KINDS or not rest:
            raise UsageError(f"'{one}' of model '{name}' is no encoder; write timm:NAME or hf:OWNER/NAME, joined by +")
        parts.append(KINDS[kind](rest))
    return type("Encoders", (Encoders,), {"parts": tuple(parts), "sources": tuple(one.source for one in parts)})


class Encoders(Model):
    """Encoders, frozen or tuned, and a head; what they take is known once their files are here."""

    parts: ClassVar[tuple[Encoder, ...]]
    sources: ClassVar[tuple[Source, ...]]
    Settings = EncoderSettings
    settings: EncoderSettings

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__(settings)
        self.clip = Clip(length=settings.length, stride=settings.stride, size=settings.image or 224)

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return where the encoders' parameters come from, and take on their inputs and sizes.

        ``pretrained`` (the default), or ``none``: the same networks with random parameters. Raises UsageError for any
        other, and for what cannot be fetched.
        """
        if spec not in (None, PRETRAINED, NONE.source):
            raise UsageError(f"{self.name} has no weights {spec!r}; give --weights {PRETRAINED} or {NONE.source}")
        random = spec == NONE.source
        paths = self._open(random)
        found = [_weights(one, None if random else path) for one, path in zip(self.parts, paths, strict=True)]
        if all(part.path is None for part in found):
            return NONE
        return found[0] if len(found) == 1 else _named(together(found))

    def _open(self, random: bool) -> list[Path | None]:
        """Let every encoder learn from its files what it takes, take that on, and return the files."""
        paths = []
        for one in self.parts:
            # timm knows its networks without a file
            known = isinstance(one, TimmEncoder) and (random or not one.source.repository)
            paths.append(None if known else fetch_weights(one.source, self.name))
            one.open(paths[-1])
        self._take_on()
        return paths

    def _take_on(self) -> None:
        s, seen = self.settings, [one for one in self.parts if one.input == "frames"]
        self.inputs = frozenset(one.input for one in self.parts)
        for name in self.inputs - {"frames"}:
            if sum(one.input == name for one in self.parts) > 1:
                raise UsageError(f"{self.name} has several encoders of {name}; give one, and several of images only")
        wanted = self._pixels(seen[0]) if seen else Pixels(size=s.image or 224)
        self.clip = Clip(length=s.length, stride=s.stride, size=wanted.size, mean=wanted.mean, std=wanted.std)
        heard = next((one for one in self.parts if one.input == "audio"), None)
        if heard:
            self.sound = Sound(rate=heard.rate, seconds=s.seconds, context=s.seconds / 10, normalise=heard.normalise)

    def _pixels(self, one: Encoder) -> Pixels:
        size = self.settings.image or one.pixels.size
        return Pixels(size=size, mean=one.pixels.mean, std=one.pixels.std)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, its encoders loaded from ``weights``."""
        random = weights.source == NONE.source
        # each fold has a model of its own, which has not seen the weights
        paths = self._open(random)
        built = [one.build(None if random else path) for one, path in zip(self.parts, paths, strict=True)]
        embed: dict[str, nn.Module] = {}
        for name in sorted(self.inputs):
            same = [(one, network) for one, network in zip(self.parts, built, strict=True) if one.input == name]
            joined = same[0][1]
            if len(same) > 1:
                joined = SeveralVisions([network for _, network in same], [self._pixels(one) for one, _ in same])
            embed[name] = joined if self.settings.tune else freeze(joined)
        head = self._head(task)
        if self.inputs == {"frames"}:
            return ClipNetwork(embed["frames"], head)
        return InputsNetwork(embed, head, self.inputs, self.clip.length)

    def _head(self, task: Task) -> nn.Module:
        s, outputs = self.settings, len(task.outputs)
        dims = {name: sum(one.dims for one in self.parts if one.input == name) for name in sorted(self.inputs)}
        if len(dims) > 1 and s.fusion == "attention":
            return heads.AttentionFusion(dims, s.hidden, outputs, s.dropout)
        bodies = {name: self._body(size, outputs) for name, size in dims.items()}
        if len(dims) > 1:
            return heads.LateFusion(bodies, task)
        ((name, body),) = bodies.items()
        return heads.FramesHead(body) if name == "frames" else heads.OneHead(body)

    def _body(self, features: int, outputs: int) -> nn.Module:
        s = self.settings
        if s.head == "temporal":
            return heads.Recurrent(features, s.hidden, outputs)
        return (
            heads.Linear(features, outputs) if s.head == "linear" else heads.MLP(features, s.hidden, outputs, s.dropout)
        )

    def tokens(self, text: str) -> NDArray[np.int64]:
        """Return the tokens of a transcript, [256], -1 past its end."""
        reader: Any = next(one for one in self.parts if one.input == "text")
        return np.asarray(reader.tokens(text), dtype=np.int64)


def _weights(one: Encoder, path: Path | None) -> Weights:
    if path is None:
        return NONE
    files = sorted(path.parent.iterdir()) if isinstance(one, HubEncoder) else [path]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]
    return Weights(
        source=PRETRAINED,
        path=str(path),
        sha256=digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest(),
        licence=one.source.licence,
        trained_on=one.source.trained_on,
    )


def _named(weights: Weights) -> Weights:
    return Weights(**{**weights.__dict__, "source": PRETRAINED})
