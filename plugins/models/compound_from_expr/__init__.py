"""Zero-shot compound expressions: the mean of two expressions' probabilities, from any expression model."""

from abawbench.contracts.declarations import ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the declaration of ``compound-from-expr``."""
    return [
        ModelDeclaration(
            name="compound-from-expr",
            summary="Compound expressions without training: means of two expressions' probabilities",
            build="abawbench_plugins.models.compound_from_expr.model:CompoundFromExpr",
            licence="Apache-2.0 (this implementation); the expression model has its own",
            weights="a trained run of an expression model (run=FOLDER), or EmotiEffLib's AffectNet classifier",
            trained_on=("what the expression model was trained on",),
        )
    ]
