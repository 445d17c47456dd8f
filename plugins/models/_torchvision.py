"""ImageNet weights of torchvision: from a file or from torch's cache; torchvision's names carry half of the digest."""

from pathlib import Path

import torch

from abawbench.contracts import UsageError, Weights
from abawbench_plugins.models._weights import Source, find

IMAGENET = {
    "regnet_y_400mf": "regnet_y_400mf-c65dace8.pth",
    "vgg16": "vgg16-397923af.pth",
}
"""Network -> file name at its publisher; the part behind the dash is the start of the file's SHA-256."""
ADDRESS = "https://download.pytorch.org/models/"


def source(name: str) -> Source:
    """Return the source ``imagenet`` of a file of torchvision."""
    return Source(name="imagenet", what=f"torchvision's {name}", licence="BSD-3-Clause", trained_on=("ImageNet-1k",))


def find_torchvision(spec: str, file: str, model: str, others: tuple[Source, ...] = ()) -> Weights:
    """Return what ``--weights SPEC`` names; ``imagenet`` alone is torchvision's file in torch's cache.

    Raises UsageError when it is not there, with the command that fetches it, and when its digest is not its name's.
    """
    sources = (source(file), *others)
    if spec != "imagenet":
        return find(spec, sources, model)
    path = Path(torch.hub.get_dir()).expanduser() / "checkpoints" / file
    if not path.is_file():
        raise UsageError(
            f"torchvision's weights {path} are not here; run `curl -LO {ADDRESS}{file}` on a machine with a connection "
            "and copy the file there, or give --weights imagenet=FILE or none"
        )
    weights = find(f"imagenet={path}", sources, model)
    start = path.stem.rpartition("-")[2]
    if not str(weights.sha256).startswith(start):
        raise UsageError(f"{path} is damaged: its SHA-256 does not start with {start}; fetch it anew")
    return weights
