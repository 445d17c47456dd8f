"""The official baselines on Aff-Wild2: ResNet-50 for valence-arousal, VGGFACE for expressions and action units."""

from abawbench.contracts.declarations import ModelDeclaration
from abawbench.hookspecs import hookimpl

_MODEL = "abawbench_plugins.models.official.model"


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the declarations of ``resnet50-va`` and ``vggface``."""
    return [
        ModelDeclaration(
            name="resnet50-va",
            summary="Official valence-arousal baseline: ResNet-50 and a linear layer",
            build=f"{_MODEL}:ResNet50VA",
            licence="Apache-2.0 (this implementation and timm's weights)",
            weights="ImageNet from timm, or a file of timm's names",
            trained_on=("ImageNet-1k",),
        ),
        ModelDeclaration(
            name="vggface",
            summary="Official expression and action unit baseline: VGG16 with frozen convolutions, MixAugment",
            build=f"{_MODEL}:VGGFace",
            licence="Apache-2.0 (this implementation); VGGFACE is for non-commercial research",
            weights="a VGGFACE file, or torchvision's ImageNet file",
            trained_on=("VGGFACE", "ImageNet-1k"),
        ),
    ]
