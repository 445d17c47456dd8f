"""The hooks a plugin implements: the one page to read before writing one.

A plugin is a module named by an entry point of the group ``abawbench``::

    [project.entry-points.abawbench]
    my-model = "my_package.plugin"

It implements ``abawbench_plugins`` with ``@hookimpl`` and returns declarations: names and import paths, never live
objects. The module itself imports no torch, timm or transformers.

It may follow runs, too, with ``on_epoch`` and ``on_result``. These are called in the process of the job, of which they
can change nothing: they are given copies, random numbers that they draw change none of the run's, and one that raises
is named, called no more, and costs no result. Each takes as many of the arguments as it names.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pluggy

from abawbench.contracts.declarations import Declaration
from abawbench.contracts.epoch import EpochEnd

hookspec = pluggy.HookspecMarker("abawbench")
hookimpl = pluggy.HookimplMarker("abawbench")


@hookspec
def abawbench_plugins() -> Iterable[Declaration]:
    """Return what this plugin adds: models, tasks, databases, metrics, runtimes and suites, in any order."""
    raise NotImplementedError


@hookspec
def on_epoch(event: EpochEnd) -> None:
    """Hear that an epoch of training is over. Of a run that goes on from a checkpoint the earlier ones are not told."""


@hookspec
def on_result(record: Mapping[str, Any], folder: Path) -> None:
    """Hear that a result is written.

    ``record`` is what ``result.json`` in ``folder`` holds; the reference of the record explains its fields. A result
    that is read back, and a job that gave none, are not told.
    """
