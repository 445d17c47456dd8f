"""The hooks a plugin implements: the one page to read before writing one.

A plugin is a module named by an entry point of the group ``abawbench``::

    [project.entry-points.abawbench]
    my-model = "my_package.plugin"

It implements any of these with ``@hookimpl`` and returns declarations: names and import paths, never live objects.
The module itself imports no torch, timm or transformers.
"""

from collections.abc import Iterable

import pluggy

from abawbench.contracts.declarations import (
    DatabaseDeclaration,
    MetricDeclaration,
    ModelDeclaration,
    RuntimeDeclaration,
    TaskDeclaration,
)

hookspec = pluggy.HookspecMarker("abawbench")
hookimpl = pluggy.HookimplMarker("abawbench")


@hookspec
def abawbench_tasks() -> Iterable[TaskDeclaration]:
    """Return the tasks this plugin adds."""
    raise NotImplementedError


@hookspec
def abawbench_metrics() -> Iterable[MetricDeclaration]:
    """Return the metrics this plugin adds."""
    raise NotImplementedError


@hookspec
def abawbench_databases() -> Iterable[DatabaseDeclaration]:
    """Return the databases this plugin can read."""
    raise NotImplementedError


@hookspec
def abawbench_models() -> Iterable[ModelDeclaration]:
    """Return the models this plugin adds."""
    raise NotImplementedError


@hookspec
def abawbench_runtimes() -> Iterable[RuntimeDeclaration]:
    """Return the runtimes this plugin adds."""
    raise NotImplementedError
