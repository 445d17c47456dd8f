"""Writes ``docs/systems.md``: parameters and MACs of the networks beside those of a reference.

``python tools/systems.py`` writes it anew; a test fails while it is stale.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import EfficientNet_B0_Weights, RegNet_Y_400MF_Weights, ResNet50_Weights, VGG16_Weights

from abawbench.contracts import Model, Weights
from abawbench.harness.measure.counting import count_parameters
from abawbench.harness.measure.examples import FRAME_RATE, example_of
from abawbench.plugins import Plugins
from abawbench_plugins.models.ddamfn.model import DDAMFN, DDAMFNWithCLIP
from abawbench_plugins.models.emotieffnet.model import EmotiEffNet
from abawbench_plugins.models.mnv4_tam.model import MobileNetV4TAM, MobileNetV4TAM1, MobileNetV4TAM2
from abawbench_plugins.models.multimodal.encoders import HEARING, VISION
from abawbench_plugins.models.official.model import ResNet50VA, VGGFace
from abawbench_plugins.models.regnet_vit.model import RegNetViT
from abawbench_plugins.tasks import au

FILE = Path(__file__).parents[1] / "docs" / "systems.md"
NONE = Weights(source="none")
AU = au.task()
CODE = "counted in the authors' code"
CLASSES = 1000

HEAD = """\
# Sizes of the networks

Parameters (frozen ones included) and multiply-accumulates ([cost.md](cost.md)) of the networks that models are made of.
The part that a source publishes is rebuilt from our modules as the source has it, with its input and classifier, and
counted; beside it stands a reference: what the source prints, or what was counted in its code. Everything is computed
by `tools/systems.py`, which writes this page; a test fails while it is stale, or while a figure is not that of
the reference in all its digits.

| model | part | parameters | reference | GMACs | reference | where the reference is from |
| --- | --- | --- | --- | --- | --- | --- |
"""

MIDDLE = """
No source prints figures for the whole of these systems. As they run here, with twelve outputs for action units
(`wav2vec2` and `av-fusion` hear what sounds during 64 frames at 30 per second):

| model | clip | parameters | GMACs per frame |
| --- | --- | --- | --- |
"""

END = """
Where sources are silent on sizes (the transformers of `regnet-vit`, the LSTM of `ddamfn`, the head of `ddamfn-clip`)
the choice stands in the docstring of the model's settings. `ddamfn` has two layers of 26,112 parameters and a BatchNorm
of 16 less than the public code, which never calls them; they are added above to compare. BERT base, which reads
transcripts in `avt-fusion`, is not above: no reference for its size is at hand.
"""


@dataclass(frozen=True)
class Row:
    """A network as its source has it, and the reference: parameters, and GMACs in so many digits."""

    model: str
    what: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    parameters: int
    gmacs: str
    source: str


def network(model: type[Model], **settings: Any) -> Any:
    """Return a model's network for action units, with random parameters."""
    made: Any = model
    # RegNet's widths are worked out with tensors, so it must be built for real; the others need no memory
    with torch.device("cpu" if model is RegNetViT else "meta"):
        return made(made.Settings(**settings)).network(AU, NONE)


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Return a network that takes no memory."""
    with torch.device("meta"):
        return build()


def classified(*parts: nn.Module, features: int) -> nn.Module:
    """Return parts and a layer of a thousand classes, as ImageNet's classifiers have."""
    return nn.Sequential(*parts, nn.Linear(features, CLASSES))


def _regnet() -> nn.Module:
    whole = network(RegNetViT)
    return classified(whole.embed, whole.head.trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten(), features=440)


def _ddamfn() -> nn.Module:
    whole = network(DDAMFN)
    return _Unused(nn.Sequential(whole.embed, whole.head.body, nn.Linear(512, 8)))


