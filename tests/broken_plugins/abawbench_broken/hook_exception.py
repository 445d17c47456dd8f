"""A plugin whose hook raises."""

from abawbench.contracts import Declaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    raise KeyError("the hook of this plugin is broken")
