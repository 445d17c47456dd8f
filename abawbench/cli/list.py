"""``abawbench list``: which plugins there are, and which failed to load."""

import json

import click

from abawbench.cli import options
from abawbench.contracts.declarations import Declaration
from abawbench.plugins import KINDS, SUITE, Plugin, Plugins, default_plugins
from abawbench.system.text import plain

PLURALS = {
    "tasks": "task",
    "databases": "database",
    "models": "model",
    "metrics": "metric",
    "runtimes": "runtime",
    "suites": "suite",
}
SHOWN = ("inputs", "licence", "weights", "trained_on", "tasks", "format", "extra", "missing")
EPILOG = """\b
Examples:
  abawbench list
  abawbench list models
  abawbench list tasks --json
  abawbench list assumptions
      facts that are not certain, and what --assume may choose
"""


LEAST = 16
"""Characters of the summaries, however narrow the terminal."""


@click.command("list", epilog=EPILOG)
@click.argument("what", type=click.Choice([*PLURALS, "assumptions", "all"]), default="all")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@options.csv_output
def list_plugins(what: str, as_json: bool, as_csv: bool) -> int:
    """Show every plugin and those that failed to load.

    Kind, name, one line, distribution and version of each; 'assumptions' shows the facts that are not certain and how
    each can be taken.
    """
    plugins = default_plugins()
    if what == "assumptions":
        return _list_assumptions(plugins, as_json, as_csv)
    kinds = [*KINDS, SUITE] if what == "all" else [PLURALS[what]]
    found = [plugin for kind in kinds for plugin in plugins.all(kind)]
    if as_json:
        failures = [vars(failure) for failure in plugins.failures]
        callbacks = [str(one) for one in plugins.callbacks()]
        click.echo(
            json.dumps({"plugins": [_fields(p) for p in found], "callbacks": callbacks, "failures": failures}, indent=2)
        )
        return 0
    if as_csv:
        options.print_csv([_fields(plugin) for plugin in found])
        return 0
    from tabulate import tabulate

    rows = [[p.kind, plain(p.name), plain(_summary(p)), plain(p.distribution), plain(p.version)] for p in found]
    headers = ["kind", "name", "what it is", "distribution", "version"]
    width = options.terminal_width()
    # tabulate pads headings
    columns = [[f"{heading}  ", *cells] for heading, *cells in zip(headers, *rows, strict=True)]
    taken = sum(max(map(len, cells)) + 2 for place, cells in enumerate(columns) if place != 2)
    room = None if width is None else max(width - taken, LEAST)  # of the only column that may go on below
    click.echo(tabulate(rows, headers, disable_numparse=True, maxcolwidths=[None, None, room, None, None]))
    for callback in plugins.callbacks():
        click.echo(plain(f"follows every run: {callback}"))
    for failure in plugins.failures:
        click.echo(f"warning: {plain(str(failure))}", err=True)
    return 0


def _list_assumptions(plugins: Plugins, as_json: bool, as_csv: bool) -> int:
    from abawbench.harness.request.assumptions import all_assumptions

    found = list(all_assumptions(plugins).values())
    if as_json:
        click.echo(json.dumps([vars(assumption) for assumption in found], indent=2))
        return 0
    if as_csv:
        options.print_csv([vars(one) for one in found])
        return 0
    for assumption in found:
        first, *others = assumption.values
        click.echo(plain(f"{assumption.name}={first} (or {', '.join(others)})"))
        click.echo(f"    {plain(assumption.fact)}\n    {plain(assumption.source)}")
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
