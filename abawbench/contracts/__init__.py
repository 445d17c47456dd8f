"""The contracts a plugin keeps. Nothing here imports torch, and nothing here imports the harness."""

from abawbench.contracts.dataset import Database, Labels, Track
from abawbench.contracts.declarations import (
    CONTRACT_VERSION,
    DatabaseDeclaration,
    Declaration,
    MetricDeclaration,
    ModelDeclaration,
    RuntimeDeclaration,
    TaskDeclaration,
)
from abawbench.contracts.errors import AbawbenchError, DataError, PluginError, UsageError
from abawbench.contracts.inspection import Count, Expected, Inspection, Part
from abawbench.contracts.metric import Metric
from abawbench.contracts.model import Clip, Model, Predictor, Recipe, Sound, Weights
from abawbench.contracts.runtime import Runtime
from abawbench.contracts.submission import BadRow, Decided, Sheet, Submission, Template
from abawbench.contracts.task import Task

__all__ = [
    "CONTRACT_VERSION",
    "AbawbenchError",
    "BadRow",
    "Clip",
    "Count",
    "DataError",
    "Database",
    "DatabaseDeclaration",
    "Decided",
    "Declaration",
    "Expected",
    "Inspection",
    "Labels",
    "Metric",
    "MetricDeclaration",
    "Model",
    "ModelDeclaration",
    "Part",
    "PluginError",
    "Predictor",
    "Recipe",
    "Runtime",
    "RuntimeDeclaration",
    "Sheet",
    "Sound",
    "Submission",
    "Task",
    "TaskDeclaration",
    "Template",
    "Track",
    "UsageError",
    "Weights",
]
