"""From the probabilities of expressions to those of their compounds."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from abawbench.contracts import UsageError
from abawbench.nn import Features

AFFECTNET = ("Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise")
"""The classes of EmotiEffLib's networks, in their order."""
WORDS = {
    "Fearfully": "Fear",
    "Happily": "Happiness",
    "Sadly": "Sadness",
    "Disgustedly": "Disgust",
    "Angrily": "Anger",
    "Surprised": "Surprise",
    "Fearful": "Fear",
    "Angry": "Anger",
}
"""How the names of compounds call their parts."""


def components(outputs: Sequence[str], classes: Sequence[str]) -> list[tuple[int, int]]:
    """Return for each compound the places of its two parts among the classes of an expression model.

    >>> components(["Sadly_Angry"], ["Neutral", "Anger", "Sadness"])
    [(2, 1)]

    Raises UsageError when an output is no compound of two of them.
    """
    found = []
    for output in outputs:
        parts = [WORDS.get(word) for word in output.split("_")]
        if len(parts) != 2 or any(part not in classes for part in parts):
            raise UsageError(
                f"compound-from-expr predicts compounds of two expressions only, and '{output}' is none; use --task ce"
            )
        first, second = (list(classes).index(str(part)) for part in parts)
        found.append((first, second))
    return found


class Compound(nn.Module):
    """An expression head, and the means of the probabilities of two classes."""

    def __init__(self, head: nn.Module, parts: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.head = head
        self.parts: Tensor
        self.register_buffer("parts", torch.tensor(parts), persistent=False)

    def forward(self, features: Features, index: Tensor) -> Tensor:
        """Return logits [B, K] or [B, T, K] whose softmax is those means, scaled to sum to 1."""
        probabilities = torch.softmax(self.head(features, index), dim=-1)
        return probabilities[..., self.parts].mean(dim=-1).clamp_min(1e-12).log()
