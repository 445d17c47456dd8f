"""``timm:NAME``: an image encoder of timm."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import timm
from torch import nn

from abawbench.contracts import Source, UsageError
from abawbench_plugins.models._weights import read_state
from abawbench_plugins.models.encoders.parts import Encoder, Pixels


class TimmEncoder(Encoder):
    """timm's pooled features, without the classifier."""

    input = "frames"

    def __init__(self, name: str) -> None:
        self.name = name
        if not timm.is_model(name):
            near = get_close_matches(name.partition(".")[0], timm.list_models(), n=3)
            hint = f"did you mean {' or '.join(f'timm:{one}' for one in near)}?" if near else "see timm.list_models()"
            raise UsageError(f"timm has no model '{name}'; {hint}")
        try:
            config: Any = timm.get_pretrained_cfg(name)
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"timm has no weights '{name}': {error}") from error
        self.source = Source(
            name=f"timm:{name}",
            what=f"timm's {name}",
            licence=config.license if config else None,
            trained_on=(f"what timm's {config.tag or name} was trained on",) if config else (),
            repository=config.hf_hub_id if config else None,
            files=(config.hf_hub_filename or "model.safetensors|pytorch_model.bin",) if config else (),
        )
        size = config.input_size[-1] if config else 224
        mean, std = (tuple(config.mean), tuple(config.std)) if config else Pixels(size=size).__dict__.values()
        self.pixels = Pixels(size=size, mean=mean, std=std)

    def open(self, path: Path | None) -> None:
        """Learn the width of the features."""
        import torch

        with torch.device("meta"):
            network: Any = timm.create_model(self.name, pretrained=False, num_classes=0)
            self.dims = int(network.num_features)

    def build(self, path: Path | None) -> nn.Module:
        """Return the network, its parameters read strictly, the classifier's too before it goes."""
        try:
            given: dict[str, Any] = {"pretrained_cfg_overlay": {"state_dict": read_state(path)}} if path else {}
            network: Any = timm.create_model(self.name, pretrained=path is not None, **given)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[0]
            raise UsageError(f"{path} does not hold timm's {self.name}: {first}; fetch it anew") from error
        network.reset_classifier(0)
        return Pooled(network)


class Pooled(nn.Module):
    """timm's features as one vector per image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Any) -> Any:
        """Return the features [U, D] of images [U, 3, S, S]."""
        found = self.network(images)
        return found if found.ndim == 2 else found.flatten(1)
