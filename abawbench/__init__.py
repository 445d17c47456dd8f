"""abawbench: a benchmark suite for affective behaviour analysis. Importing it is cheap.

>>> import abawbench
>>> records = abawbench.run(model="mnv4-tam", task="all")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from abawbench.contracts.errors import AbawbenchError, DataError, PluginError, UsageError

if TYPE_CHECKING:
    from abawbench.api import export, load_run, profile, run, score, submit
    from abawbench.hookspecs import hookimpl
    from abawbench.results.record import Record

__version__ = "0.1.0"
__all__ = [
    "AbawbenchError",
    "DataError",
    "PluginError",
    "Record",
    "UsageError",
    "__version__",
    "export",
    "hookimpl",
    "load_run",
    "profile",
    "run",
    "score",
    "submit",
]


def __getattr__(name: str) -> object:
    """Return a function of the API, ``hookimpl`` or ``Record``, imported when first asked for."""
    if name in ("export", "load_run", "profile", "run", "score", "submit"):
        from abawbench import api

        return getattr(api, name)
    if name == "hookimpl":
        from abawbench.hookspecs import hookimpl

        return hookimpl
    if name == "Record":
        from abawbench.results.record import Record

        return Record
    raise AttributeError(f"module 'abawbench' has no attribute '{name}'")
