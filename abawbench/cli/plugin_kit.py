"""``abawbench new-plugin`` and ``abawbench check``: start a plugin, and check it against its contract."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import click

from abawbench.cli import options
from abawbench.plugins import KINDS
from abawbench.scaffold import EXAMPLES
from abawbench.scaffold import KINDS as PLUGIN_KINDS
from abawbench.system.text import plain

CHECK_EPILOG = """\b
Examples:
  abawbench check my-model
  abawbench check my-database --kind database --root /data/mine
  abawbench check my-distribution
      every plugin of an installed distribution, with those that do not load
  abawbench check my-model --json

Each check runs in a process of its own: one that hangs or crashes is told as such.

Exit status: 0 every check passed, 1 some failed, 2 no such plugin.
"""
COLOURS = {"passed": "green", "failed": "red"}


@click.command(epilog=CHECK_EPILOG)
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), help="Where one name stands for plugins of several kinds.")
@click.option("--root", "roots", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="Where a copy of the database lies. Repeatable.")  # fmt: skip
@click.option("--time-limit", default=120.0, show_default=True, help="Seconds that one check may take.")
@click.option("--memory-limit", default=4.0, show_default=True, help="GiB that the plugin may hold.")
@options.json_output
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one row a check.")
def check(
    name: str,
    kind: str | None,
    roots: tuple[Path, ...],
    time_limit: float,
    memory_limit: float,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Check a plugin against its contract."""
    from abawbench.contracts.errors import UsageError
    from abawbench.testing.checks import CheckResult
    from abawbench.testing.run import ALLOWANCE, run_checks

    plugin = ""

    def show(result: CheckResult) -> None:
        nonlocal plugin
        if as_json or as_csv:
            return
        if result.plugin != plugin:
            plugin = result.plugin
            click.echo(plain(plugin))
        status = click.style(f"{result.status:8}", fg=COLOURS.get(result.status, "yellow"))
        promise = "" if result.status == "failed" else result.expected
        more = f": {result.came}" if result.status == "skipped" else ""
        click.echo(f"  {status} {result.check:12} {plain(promise + more)}")
        if result.status == "failed":
            for word, text in (("expected", result.expected), ("came", result.came), ("see", result.page)):
                click.echo(f"           {word:12} {plain(text)}")

    allowance = replace(ALLOWANCE, seconds=time_limit, memory=int(memory_limit * 2**30))
    found = run_checks(name, kind or "", roots, allowance, show)
    if not found:
        raise UsageError(f"no {kind or 'plugin'} '{name}' is installed; 'abawbench list' shows what is")
    failed = sum(result.status == "failed" for result in found)
    if as_json:
        click.echo(json.dumps([asdict(result) for result in found], indent=2))
    elif as_csv:
        options.print_csv([asdict(result) for result in found])
    else:
        passed = sum(result.status == "passed" for result in found)
        click.echo(f"{passed} passed, {failed} failed, {len(found) - passed - failed} skipped")
    return int(failed > 0)


NEW_EPILOG = """\b
Examples:
  abawbench new-plugin tiny-gru --kind model
  abawbench new-plugin my-rule --kind predictor
      a model that is no network: scikit-learn, a rule, another program
  abawbench new-plugin my-videos --kind database --out plugins

\b
Then, in the new folder:
  pip install -e .
  pytest
  abawbench check tiny-gru

Exit status: 0 written, 2 wrong name, or a folder that is there already.
"""


@click.command("new-plugin", epilog=NEW_EPILOG)
@click.argument("name")
@click.option("--kind", type=click.Choice(list(EXAMPLES)), required=True,
              help="A predictor is a model without a network, two-inputs a network that sees and hears.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Default: here.")
def new_plugin(name: str, kind: str, out: Path) -> int:
    """Write a plugin package that can be installed, tested and run as it is."""
    from abawbench.scaffold import new_plugin as write

    folder = write(name, kind, out)
    click.echo(
        f"{folder}: a {PLUGIN_KINDS.get(kind, kind)} to start from; next: pip install -e {folder} && pytest {folder}"
    )
    return 0
