"""``abawbench list``: which plugins there are, and which failed to load."""

import json

import click

from abawbench.contracts.declarations import Declaration
from abawbench.plugins import KINDS, Plugin, Plugins, default_plugins
from abawbench.system.text import plain

PLURALS = {
    "tasks": "task",
    "databases": "database",
    "datasets": "database",
    "models": "model",
    "metrics": "metric",
    "runtimes": "runtime",
}
SHOWN = ("inputs", "licence", "weights", "trained_on", "in_all", "format", "extra", "missing")
EPILOG = """\b
Examples:
  abawbench list
  abawbench list models
  abawbench list tasks --json
  abawbench list readings
      facts that are not certain, and what --reading may choose
"""


@click.command("list", epilog=EPILOG)
@click.argument("what", type=click.Choice([*PLURALS, "readings", "all"]), default="all")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def list_plugins(what: str, as_json: bool) -> int:
    """Show every plugin and those that failed to load.

    Kind, name, one line, distribution and version of each; 'readings' shows the facts that are not certain and how each
    can be taken.
    """
    plugins = default_plugins()
    if what == "readings":
        return _list_readings(plugins, as_json)
    kinds = list(KINDS) if what == "all" else [PLURALS[what]]
    found = [plugin for kind in kinds for plugin in plugins.all(kind)]
    if as_json:
        failures = [vars(failure) for failure in plugins.failures]
        click.echo(json.dumps({"plugins": [_fields(p) for p in found], "failures": failures}, indent=2))
        return 0
    from tabulate import tabulate

    rows = [[p.kind, plain(p.name), plain(_summary(p)), plain(p.distribution), plain(p.version)] for p in found]
    click.echo(tabulate(rows, headers=["kind", "name", "what it is", "distribution", "version"]))
    for failure in plugins.failures:
        click.echo(f"warning: {plain(str(failure))}", err=True)
    return 0


def _list_readings(plugins: Plugins, as_json: bool) -> int:
    from abawbench.harness.request.assumptions import all_readings

    found = list(all_readings(plugins).values())
    if as_json:
        click.echo(json.dumps([vars(reading) for reading in found], indent=2))
        return 0
    for reading in found:
        first, *others = reading.values
        click.echo(plain(f"{reading.name}={first} (or {', '.join(others)})"))
        click.echo(f"    {plain(reading.fact)}\n    {plain(reading.source)}")
    return 0


def _summary(plugin: Plugin) -> str:
    absent = f" (not installed: {plugin.installation})" if plugin.declaration.missing else ""
    return f"{plugin.declaration.summary}{absent}"


def _fields(plugin: Plugin) -> dict[str, object]:
    declaration: Declaration = plugin.declaration
    more = {name: getattr(declaration, name) for name in SHOWN if hasattr(declaration, name)}
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "summary": declaration.summary,
        "distribution": plugin.distribution,
        "version": plugin.version,
        **more,
    }