class _Unused(nn.Module):
    """DDAMFN with what the public code holds and never calls."""

    def __init__(self, used: nn.Module) -> None:
        super().__init__()
        self.used = used
        heads = [(nn.Conv2d(512, 512, 7, groups=512, bias=False), nn.BatchNorm2d(512)) for _ in range(2)]
        self.unused = nn.ModuleList([*heads[0], *heads[1], nn.BatchNorm1d(8)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits [U, 8] of images [U, 3, 112, 112]."""
        logits: torch.Tensor = self.used(x)
        return logits


def _vgg() -> nn.Module:
    made = VGGFace(VGGFace.Settings())  # type: ignore[arg-type]
    with torch.device("meta"):
        return made.network(replace(AU, outputs=tuple(str(n) for n in range(CLASSES))), NONE)


def _printed(weights: Any) -> tuple[int, str]:
    return weights.meta["num_params"], f"{weights.meta['_ops']:.3f}"


_TORCHVISION = "torchvision's page of its weights"
IMAGE = (1, 3, 224, 224)
ROWS = (
    *(
        Row(
            name,
            f"levels: {levels}, 12 outputs, 8 x 224²",
            lambda model=model: network(model),
            (1, 8, *IMAGE[1:]),
            parameters,
            gmacs,
            f"arXiv 2503.10530, {CODE}",
        )
        for name, model, levels, parameters, gmacs in (
            ("mnv4-tam", MobileNetV4TAM, 3, 4_328_202, "1.7841"),
            ("mnv4-tam-2", MobileNetV4TAM2, 2, 3_065_728, "1.6552"),
            ("mnv4-tam-1", MobileNetV4TAM1, 1, 2_458_614, "1.5905"),
        )
    ),
    Row(
        "emotieffnet",
        "EfficientNet-B0, 1000 classes, 224²",
        lambda: classified(network(EmotiEffNet).embed, features=1280),
        IMAGE,
        *_printed(EfficientNet_B0_Weights.IMAGENET1K_V1),
        _TORCHVISION,
    ),
    Row(
        "regnet-vit",
        "RegNetY-400MF, 1000 classes, 224²",
        _regnet,
        IMAGE,
        *_printed(RegNet_Y_400MF_Weights.IMAGENET1K_V1),
        _TORCHVISION,
    ),
    Row(
        "ddamfn",
        "DDAMFN, 8 classes, 112²",
        _ddamfn,
        (1, 3, 112, 112),
        4_187_936,
        "0.5396",
        f"github.com/SainingZhang/DDAMFN, {CODE}",
    ),
    Row(
        "ddamfn-clip",
        "CLIP ViT-B/32, image part, 224²",
        lambda: network(DDAMFNWithCLIP).embed.second,
        IMAGE,
        87_456_000,
        "4.4084",
        f"transformers' CLIPVisionModel, {CODE}",
    ),
    Row(
        "vit-features",
        "DINO ViT-S/16, no classifier, 224²",
        lambda: on_meta(lambda: VISION.build("full")),
        IMAGE,
        21_665_664,
        "4.5985",
        f"timm's vit_small_patch16_224.dino, {CODE}",
    ),
    Row(
        "wav2vec2",
        "Wav2Vec 2.0 base, 1 s at 16 kHz",
        lambda: on_meta(lambda: HEARING.build("full")),
        (1, 16_000),
        94_371_712,
        "6.9114",
        f"transformers' Wav2Vec2Model, {CODE}",
    ),
    Row(
        "resnet50-va",
        "ResNet-50, 1000 classes, 224²",
        lambda: classified(network(ResNet50VA).embed, features=2048),
        IMAGE,
        *_printed(ResNet50_Weights.IMAGENET1K_V1),
        _TORCHVISION,
    ),
    Row(
        "vggface",
        "VGG16, 1000 classes, 224²",
        _vgg,
        (1, 1, *IMAGE[1:]),
        *_printed(VGG16_Weights.IMAGENET1K_V1),
        _TORCHVISION,
    ),
)
SYSTEMS = (
    "mnv4-tam",
    "mnv4-tam-2",
    "mnv4-tam-1",
    "emotieffnet",
    "regnet-vit",
    "ddamfn",
    "ddamfn-clip",
    "resnet50-va",
    "vggface",
    "vit-features",
    "wav2vec2",
    "av-fusion",
)


def counted(module: nn.Module, *shapes: tuple[int, ...]) -> tuple[int, int]:
    """Return parameters and MACs of a network on one input of each shape; nothing is computed."""
    network = module.to("meta").eval()
    # the fused attention has no formula; cost.md tells how records count
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(*(torch.zeros(shape, device="meta") for shape in shapes))
    return count_parameters(network).total, counter.get_total_flops() // 2


def _seen(model: Model) -> str:
    """Return what a clip of a model is: frames, sound or both."""
    clip = model.clip
    images = f"{clip.length} frame{'s' * (clip.length > 1)} of {clip.size}²"
    sound = f"{clip.length / FRAME_RATE:.1f} s of sound"
    return " and ".join([images] * ("frames" in model.inputs) + [sound] * ("audio" in model.inputs))


def text() -> str:
    """Return the page."""
    lines = [HEAD]
    for row in ROWS:
        parameters, macs = counted(row.build(), row.shape)
        digits = len(row.gmacs.partition(".")[2])
        lines.append(
            f"| `{row.model}` | {row.what} | {parameters:,} | {row.parameters:,} | {macs / 1e9:.{digits}f} "
            f"| {row.gmacs} | {row.source} |\n"
        )
    lines.append(MIDDLE)
    plugins = Plugins(third_party=False)
    for name in SYSTEMS:
        model = plugins.get("model", name).builder()
        built = model(model.Settings())
        clip = built.clip
        parameters, macs = counted(network(model), *(tuple(x.shape) for x in example_of(built, torch.device("meta"))))
        lines.append(f"| `{name}` | {_seen(built)} | {parameters:,} | {macs / clip.length / 1e9:.4f} |\n")
    return "".join([*lines, END])


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
