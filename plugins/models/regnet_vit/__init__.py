"""Regnet-ViT: a video transformer over RegNet features (Vu, Huynh, Nguyen, Kim; arXiv 2303.09917)."""

from abawbench.contracts.declarations import ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the declaration of ``regnet-vit``."""
    return [
        ModelDeclaration(
            name="regnet-vit",
            summary="RegNetY-400MF per frame, a temporal and a spatial transformer, averaged",
            build="abawbench_plugins.models.regnet_vit.model:RegNetViT",
            licence="Apache-2.0 (this implementation), BSD-3-Clause (torchvision's weights)",
            weights="torchvision's ImageNet file, given by path or from torch's cache",
            trained_on=("ImageNet-1k",),
        )
    ]
