"""MobileNetV4 with temporal MLP mixers: "Lightweight Models for Emotional Analysis in Video" (arXiv 2503.10530)."""

from abawbench.contracts.declarations import ModelDeclaration
from abawbench.hookspecs import hookimpl

_MODEL = "abawbench_plugins.models.mnv4_tam.model"
_VARIANTS = (
    ("mnv4-tam", "MobileNetV4 small and temporal MLP mixers on its last three maps", "MobileNetV4TAM"),
    ("mnv4-tam-2", "MobileNetV4 small and temporal MLP mixers on its last two maps", "MobileNetV4TAM2"),
    ("mnv4-tam-1", "MobileNetV4 small and one temporal MLP mixer on its last map", "MobileNetV4TAM1"),
)


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the published network and its two smaller variants."""
    return [
        ModelDeclaration(
            name=name,
            summary=summary,
            build=f"{_MODEL}:{builder}",
            licence="Apache-2.0 (this implementation and timm's ImageNet weights)",
            weights="bundled for the synthetic database, ImageNet from timm, or the authors' AffectNet file",
            trained_on=("synthetic", "ImageNet-1k", "AffectNet"),
        )
        for name, summary, builder in _VARIANTS
    ]
