"""A plugin whose hook raises."""

from abawbench.contracts import ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    raise KeyError("the hook of this plugin is broken")
