"""The runtime ``bf16-autocast``."""

from abawbench.contracts import Declaration, RuntimeDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declaration of ``bf16-autocast``."""
    return [
        RuntimeDeclaration(
            name="bf16-autocast",
            summary="PyTorch with convolutions and products in bfloat16, by autocast.",
            build="abawbench_bf16_autocast.runtime:Bf16AutocastRuntime",
        )
    ]
