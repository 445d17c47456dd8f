"""EmotiEffNet: EfficientNet-B0 trained on AffectNet, with a small head per task (Savchenko, EmotiEffLib)."""

from abawbench.contracts.declarations import ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the declaration of ``emotieffnet``."""
    return [
        ModelDeclaration(
            name="emotieffnet",
            summary="EfficientNet-B0 of EmotiEffLib, frozen, and a small head per task",
            build="abawbench_plugins.models.emotieffnet.model:EmotiEffNet",
            licence="Apache-2.0 (this implementation and EmotiEffLib's weights)",
            weights="the ONNX file that EmotiEffLib keeps, a file of timm names, or ImageNet from timm",
            trained_on=("AffectNet", "ImageNet-1k", "JFT-300M"),
        )
    ]
