"""The contracts a plugin keeps. Nothing here imports torch, and nothing here imports the harness.

A name is imported when first asked for: a declaration alone needs no numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abawbench.contracts.database import Database, LabelledTrack, Labels, Track
    from abawbench.contracts.declarations import (
        CONTRACT_VERSION,
        Assumption,
        DatabaseDeclaration,
        Declaration,
        MetricDeclaration,
        ModelDeclaration,
        RuntimeDeclaration,
        SuiteDeclaration,
        TaskDeclaration,
    )
    from abawbench.contracts.epoch import EpochEnd
    from abawbench.contracts.errors import AbawbenchError, DataError, PluginError, UsageError
    from abawbench.contracts.inspection import Count, Expected, FileGroup, Inspection
    from abawbench.contracts.metric import Metric
    from abawbench.contracts.model import (
        AUGMENTATIONS,
        BaseSettings,
        Clip,
        Entrant,
        ImageBatch,
        LossOn,
        Model,
        Predictor,
        Recipe,
        Sound,
        Weights,
    )
    from abawbench.contracts.problems import Problem, Problems
    from abawbench.contracts.runtime import Example, Runtime
    from abawbench.contracts.source import Source
    from abawbench.contracts.submission import BadRow, Decided, Sheet, Submission, Template
    from abawbench.contracts.task import Task

__all__ = [
    "AUGMENTATIONS",
    "CONTRACT_VERSION",
    "AbawbenchError",
    "Assumption",
    "BadRow",
    "BaseSettings",
    "Clip",
    "Count",
    "DataError",
    "Database",
    "DatabaseDeclaration",
    "Decided",
    "Declaration",
    "Entrant",
    "EpochEnd",
    "Example",
    "Expected",
    "FileGroup",
    "ImageBatch",
    "Inspection",
    "LabelledTrack",
    "Labels",
    "LossOn",
    "Metric",
    "MetricDeclaration",
    "Model",
    "ModelDeclaration",
    "PluginError",
    "Predictor",
    "Problem",
    "Problems",
    "Recipe",
    "Runtime",
    "RuntimeDeclaration",
    "Sheet",
    "Sound",
    "Source",
    "Submission",
    "SuiteDeclaration",
    "Task",
    "TaskDeclaration",
    "Template",
    "Track",
    "UsageError",
    "Weights",
]

# light modules first: a name is looked for until it is found
_MODULES = (
    "declarations",
    "errors",
    "epoch",
    "database",
    "problems",
    "inspection",
    "metric",
    "model",
    "runtime",
    "source",
    "submission",
    "task",
)


def __getattr__(name: str) -> object:
    """Return a name of ``__all__`` from the module that defines it."""
    if name in __all__:
        for module in _MODULES:
            found = import_module(f"abawbench.contracts.{module}")
            if name in vars(found):
                return vars(found)[name]
    raise AttributeError(f"module 'abawbench.contracts' has no attribute '{name}'")
