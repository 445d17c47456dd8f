"""The model ``tiny-gru``."""

from abawbench.contracts import Declaration, ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declaration of ``tiny-gru``."""
    return [
        ModelDeclaration(
            name="tiny-gru",
            summary="A few convolutions per frame and a GRU over the clip.",
            build="abawbench_tiny_gru.model:TinyGruModel",
            licence="Apache-2.0",
            weights="none: trained from random parameters",
        )
    ]
