"""``abawbench new-plugin`` and ``abawbench check``: start a plugin, and see whether it keeps its contract."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from abawbench.system.text import plain

CHECK_EPILOG = """\b
Examples:
  abawbench check my-model
  abawbench check my-database --kind dataset --root /data/mine
  abawbench check my-distribution
      every plugin of an installed distribution, with those that do not load
  abawbench check my-model --json

Each check runs in a process of its own: one that hangs or crashes is told as such.

Exit status: 0 every promise kept, 1 some broken, 2 no such plugin.
"""
KINDS = ("model", "task", "dataset", "metric", "runtime")
MARKS = {"kept": ("kept", "green"), "skipped": ("skipped", "yellow"), "broken": ("BROKEN", "red")}


@click.command(epilog=CHECK_EPILOG)
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), help="Where one name stands for plugins of several kinds.")
@click.option("--root", "roots", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="Where a copy of the database lies. Repeatable.")  # fmt: skip
@click.option("--time-limit", default=120.0, show_default=True, help="Seconds that one check may take.")
@click.option("--memory-limit", default=4.0, show_default=True, help="GiB that the plugin may hold.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def check(
    name: str, kind: str | None, roots: tuple[Path, ...], time_limit: float, memory_limit: float, as_json: bool
) -> int:
    """Try whether a plugin keeps its contract."""
    from abawbench.contracts.errors import UsageError
    from abawbench.testing.checks import Outcome
    from abawbench.testing.watched import Limits, outcomes

    plugin = ""

    def show(outcome: Outcome) -> None:
        nonlocal plugin
        if as_json:
            return
        if outcome.plugin != plugin:
            plugin = outcome.plugin
            click.echo(plain(plugin))
        mark, colour = MARKS.get(outcome.status, (outcome.status, "yellow"))
        promise = "" if outcome.status == "broken" else outcome.expected
        more = f": {outcome.came}" if outcome.status == "skipped" else ""
        click.echo(f"  {click.style(f'{mark:8}', fg=colour)} {outcome.check:12} {plain(promise + more)}")
        if outcome.status == "broken":
            for word, text in (("expected", outcome.expected), ("came", outcome.came), ("see", outcome.page)):
                click.echo(f"           {word:12} {plain(text)}")

    limits = Limits(time_limit, int(memory_limit * 2**30))
    found = outcomes(name, "database" if kind == "dataset" else kind or "", roots, limits, show)
    if not found:
        raise UsageError(f"no {kind or 'plugin'} '{name}' is installed; 'abawbench list' shows what is")
    broken = sum(outcome.status == "broken" for outcome in found)
    if as_json:
        click.echo(json.dumps([asdict(outcome) for outcome in found], indent=2))
    else:
        kept = sum(outcome.status == "kept" for outcome in found)
        click.echo(f"{kept} kept, {broken} broken, {len(found) - kept - broken} not tried")
    return int(broken > 0)


NEW_EPILOG = """\b
Examples:
  abawbench new-plugin tiny-gru --kind model
  abawbench new-plugin my-videos --kind dataset --out plugins

\b
Then, in the new folder:
  pip install -e .
  pytest
  abawbench check tiny-gru

Exit status: 0 written, 2 wrong name, or a folder that is there already.
"""


@click.command("new-plugin", epilog=NEW_EPILOG)
@click.argument("name")
@click.option("--kind", type=click.Choice(["model", "task", "dataset", "metric", "runtime"]), required=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Default: here.")
def new_plugin(name: str, kind: str, out: Path) -> int:
    """Write a plugin package that can be installed, tested and run as it is."""
    from abawbench.scaffold import new_plugin as write

    folder = write(name, kind, out)
    click.echo(f"{folder}: a {kind} to start from; next: pip install -e {folder} && pytest {folder}")
    return 0
