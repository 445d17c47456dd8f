"""``hf:OWNER/NAME``: a vision, speech or text encoder that transformers knows, from a repository of the hub."""

import inspect
import json
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from abawbench.contracts import Source, UsageError
from abawbench_plugins.models.encoders.parts import IMAGENET, Encoder, Pixels

FILES = ("model*.safetensors|pytorch_model*.bin", "config.json", "*.json", "*.txt", "*.model")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_MAY_MISS = ("pooler", "masked_spec_embed", "position_ids")
"""Parts that the features do not pass through."""
_TOKENS = 256


class HubEncoder(Encoder):
    """An encoder that ``config.json`` describes; no code of the repository is run.

    Features of an image or a text are the mean over its patches or tokens of the last hidden states; of sound the
    hidden states themselves. Of a network of two towers (CLIP, SigLIP) the one for images is taken.
    """

    def __init__(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(f"hf:{name} is not a repository; write hf:OWNER/NAME, as in hf:facebook/dinov2-small")
        self.name = name
        self.source = Source(
            name=f"hf:{name}",
            what=f"{name} from the hub",
            trained_on=(f"what hf:{name} was trained on",),
            repository=name,
            files=FILES,
        )

    def open(self, path: Path | None) -> None:
        """Learn from ``config.json`` and what lies beside it what the encoder takes. Raises UsageError."""
        transformers = _transformers()
        assert path is not None
        self.folder = path.parent
        try:
            config = transformers.AutoConfig.from_pretrained(str(self.folder), local_files_only=True)
        except (ValueError, OSError, KeyError) as error:
            raise UsageError(f"hf:{self.name}: transformers does not know this network: {_first(error)}") from error
        self.config = getattr(config, "vision_config", None) or config
        self.input = self._input()
        self.dims = int(getattr(self.config, "hidden_size", 0) or self.config.hidden_sizes[-1])
        beside = self.folder / "preprocessor_config.json"
        said = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
        if self.input == "frames":
            self.pixels = self._pixels(said)
        if self.input == "audio":
            self.rate = int(said.get("sampling_rate", 16_000))
            self.normalise = bool(said.get("do_normalize", True))
        if self.input == "text":
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(str(self.folder), local_files_only=True)

    def _input(self) -> str:
        if (hasattr(self.config, "num_channels") and hasattr(self.config, "image_size")) or "hidden_sizes" in vars(
            self.config
        ):
            return "frames"
        if hasattr(self.config, "conv_dim") and hasattr(self.config, "conv_stride"):
            return "audio"
        if getattr(self.config, "vocab_size", 0) and not getattr(self.config, "is_encoder_decoder", False):
            return "text"
        raise UsageError(
            f"hf:{self.name} is a {self.config.model_type}, no encoder of images, 16 kHz sound or text that fits here"
        )

    def _pixels(self, said: dict[str, Any]) -> Pixels:
        size = getattr(self.config, "image_size", None) or 224
        mean, std = said.get("image_mean", IMAGENET[0]), said.get("image_std", IMAGENET[1])
        return Pixels(size=int(size if isinstance(size, int) else size[0]), mean=tuple(mean), std=tuple(std))

    def build(self, path: Path | None) -> nn.Module:
        """Return the network, loaded strictly but for parts that its features do not pass through."""
        network = self._load() if path else self._class()._from_config(self.config)
        return {"frames": Seeing, "audio": Hearing, "text": Reading}[self.input](network.float(), self.config)

    def _load(self) -> Any:
        transformers = _transformers()
        kind = self._class()
        extra = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(kind).parameters else {}
        before = transformers.logging.get_verbosity()
        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        try:
            network, said = kind.from_pretrained(
                str(self.folder),
                config=self.config,
                local_files_only=True,
                output_loading_info=True,
                dtype=torch.float32,
                **extra,
            )
        except (OSError, RuntimeError, ValueError, UnpicklingError) as error:
            raise UsageError(f"hf:{self.name}: its files cannot be loaded: {_first(error)}") from error
        finally:
            transformers.logging.set_verbosity(before)
            transformers.utils.logging.enable_progress_bar()
        lost = [name for name in sorted(said["missing_keys"]) if not any(part in name for part in _MAY_MISS)]
        if lost:
            raise UsageError(f"hf:{self.name}: its files lack {len(lost)} parameters, {lost[0]!r} first")
        return network

    def _class(self) -> Any:
        """Return the class of the network without a head."""
        mapping: Any = _transformers().AutoModel._model_mapping
        try:
            found = mapping[type(self.config)]
        except KeyError as error:
            raise UsageError(f"hf:{self.name}: transformers has no encoder for {self.config.model_type}") from error
        return found[0] if isinstance(found, tuple) else found

    def tokens(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens, ``_TOKENS`` of them, -1 past its end."""
        given = self.tokenizer(text, truncation=True, max_length=min(_TOKENS, self._longest()))["input_ids"]
        return [*given, *[-1] * (_TOKENS - len(given))]

    def _longest(self) -> int:
        said = int(getattr(self.config, "max_position_embeddings", _TOKENS))
        # RoBERTa counts positions from behind the padding's number
        return said - 2 if said > 2 else said


class Seeing(nn.Module):
    """Images [U, 3, S, S] to the mean [U, D] over what they are cut into."""

    def __init__(self, network: nn.Module, config: Any) -> None:
        super().__init__()
        self.network = network
        self.frames = int(getattr(config, "num_frames", 0))
        """Of a network of videos, which sees one image as a video that stands still."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the features."""
        if self.frames:
            images = images[:, None].expand(-1, self.frames, -1, -1, -1)
        states: Tensor = self.network(images).last_hidden_state
        return states.mean(dim=1) if states.ndim == 3 else states.flatten(2).mean(dim=2)


class Hearing(nn.Module):
    """Samples [U, N] to hidden states [U, S, D]."""

    def __init__(self, network: nn.Module, config: Any) -> None:
        super().__init__()
        self.network = network
        # masking and dropped layers are for the self-supervised task
        config.apply_spec_augment, config.layerdrop = False, 0.0

    def forward(self, samples: Tensor) -> Tensor:
        """Return the features."""
        states: Tensor = self.network(samples).last_hidden_state
        return states


class Reading(nn.Module):
    """Tokens [U, L], -1 where there is none, to the mean [U, D] over them."""

    def __init__(self, network: nn.Module, config: Any) -> None:
        super().__init__()
        self.network = network
        self.padding = int(getattr(config, "pad_token_id", None) or 0)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the features."""
        there = tokens >= 0
        given = torch.where(there, tokens, torch.full_like(tokens, self.padding))
        states: Tensor = self.network(given, attention_mask=there.long()).last_hidden_state
        weights = there[..., None].to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise UsageError("hf:NAME needs transformers; run: pip install 'abawbench[transformers]'") from error
    return transformers


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
