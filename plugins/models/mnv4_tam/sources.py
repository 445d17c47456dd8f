"""Where the backbone's parameters come from, and what its files must hold."""

import timm
import torch
from torch import Tensor

from abawbench.contracts import Weights
from abawbench_plugins.models._sources import MNV4_TAM
from abawbench_plugins.models._weights import check_state, describe_sources, find, read_state
from abawbench_plugins.models.mnv4_tam.network import BACKBONE

_CLASSIFIER = ("conv_head.", "norm_head.", "classifier.")
"""What an image classifier has behind the features; the mixers take its place."""


def find_weights(spec: str) -> Weights:
    """Return the source a specification names; see ``_weights.find``."""
    return find(spec, MNV4_TAM, "mnv4-tam")


def read_backbone(weights: Weights) -> dict[str, Tensor] | None:
    """Return the backbone's parameters under timm's names; None for ``none``. Raises UsageError for a foreign file."""
    if weights.path is None:
        return None
    state = read_state(weights.path)
    with torch.device("meta"):
        expected = timm.create_model(BACKBONE, features_only=True, pretrained=False).state_dict()
    return check_state(
        {name: value for name, value in state.items() if not name.startswith(_CLASSIFIER)},
        expected,
        weights.path,
        f"timm's {BACKBONE}",
        f"give --weights {describe_sources(MNV4_TAM)}",
    )
