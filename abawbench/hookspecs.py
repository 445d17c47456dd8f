"""The hook a plugin implements: the one page to read before writing one.

A plugin is a module named by an entry point of the group ``abawbench``::

    [project.entry-points.abawbench]
    my-model = "my_package.plugin"

It implements the hook with ``@hookimpl`` and returns declarations: names and import paths, never live objects. The
module itself imports no torch, timm or transformers.
"""

from collections.abc import Iterable

import pluggy

from abawbench.contracts.declarations import Declaration

hookspec = pluggy.HookspecMarker("abawbench")
hookimpl = pluggy.HookimplMarker("abawbench")


@hookspec
def abawbench_plugins() -> Iterable[Declaration]:
    """Return what this plugin adds: models, tasks, databases, metrics, runtimes and suites, in any order."""
    raise NotImplementedError
