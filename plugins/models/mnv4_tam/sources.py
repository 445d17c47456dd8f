"""Where the backbone's parameters come from, and what its files must hold."""

from pathlib import Path

import timm
import torch
from torch import Tensor

from abawbench.contracts import Weights
from abawbench_plugins.models._weights import Source, check_state, describe_sources, find, read_state
from abawbench_plugins.models.mnv4_tam.network import BACKBONE

BUNDLED = Path(__file__).parent / "weights" / "synthetic.safetensors"
HUB = "timm/mobilenetv4_conv_small.e2400_r224_in1k"
SOURCES = (
    Source(
        name="synthetic",
        what="the bundled backbone",
        licence="Apache-2.0",
        trained_on=("abawbench synthetic faces",),
        bundled=BUNDLED,
    ),
    Source(
        name="imagenet",
        what="the ImageNet weights",
        licence="Apache-2.0",
        trained_on=("ImageNet-1k",),
        repository=HUB,
    ),
    Source(name="affectnet", what="the authors' model_best.pth.tar", trained_on=("AffectNet expressions",)),
)
_CLASSIFIER = ("conv_head.", "norm_head.", "classifier.")
"""What an image classifier has behind the features; the mixers take its place."""


def find_weights(spec: str) -> Weights:
    """Return the source a specification names; see ``_weights.find``."""
    return find(spec, SOURCES, "mnv4-tam")


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
        f"give --weights {describe_sources(SOURCES)}",
    )
