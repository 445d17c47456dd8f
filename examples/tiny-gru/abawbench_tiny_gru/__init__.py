"""The model ``tiny-gru``."""

from abawbench.contracts import ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the declaration of ``tiny-gru``."""
    return [
        ModelDeclaration(
            name="tiny-gru",
            summary="A few convolutions per frame and a GRU over the clip, trained from nothing.",
            build="abawbench_tiny_gru.model:TinyGruModel",
            licence="Apache-2.0",
            weights="none: trained from random parameters",
        )
    ]
