"""abawbench: a benchmark suite for affective behaviour analysis. Importing it is cheap.

>>> import abawbench
>>> records = abawbench.run(model="mnv4-tam", task="all")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

from abawbench._version import __version__
from abawbench.contracts.errors import AbawbenchError, DataError, JobError, JobWarning, PluginError, UsageError

if TYPE_CHECKING:
    from abawbench import plot
    from abawbench.api import export, load_run, open_database, profile, run, score, submit
    from abawbench.frames import read
    from abawbench.harness.request.databases import Sources
    from abawbench.harness.request.jobs import Machine
    from abawbench.harness.request.protocol import Protocol
    from abawbench.hookspecs import hookimpl
    from abawbench.records.record import Record, Records
    from abawbench.system.cache import cache_folder
    from abawbench.system.limits import Limits
    from abawbench.system.locks import hold_alone, hold_shared, remove_abandoned
    from abawbench.system.processes import map_in_processes
    from abawbench.weights.obtain import fetch_weights

__all__ = [
    "AbawbenchError",
    "DataError",
    "JobError",
    "JobWarning",
    "Limits",
    "Machine",
    "PluginError",
    "Protocol",
    "Record",
    "Records",
    "Sources",
    "UsageError",
    "__version__",
    "cache_folder",
    "export",
    "fetch_weights",
    "hold_alone",
    "hold_shared",
    "hookimpl",
    "load_run",
    "map_in_processes",
    "open_database",
    "plot",
    "profile",
    "read",
    "remove_abandoned",
    "run",
    "score",
    "submit",
]

_HOMES = {
    "Limits": "system.limits",
    "Machine": "harness.request.jobs",
    "Protocol": "harness.request.protocol",
    "Record": "records.record",
    "Records": "records.record",
    "Sources": "harness.request.databases",
    "cache_folder": "system.cache",
    "fetch_weights": "weights.obtain",
    "hold_alone": "system.locks",
    "hold_shared": "system.locks",
    "hookimpl": "hookspecs",
    "map_in_processes": "system.processes",
    "read": "frames",
    "remove_abandoned": "system.locks",
}
"""Name -> the module it comes from; all others are in ``api``."""


def __getattr__(name: str) -> object:
    """Return a public name, imported when first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'abawbench' has no attribute '{name}'")
    if name == "plot":
        return import_module("abawbench.plot")
    return getattr(import_module(f"abawbench.{_HOMES.get(name, 'api')}"), name)
