"""Where the parameters of DDAMFN and of CLIP come from, and what their files must hold."""

import hashlib

import torch
from torch import Tensor, nn

from abawbench.contracts import UsageError, Weights
from abawbench_plugins.models._sources import CLIP
from abawbench_plugins.models._sources import DDAMFN_AFFECTNET as AFFECTNET
from abawbench_plugins.models._weights import NONE, check_state, find, read_state
from abawbench_plugins.models.ddamfn.clip import CLIPImages
from abawbench_plugins.models.ddamfn.features import SIZES, build_mixed_feature_net
from abawbench_plugins.models.ddamfn.network import UNUSED, DualAttention


def find_weights(spec: str) -> Weights:
    """Return what ``--weights affectnet=FILE`` or ``none`` names."""
    return find(spec, (AFFECTNET,), "ddamfn")


def find_both(spec: str) -> Weights:
    """Return what ``--weights affectnet=FILE``, ``affectnet=FILE,clip=FILE`` or ``none`` names, as one.

    CLIP comes from the local cache of the hub unless a file is given; the digest is that of both digests. Raises
    UsageError for what is not there, with the command that fetches it.
    """
    if spec == NONE.source:
        return NONE
    face, _, clip = spec.partition(",clip")
    both = find(face, (AFFECTNET,), "ddamfn-clip"), find(f"clip{clip}", (CLIP,), "ddamfn-clip")
    return Weights(
        source=spec,
        path=both[0].path,
        sha256=hashlib.sha256("".join(str(one.sha256) for one in both).encode()).hexdigest(),
        licence=f"{CLIP.licence} (CLIP); none named (DDAMFN)",
        trained_on=tuple(seen for one in both for seen in one.trained_on),
        parts=both,
    )


def read_network(weights: Weights) -> dict[str, Tensor] | None:
    """Return DDAMFN's parameters under their public names, without those not used; None for ``none``.

    Raises UsageError for a file that holds anything else.
    """
    if weights.path is None:
        return None
    with torch.device("meta"):
        features, attention = build_mixed_feature_net(SIZES["full"]), DualAttention(SIZES["full"].out, 7)
    expected = {f"features.{n}": v for n, v in features.state_dict().items()} | attention.state_dict()
    state = {n: v for n, v in read_state(weights.path).items() if not n.startswith(UNUSED)}
    return check_state(state, expected, weights.path, "DDAMFN", f"give --weights {AFFECTNET.spec} or none")


def read_clip(weights: Weights) -> nn.Module:
    """Return CLIP's vision network with the parameters that the weights of both name. Raises UsageError."""
    network = CLIPImages("full")
    path, inside = str(weights.parts[1].path), "vision_model."
    # transformers 4 and 5 name the same parameters with and without the prefix
    ours = {name.removeprefix(inside): name for name in network.vision.state_dict()}
    state = {n.removeprefix(inside): v for n, v in read_state(path).items() if n.startswith(inside)}
    # older files hold the positions' numbers too, which are no parameters
    state = {name: value for name, value in state.items() if not name.endswith("position_ids")}
    expected = {name: network.vision.state_dict()[own] for name, own in ours.items()}
    found = check_state(state, expected, path, "CLIP ViT-B/32", "give --weights affectnet=FILE,clip=FILE")
    network.vision.load_state_dict({ours[name]: value for name, value in found.items()})
    return network


def require_full(weights: Weights, image: int) -> None:
    """Raise UsageError unless the network has the size that the public weights fit."""
    if weights.path is not None and image != 112:
        raise UsageError(f"DDAMFN's weights are of faces of 112 pixels, not {image}; leave out --set image=...")
