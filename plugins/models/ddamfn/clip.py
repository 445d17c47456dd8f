"""CLIP's image features, from images that were prepared for another network."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from abawbench.contracts import UsageError

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Mean and standard deviation of pixels, as each was trained."""
TINY: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
    "image_size": 32, "patch_size": 16,
}  # fmt: skip


class CLIPImages(nn.Module):
    """CLIP's vision transformer (ViT-B/32): pooled features [U, features] of images as ImageNet prepares them."""

    def __init__(self, size: str) -> None:
        super().__init__()
        try:
            from transformers import CLIPVisionConfig, CLIPVisionModel
        except ImportError as error:
            raise UsageError("CLIP needs transformers: pip install 'abawbench[transformers]'") from error
        config: Any = CLIPVisionConfig(**(TINY if size == "tiny" else {}))
        self.vision: Any = CLIPVisionModel(config)
        self.features = int(config.hidden_size)
        self.side = int(config.image_size)
        for name, values in zip(("mean", "std", "clip_mean", "clip_std"), (*IMAGENET, *CLIP), strict=True):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return features [U, features] of images [U, 3, S, S], resized to what CLIP was trained on."""
        pixels = images * self.get_buffer("std") + self.get_buffer("mean")
        if pixels.shape[-1] != self.side:
            pixels = functional.interpolate(pixels, (self.side, self.side), mode="bilinear", align_corners=False)
        given = (pixels - self.get_buffer("clip_mean")) / self.get_buffer("clip_std")
        pooled: Tensor = self.vision(given).pooler_output
        return pooled
