"""The model plugins ``vit-features``, ``wav2vec2``, ``av-fusion`` and ``avt-fusion``."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from abawbench.contracts import Clip, Model, Recipe, Task, UsageError, Weights
from abawbench.nn import ClipNetwork, InputsNetwork, freeze
from abawbench_plugins.models._faces import require
from abawbench_plugins.models._weights import NONE, find
from abawbench_plugins.models.multimodal import encoders, heads
from abawbench_plugins.models.multimodal.encoders import HEARING, READING, VISION, Encoder, Size

SHIPPED = Weights(source="files", licence="of the database")
"""Of the features that come with a database."""


@dataclass(kw_only=True)
class EncodedSettings(Recipe):
    """A recipe over encoders. The EMI baseline gives the networks and the loss; rates and lengths are a choice."""

    on_synthetic: ClassVar[Mapping[str, Any]] = {
        "size": "tiny", "length": 16, "stride": 16, "batch": 16, "epochs": 15, "lr": 2e-3, "hidden": 48,
    }  # fmt: skip
    epochs: int = 10
    batch: int = 16
    lr: float = 1e-3
    schedule: str = "cosine"
    clip_norm: float = 1.0
    size: Size = "full"
    """``tiny`` is the same code with some ten thousand parameters, trained from nothing by a CPU."""
    freeze: Literal["auto", "published", "none"] = "auto"
    """``published`` freezes the encoders, ``none`` nothing; ``auto`` is ``published``, but ``none`` when they start
    from random parameters, whose features would be poor."""
    length: int = 64
    """Frames in a clip."""
    stride: int = 64
    """Frames between the starts of neighbouring clips."""
    hidden: int = 256
    """Width of the GRU and of the attention, a multiple of 8."""

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= self.length:
            raise UsageError(f"stride={self.stride} is not possible; give 1 to the clip's length {self.length}")
        if self.hidden < 8 or self.hidden % 8:
            raise UsageError(f"hidden={self.hidden} is not possible; give a multiple of 8")


@dataclass(kw_only=True)
class SourceSettings(EncodedSettings):
    """Where the features come from."""

    source: Literal["network", "files"] = "network"
    """``network`` computes them, ``files`` reads those that came with the database."""


@dataclass(kw_only=True)
class FusionSettings(SourceSettings):
    """How the inputs are fused."""

    fusion: Literal["late", "attention"] = "late"
    """``late`` averages predictions, as the official EMI baseline does; ``attention`` fuses features."""
    dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a number from 0 to below 1")


@dataclass(kw_only=True)
class WordsSettings(EncodedSettings):
    """How the inputs are fused; no database ships features of its transcripts."""

    fusion: Literal["late", "attention"] = "attention"
    """``late`` averages predictions, ``attention`` fuses features."""
    dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a number from 0 to below 1")


class Encoded(Model):
    """A model over what encoders give for its inputs. Its weights are those of the encoders."""

    encoders: ClassVar[tuple[Encoder, ...]]
    settings: EncodedSettings

    def __init__(self, settings: EncodedSettings) -> None:
        super().__init__(settings)
        size = settings.size
        self.files = getattr(settings, "source", "network") == "files"
        self.clip = Clip(length=settings.length, stride=settings.stride, size=encoders.IMAGE[size])
        self.sound = encoders.SOUND[size]
        by_input = {str(one.shipped) if self.files else one.input: one for one in self.encoders}
        self.by_input: Mapping[str, Encoder] = by_input
        self.inputs = frozenset(by_input)
        # what is shipped comes from the networks in their full size
        self.dims = {name: one.dims["full" if self.files else size] for name, one in by_input.items()}
        self.feature_sizes = self.dims if self.files else {}
        self._vocabulary: str | None = None

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return where the encoders' parameters come from.

        Without ``--weights``, ``none`` for the tiny size and the published weights for the full one; else ``none``, or
        NAME or NAME=FILE for each encoder with a comma between them; one not named is the published one. Raises
        UsageError for an unknown name and for a file that is not here and cannot be fetched.
        """
        if self.files:
            if spec not in (None, SHIPPED.source):
                raise UsageError(f"{self.name}: features from files need no weights; leave out --weights")
            return SHIPPED
        if spec == NONE.source or (spec is None and self.settings.size == "tiny"):
            return NONE
        given = {item.partition("=")[0]: item for item in spec.split(",")} if spec else {}
        if NONE.source in given:
            raise UsageError(
                f"{self.name}: --weights {spec!r} mixes none with weights; give none alone, or leave it out"
            )
        sources = [one.source for one in self.encoders]
        for name, item in given.items():
            if name not in {source.name for source in sources}:
                find(item, sources, self.name)  # refuses it, with the names there are
        parts = tuple(find(given.get(source.name, source.name), (source,), self.name) for source in sources)
        return parts[0] if len(parts) == 1 else together(parts)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, its encoders loaded from ``weights``."""
        parts = dict(zip(self.by_input, weights.parts or [weights] * len(self.by_input), strict=True))
        embed: dict[str, nn.Module] = {}
        for name, encoder in () if self.files else self.by_input.items():
            part = encoder.network(self.settings.size, parts[name])
            kept = self.settings.freeze == "none" or (self.settings.freeze == "auto" and parts[name].path is None)
            embed[name] = part if kept else freeze(part)
        if "text" in parts and parts["text"].path is not None:
            self._vocabulary = str(vocabulary_of(Path(parts["text"].path)))
        head = self.head(task)
        if self.inputs == {"frames"}:
            return ClipNetwork(embed["frames"], head)
        return InputsNetwork(embed, head, self.inputs, self.clip.length)

    def head(self, task: Task) -> nn.Module:
        """Return the trained part; by default the one body, for one input."""
        (name,) = self.inputs
        one = heads.FramesHead if name == "frames" else heads.OneHead
        return one(self.body(name, len(task.outputs)))

    def body(self, name: str, outputs: int) -> nn.Module:
        """Return what the EMI baseline has for an input: a GRU over faces, a linear layer over sound and words."""
        seen = self.by_input[name] is VISION
        return (
            heads.Recurrent(self.dims[name], self.settings.hidden, outputs)
            if seen
            else heads.Linear(self.dims[name], outputs)
        )


class Fused(Encoded):
    """Several inputs in one network."""

    settings: FusionSettings | WordsSettings

    def head(self, task: Task) -> nn.Module:
        """Return the bodies averaged late, or the attention over all inputs."""
        s, outputs = self.settings, len(task.outputs)
        if s.fusion == "attention":
            return heads.AttentionFusion(self.dims, s.hidden, outputs, s.dropout)
        return heads.LateFusion({name: self.body(name, outputs) for name in sorted(self.inputs)}, task)


class VitFeatures(Encoded):
    """The visual EMI baseline (abaw-protocols, section 4.2): DINO ViT-S/16, 384-d, and a GRU of three layers."""

    encoders: ClassVar[tuple[Encoder, ...]] = (VISION,)
    Settings = SourceSettings


class Wav2Vec2(Encoded):
    """The audio EMI baseline: Wav2Vec 2.0 base, 768-d, and a linear layer."""

    encoders: ClassVar[tuple[Encoder, ...]] = (HEARING,)
    Settings = SourceSettings


class AVFusion(Fused):
    """The audio-visual EMI baseline, and a fusion by attention."""

    encoders: ClassVar[tuple[Encoder, ...]] = (VISION, HEARING)
    Settings = FusionSettings


class AVTFusion(Fused):
    """Faces, voice and transcript, for AH, with BERT base as in the organisers' baselines (section 5.5)."""

    encoders: ClassVar[tuple[Encoder, ...]] = (VISION, HEARING, READING)
    Settings = WordsSettings

    def tokens(self, text: str) -> NDArray[np.int64]:
        """Return BERT's tokens of a transcript, [256]; a number for each word where there is no vocabulary."""
        if self._vocabulary is None:
            return encoders.hash_words(text, self.settings.size).numpy()
        found = _tokenizer(self._vocabulary)(text, padding="max_length", truncation=True, max_length=encoders.TOKENS)[
            "input_ids"
        ]
        return np.asarray(found, dtype=np.int64)


def vocabulary_of(weights: Path) -> Path:
    """Return BERT's vocabulary, ``vocab.txt`` beside its weights. Raises UsageError where it is not."""
    beside = weights.with_name("vocab.txt")
    if not beside.is_file():
        raise UsageError(f"the vocabulary {beside} is not beside the weights; put BERT's vocab.txt there")
    return beside


@cache
def _tokenizer(vocabulary: str) -> Any:
    from transformers import BertTokenizer

    return BertTokenizer(vocabulary)


def together(parts: Sequence[Weights]) -> Weights:
    """Return the weights of several encoders as one: their names, and a digest of their digests."""
    digest = hashlib.sha256("".join(str(part.sha256) for part in parts).encode()).hexdigest()
    return Weights(
        source=",".join(part.source for part in parts),
        sha256=digest,
        licence=", ".join(dict.fromkeys(str(part.licence) for part in parts)),
        trained_on=tuple(dict.fromkeys(name for part in parts for name in part.trained_on)),
        parts=tuple(parts),
    )
