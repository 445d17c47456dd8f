"""What can be had without looking: a constant, draws from the training labels, and draws from nothing."""

from abawbench.contracts.declarations import ModelDeclaration
from abawbench.hookspecs import hookimpl

_MODEL = "abawbench_plugins.models.floors.predictors"
_FLOORS = (
    ("constant", "The mean training label, or the most frequent class, for every frame", "Constant"),
    ("prior", "For every frame the label of a training frame drawn at random", "Prior"),
    ("random", "For every frame numbers drawn evenly from what is possible; learns nothing", "Random"),
)


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the floors: they take no input and have no network, so that their cost is not measured."""
    return [
        ModelDeclaration(
            name=name,
            summary=summary,
            build=f"{_MODEL}:{builder}",
            inputs=(),
            licence="Apache-2.0",
            weights="none to have",
        )
        for name, summary, builder in _FLOORS
    ]
