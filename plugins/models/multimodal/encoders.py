"""The frozen halves: DINO ViT-S/16 for faces, Wav2Vec 2.0 base for sound, BERT base for transcripts.

Each exists in its published size and, of the same code, in a tiny one that a CPU trains from nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from abawbench.contracts import Sound, Source, UsageError, Weights
from abawbench_plugins.models._sources import BERT, DINO, WAV2VEC2
from abawbench_plugins.models._weights import check_state, read_state

Size = Literal["full", "tiny"]
TOKENS = 256
"""Of a transcript; a longer one is cut."""
BERT_VOCABULARY = 30_522
IMAGE = {"full": 224, "tiny": 48}
SOUND = {"full": Sound(seconds=20.0, context=1.0), "tiny": Sound(seconds=2.0, context=0.25)}


class Hearing(nn.Module):
    """Wav2Vec 2.0 on windows [U, N] of 16 kHz sound; gives its last hidden states [U, S, D], about 50 per second."""

    def __init__(self, size: Size) -> None:
        from transformers import Wav2Vec2Config, Wav2Vec2Model

        super().__init__()
        small: dict[str, Any] = {
            "hidden_size": 48,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "intermediate_size": 96,
            "conv_dim": (24, 24, 32, 32, 32, 48, 48),
            "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 4,
            "hidden_dropout": 0.0,
            "attention_dropout": 0.0,
        }
        # masking and dropped layers are for the self-supervised task
        self.model = Wav2Vec2Model(
            Wav2Vec2Config(apply_spec_augment=False, layerdrop=0.0, **(small if size == "tiny" else {}))
        )

    def forward(self, samples: Tensor) -> Tensor:
        """Return the last hidden states."""
        states: Tensor = self.model(samples).last_hidden_state
        return states


class Reading(nn.Module):
    """BERT on tokens [U, L], 0 where there is none; gives the mean over the tokens of its last hidden states [U, D]."""

    def __init__(self, size: Size) -> None:
        from transformers import BertConfig, BertModel

        super().__init__()
        small: dict[str, Any] = {
            "hidden_size": 48,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "intermediate_size": 96,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        }
        config = BertConfig(vocab_size=BERT_VOCABULARY if size == "full" else 2048, **(small if size == "tiny" else {}))
        self.model = BertModel(config, add_pooling_layer=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the mean of the last hidden states."""
        mask = (tokens > 0).long()
        states: Tensor = self.model(tokens, attention_mask=mask).last_hidden_state
        weights = mask[..., None].to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def build_vision(size: Size) -> nn.Module:
    """Return DINO's ViT-S/16 without a head: images [U, 3, S, S] to [U, D]."""
    import timm

    small: dict[str, Any] = {"img_size": IMAGE["tiny"], "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 4}
    network: nn.Module = timm.create_model(
        "vit_small_patch16_224.dino", pretrained=False, num_classes=0, **(small if size == "tiny" else {})
    )
    return network


@dataclass(frozen=True)
class Encoder:
    """One input, the network that encodes it, and where that gets its parameters."""

    input: str
    shipped: str | None
    """The features of the same network that come with a database."""
    source: Source
    build: Callable[[Size], nn.Module]
    dims: Mapping[str, int]
    names: Callable[[str], str | None]
    """From a name in the published file to the network's own, None for what it has no use for."""

    def network(self, size: Size, weights: Weights) -> nn.Module:
        """Return the network, its parameters read strictly from the weights, or random without any."""
        network = self.build(size)
        if weights.path is None:
            return network
        if size == "tiny":
            raise UsageError(f"weights {weights.source!r} are of the full network; leave out --set size=tiny")
        found = {own: value for name, value in read_state(weights.path).items() if (own := self.names(name))}
        remedy = f"give --weights {self.source.name}, {self.source.name}=FILE or none"
        network.load_state_dict(check_state(found, network.state_dict(), weights.path, f"{self.source.name}", remedy))
        return network


def _wav2vec2_name(name: str) -> str | None:
    if name.startswith(("quantizer.", "project_", "lm_head.")):
        return None
    own = name.removeprefix("wav2vec2.")
    # torch renamed the two halves of weight normalisation
    for old, new in (("conv.weight_g", "original0"), ("conv.weight_v", "original1")):
        own = own.replace(old, f"conv.parametrizations.weight.{new}")
    return f"model.{own}"


def _bert_name(name: str) -> str | None:
    if name.startswith(("cls.", "pooler.")) or ".pooler." in name or name.endswith("position_ids"):
        return None
    own = name.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight")
    return "model." + own.replace("LayerNorm.beta", "LayerNorm.bias")


def _same_name(name: str) -> str:
    return name


VISION = Encoder("frames", "features:vit", DINO, build_vision, {"full": 384, "tiny": 48}, _same_name)
HEARING = Encoder("audio", "features:wav2vec2", WAV2VEC2, Hearing, {"full": 768, "tiny": 48}, _wav2vec2_name)
READING = Encoder("text", None, BERT, Reading, {"full": 768, "tiny": 48}, _bert_name)


def hash_words(text: str, size: Size) -> "torch.Tensor":
    """Return a number for every word of a text, int64 [TOKENS], 0 past its end: what there is without a vocabulary."""
    import re
    from zlib import crc32

    words = re.findall(r"\w+|[^\w\s]", text.lower())[:TOKENS]
    count = BERT_VOCABULARY if size == "full" else 2048
    numbers = [1 + crc32(word.encode()) % (count - 1) for word in words]
    return torch.tensor(numbers + [0] * (TOKENS - len(numbers)))
