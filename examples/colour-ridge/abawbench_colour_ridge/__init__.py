"""The model ``colour-ridge``."""

from abawbench.contracts import Declaration, ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declaration of ``colour-ridge``."""
    return [
        ModelDeclaration(
            name="colour-ridge",
            summary="Ridge regression on the mean colours of each face: no network.",
            build="abawbench_colour_ridge.model:ColourRidgeModel",
            licence="Apache-2.0",
            weights="none: fitted to the training tracks",
        )
    ]
