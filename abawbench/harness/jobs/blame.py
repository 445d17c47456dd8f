"""Whose code was at work when a job failed: by the traceback, by what a crash left behind, else by the phase."""

import re
import traceback
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from abawbench.plugins import FIRST_PARTY, Plugin

_OURS = "abawbench_plugins"
_ROOMS = {"tasks": "task", "databases": "database", "models": "model", "metrics": "metric", "runtimes": "runtime"}
"""Folders of our own plugins, whose modules they share."""
_DUMPED = re.compile(rb'^  File "([^"\n]+)", line \d+', re.MULTILINE)
_DUMP = re.compile(rb"^(?:Current thread|Thread) 0x[0-9a-f]+[^\n]*\n(?:  File [^\n]*\n?)+", re.MULTILINE)


def blame_exception(error: BaseException, took_part: Sequence[Plugin], at_work: Plugin | None = None) -> Plugin | None:
    """Return the plugin whose code is deepest in the traceback of an error, None where it is nobody's.

    Of several in one module it is the one at work.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in frames]
    return _first(reversed(modules), _suspects(took_part, at_work))


def blame_crash(printed: bytes, took_part: Sequence[Plugin], at_work: Plugin | None = None) -> Plugin | None:
    """Return the plugin whose code a crash was in, by the last dump of faulthandler among what was printed.

    Of several in one module it is the one at work.
    """
    dumps = _DUMP.findall(printed)
    current = [dump for dump in dumps if dump.startswith(b"Current")] or dumps
    if not current:
        return None
    files = [Path(path.decode(errors="replace")) for path in _DUMPED.findall(current[-1])]
    modules = (module for file in files if (module := _module_of(file, took_part)))
    return _first(modules, _suspects(took_part, at_work))


def _suspects(took_part: Sequence[Plugin], at_work: Plugin | None) -> list[Plugin]:
    return sorted(took_part, key=lambda plugin: plugin != at_work)


def _first(modules: Iterable[str], took_part: Sequence[Plugin]) -> Plugin | None:
    """Return the plugin that the first module of anybody belongs to; modules stand from the deepest call outwards."""
    for module in modules:
        owner = next((p for p in took_part if module == _builder(p)), None)
        owner = owner or next((p for p in took_part if _shares(module, p)), None)
        if owner is not None:
            return owner
    return None


def _builder(plugin: Plugin) -> str:
    return plugin.declaration.build.partition(":")[0]


def _shares(module: str, plugin: Plugin) -> bool:
    """Return whether a module is a helper of a plugin: of its package or, among ours, of its kind."""
    if plugin.distribution == FIRST_PARTY:
        top, _, rest = module.partition(".")
        return top == _OURS and _ROOMS.get(rest.partition(".")[0]) == plugin.kind
    top = _builder(plugin).partition(".")[0]
    return module.partition(".")[0] == top


def _module_of(file: Path, took_part: Sequence[Plugin]) -> str | None:
    """Return the dotted name of a file below the packages of the plugins; nothing is imported to find out."""
    for top in dict.fromkeys(_builder(plugin).partition(".")[0] for plugin in took_part):
        try:
            spec = find_spec(top)
        except (ImportError, ValueError):
            continue
        if spec is None:
            continue
        for folder in spec.submodule_search_locations or ():
            if file.is_relative_to(folder):
                inner = file.relative_to(folder).with_suffix("").parts
                return ".".join((top, *(inner[:-1] if inner[-1] == "__init__" else inner)))
        if spec.origin and Path(spec.origin) == file:
            return top
    return None
