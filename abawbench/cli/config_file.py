"""``--config``: the options of a command out of a TOML file, under the same names."""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from abawbench.config import read_toml
from abawbench.contracts.errors import UsageError


def read_options(file: Path, context: click.Context) -> dict[str, Any]:
    """Return the values that a file gives for the options of a command, by the names of its parameters.

    A key is a long option without its dashes. A table stands for an option of ``NAME=VALUE``. Raises UsageError naming
    file and key for what the command has not, and for a value that the option does not take.
    """
    given = read_toml(file)
    known = {
        name.removeprefix("--"): option
        for option in context.command.params
        if isinstance(option, click.Option) and option.name != "config"
        for name in option.opts
        if name.startswith("--")
    }
    found = {}
    for key, value in given.items():
        name = key.replace("_", "-")
        if name not in known:
            near = get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
            raise UsageError(f"{file}: '{context.info_name}' has no option '{key}'; {hint}")
        option = known[name]
        assert option.name is not None
        found[option.name] = _as_typed(option, value)
        try:
            option.type_cast_value(context, found[option.name])
        except click.BadParameter as error:
            raise UsageError(f"{file}: {key}: {error.message}") from error
    return found


def _as_typed(option: click.Option, value: Any) -> Any:
    """Return a value as the command line has it: items of ``NAME=VALUE`` for a table, several for a repeatable one."""
    if not option.multiple:
        return value
    if isinstance(value, Mapping):
        return list(_items(value, as_json=option.name in ("settings", "protocol", "grid")))
    return [str(one) if isinstance(option.type, click.types.StringParamType) else one for one in _list(value)]


def _items(table: Mapping[str, Any], *, as_json: bool, before: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _items(value, as_json=as_json, before=f"{before}{name}.")
        elif as_json:
            yield f"{before}{name}={json.dumps(value)}"
        else:
            yield from (f"{before}{name}={one}" if one != "" else f"{before}{name}" for one in _list(value))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _apply(context: click.Context, parameter: click.Parameter, file: Path | None) -> None:
    if file is not None:
        context.default_map = {**(context.default_map or {}), **read_options(file, context)}


config_file = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_apply,
    help="Take options from a TOML file, under the same names; those of the command line come first.",
)
"""Adds ``--config`` to a command."""
