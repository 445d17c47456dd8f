"""The model that ``onnx:FILE`` stands for: nothing is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from abawbench.contracts import Clip, Model, Recipe, Source, Task, UsageError, Weights
from abawbench.nn import ClipNetwork, freeze
from abawbench_plugins.models._faces import PerImage
from abawbench_plugins.models.multimodal.heads import logits_of
from abawbench_plugins.models.onnx_file.description import Description, Input, read_description
from abawbench_plugins.models.onnx_file.graph import Graph, check_against_onnxruntime, files_of

NEVER = -30.0
"""The logit of what the network does not have."""
UNUSED = "-"


@dataclass(kw_only=True)
class OnnxSettings(Recipe):
    """Nothing is trained, so only ``batch`` matters: clips predicted together."""

    batch: int = 16
    length: int = 8
    """Frames in a clip; each gets an output of its own."""


def build(name: str) -> "type[OnnxFile]":
    """Return the model that ``onnx:FILE`` stands for. Raises UsageError for a missing file or description."""
    path = Path(name.partition(":")[2]).expanduser()
    if not path.is_file():
        raise UsageError(f"{name}: no file at {path}; write onnx:FILE")
    return type("OnnxFile", (OnnxFile,), {"path": path.absolute(), "said": read_description(path)})


class OnnxFile(Model):
    """An exported network of single images; its outputs are taken as the task's by their names."""

    path: ClassVar[Path]
    said: ClassVar[Description]
    sources: ClassVar[tuple[Source, ...]] = ()
    Settings = OnnxSettings
    settings: OnnxSettings

    def __init__(self, settings: OnnxSettings) -> None:
        super().__init__(settings)
        given = self.said.input
        self.clip = Clip(
            length=settings.length, stride=settings.length, size=given.size, mean=given.mean, std=given.std
        )

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return the file and its digest. Raises UsageError for any other."""
        if spec not in (None, "file"):
            raise UsageError(f"{self.name} has no weights {spec!r}, it is its own; leave out --weights")
        digests = [sha256(file.read_bytes()).hexdigest() for file in files_of(self.path)]
        return Weights(
            source="file",
            path=str(self.path),
            sha256=digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest(),
            licence=self.said.licence,
            trained_on=self.said.trained_on,
        )

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the frozen network. Raises UsageError when its outputs are not the task's."""
        said = self.said
        graph = Graph(self.path, said.output.name)
        embed = Arranged(graph, said.input)
        noise = torch.rand(1, 3, said.input.size, said.input.size, generator=torch.Generator().manual_seed(0))
        check_against_onnxruntime(graph, self.path, embed.arrange((noise - 0.5) / 0.25))
        return freeze(ClipNetwork(embed, PerImage(Named(said, task, self.path))))

    def postprocessing(self, task: Task) -> Mapping[str, Any]:
        """Return what the description says."""
        return self.said.postprocessing


class Arranged(nn.Module):
    """A graph whose images are arranged as it wants them."""

    def __init__(self, graph: Graph, given: Input) -> None:
        super().__init__()
        self.graph = graph
        self.last, self.backwards = given.layout == "NHWC", given.colours == "BGR"

    def arrange(self, images: Tensor) -> Tensor:
        """Return images [U, 3, S, S] in the layout and the order of colours of the file."""
        images = images.flip(1) if self.backwards else images
        return images.permute(0, 2, 3, 1).contiguous() if self.last else images

    def forward(self, images: Tensor) -> Tensor:
        """Return what the graph gives [U, K] for images [U, 3, S, S]."""
        found: Tensor = self.graph(self.arrange(images))
        return found.flatten(1).float()


class Named(nn.Module):
    """The network's outputs in the order of the task's."""

    order: Tensor
    missing: Tensor

    def __init__(self, said: Description, task: Task, path: Path) -> None:
        super().__init__()
        names = [name.lower() for name in said.output.names]
        lacks = {name.lower() for name in said.output.lacks}
        lost = [name for name in task.outputs if name.lower() not in names and name.lower() not in lacks]
        strange = [
            name for name in said.output.names if name != UNUSED and name.lower() not in map(str.lower, task.outputs)
        ]
        if lost or strange:
            what = f"gives no {', '.join(lost)}" if lost else f"gives {', '.join(strange)}"
            raise UsageError(
                f"{path} {what}, and task '{task.name}' has {', '.join(task.outputs)}; name the outputs so in its "
                f"model.toml, '{UNUSED}' for those without use, and list under lacks what it does not have"
            )
        self.task, self.scores, self.count = task, said.output.gives == "scores", len(names)
        at = [names.index(name.lower()) if name.lower() in names else 0 for name in task.outputs]
        self.register_buffer("order", torch.tensor(at), persistent=False)
        gone = torch.tensor([name.lower() not in names for name in task.outputs])
        self.register_buffer("missing", gone, persistent=False)

    def forward(self, given: Tensor) -> Tensor:
        """Return logits [U, K] of the task."""
        if given.shape[1] != self.count:
            raise UsageError(f"the network gives {given.shape[1]} numbers, and model.toml names {self.count}")
        chosen = given.index_select(1, self.order)
        logits = logits_of(chosen, self.task) if self.scores else chosen
        return torch.where(self.missing, torch.full_like(logits, NEVER), logits)
