"""What the plugins here share: images of one colour, and a small network that names the colour."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.contracts import Clip, Database, LabelledTrack, Labels, Model, Recipe, Task, Track, UsageError, Weights
from abawbench.nn import ClipNetwork, freeze, gather

COLOURS = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250]], dtype=np.uint8)


class ColouredTrack(Track):
    """A person whose frames have the colour of their class; every seventh is not annotated."""

    def __init__(self, split: str, number: int) -> None:
        random = np.random.default_rng([number, len(split)])
        self.id, self.subject, self.rate = f"{split}{number}", f"{split}{number}", 30.0
        self.n_frames = int(random.integers(9, 26))
        self.classes = np.repeat(random.integers(0, 3, 6), 5)[: self.n_frames]

    def frame_mask(self) -> NDArray[np.bool_]:
        return np.ones(self.n_frames, dtype=bool)

    def frames(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        images = np.broadcast_to(COLOURS[self.classes[indices]][:, None, None], (len(indices), 12, 12, 3)).copy()
        return images, np.ones(len(indices), dtype=bool)

    def frame_files(self) -> Sequence[tuple[str, int, int] | None]:
        return [(f"{self.id}/{i}", int(c), 0) for i, c in enumerate(self.classes)]

    def labelled(self) -> LabelledTrack:
        return LabelledTrack(self, Labels(self.classes, np.arange(self.n_frames) % 7 != 6))


class Coloured(Database):
    """Six training and four validation tracks."""

    synthetic = True

    def splits(self, label: str) -> Sequence[str]:
        return ("train", "val") if label == "colour" else ()

    def tracks(self, label: str, split: str) -> Sequence[LabelledTrack]:
        return [ColouredTrack(split, number).labelled() for number in range(6 if split == "train" else 4)]

    def fingerprint(self) -> str:
        return "coloured"


class Head(nn.Module):
    """One linear layer over the features of each frame: logits [B, T, K]."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(6, outputs)

    def forward(self, features: Tensor, index: Tensor) -> Tensor:
        logits: Tensor = self.linear(gather(features.mean(dim=(2, 3)), index))
        return logits


class Small(Model):
    """A frozen random convolution and a trained linear layer."""

    def __init__(self, settings: Recipe) -> None:
        super().__init__(settings)
        self.clip = Clip(length=5, stride=5, size=16)

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        if spec not in (None, "synthetic", "none"):
            raise UsageError(f"unknown weights '{spec}'; give synthetic or none")
        return Weights(source=spec or "synthetic", sha256="0" * 64)

    def embed(self) -> nn.Module:
        """Return the frozen part."""
        return nn.Conv2d(3, 6, 3, stride=2)

    def head(self, outputs: int) -> nn.Module:
        """Return the trained part."""
        return Head(outputs)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        return ClipNetwork(freeze(self.embed()), self.head(len(task.outputs)))
