"""``abawbench leaderboard``: published and measured results."""

from collections.abc import Mapping, Sequence, Set
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from abawbench.cli import options
from abawbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from abawbench.compare.sides import Run
    from abawbench.records.published import Published

EPILOG = """\b
Examples:
  abawbench leaderboard
  abawbench leaderboard --task va --database aff-wild2
  abawbench leaderboard --runs runs --csv
  abawbench leaderboard --folder leaderboards --write
  abawbench leaderboard --runs runs --plot pareto.svg --cost latency
  abawbench leaderboard --runs runs --html leaderboard.html
      one file that opens in a browser: sort, filter, look into a result, compare two
"""
TITLE = "abawbench leaderboard"
"""Of the page."""


@click.command(epilog=EPILOG)
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with published.yaml and results/; default: the installed one.")  # fmt: skip
@click.option("--runs", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Add the runs under this.")
@click.option("--write", is_flag=True, help="Write README.md in the folder instead of printing; needs --folder.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the metric against a cost into "
              "FILE.svg or FILE.png instead of printing.")  # fmt: skip
@click.option("--cost", type=click.Choice(["macs", "parameters", "latency"]), default="macs", show_default=True,
              help="What --plot draws against.")  # fmt: skip
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path),
              help="Write a page for a browser into FILE instead of printing.")  # fmt: skip
@click.option("--task", "-t", "tasks", multiple=True, shell_complete=options.complete("task"),
              help="Results of this task alone. Repeatable.")  # fmt: skip
@click.option("--model", "-m", "models", multiple=True, shell_complete=options.complete("model"),
              help="Results of this model, or published system, alone. Repeatable.")  # fmt: skip
@click.option("--database", "databases", multiple=True, shell_complete=options.complete("database"),
              help="Results on this database alone. Repeatable.")  # fmt: skip
@options.json_output
@options.csv_output
@options.say_if_slow("checking the results against the statistics beside them ...")
def leaderboard(
    folder: Path | None,
    runs: Path | None,
    write: bool,
    plot: Path | None,
    cost: str,
    html: Path | None,
    tasks: tuple[str, ...],
    models: tuple[str, ...],
    databases: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
) -> int:
    """Print published results and measured ones, synthetic apart from real."""
    from abawbench.compare.sides import Run
    from abawbench.plugins import default_plugins
    from abawbench.records.published import PUBLISHED, load
    from abawbench.records.store import find
    from abawbench.report.leaderboard import load_measured, page_of
    from abawbench.report.leaderboard import write as write_page
    from abawbench.system.text import plain

    if write:
        if folder is None or runs is not None or tasks or models or databases:
            raise click.UsageError(
                "--write goes with --folder and without --runs or filters: the page shows all that lies there"
            )
        if plot is not None or html is not None:
            raise click.UsageError("--plot draws, --html and --write write a page each; call twice")
        click.echo(f"wrote {write_page(folder)}")
        return 0
    extra = find(runs, lambda error: click.echo(f"warning: skipped {plain(str(error))}", err=True)) if runs else []
    source = folder or installed_folder()
    wanted = {"task": tasks, "model": models, "database": databases}
    measured, published = _choose(
        load_measured(source, [Run(*found) for found in extra]), load(source / PUBLISHED), wanted
    )
    plugins = default_plugins()
    if as_json or as_csv:
        _print_rows(measured, published, as_csv=as_csv)
        return 0
    if html is not None:
        from abawbench.report import html as page

        page.write_page(html, page.page(measured, published, plugins, TITLE))
        click.echo(f"wrote {html}")
        return 0
    if plot is not None:
        from abawbench.compare.verify import verify
        from abawbench.report.plot import draw

        verified = verify(measured, plugins)
        for _, why in verified.left_out:
            click.echo(f"warning: left out {plain(why)}", err=True)
        for path in draw([run.record for run in verified.runs], published, cost, plot, verified.unranked):
            click.echo(f"wrote {path}")
        return 0
    click.echo(page_of(published, measured, plugins), nl=False)
    return 0


def _choose(
    measured: "list[Run]", published: "list[Published]", wanted: Mapping[str, Sequence[str]]
) -> "tuple[list[Run], list[Published]]":
    """Return the results of which each field is one of those wanted. Raises UsageError for a name that none has."""
    of_measured: list[dict[str, set[str | None]]] = [
        {"task": {run.record.task}, "model": {run.record.model}, "database": {run.record.database.name}}
        for run in measured
    ]
    of_published: list[dict[str, set[str | None]]] = [
        {"task": {row.task}, "model": {row.system, row.plugin}, "database": {row.database}} for row in published
    ]
    for field, names in wanted.items():
        known = {str(name) for one in (*of_measured, *of_published) for name in one[field] if name}
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=3)
                hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(known))}"
                raise UsageError(f"no result has the {field} '{name}'; {hint}")

    def fits(fields: Mapping[str, Set[str | None]]) -> bool:
        return all(not names or fields[field] & set(names) for field, names in wanted.items())

    return (
        [run for run, fields in zip(measured, of_measured, strict=True) if fits(fields)],
        [row for row, fields in zip(published, of_published, strict=True) if fits(fields)],
    )


def _print_rows(measured: "list[Run]", published: "list[Published]", *, as_csv: bool) -> None:
    """Print measured and published results as flat rows."""
    import json

    from abawbench.compare.verify import verify
    from abawbench.plugins import default_plugins
    from abawbench.report.rows import published_row, result_row
    from abawbench.system.text import plain

    found = verify(measured, default_plugins())
    for _, why in found.left_out:
        click.echo(f"warning: left out {plain(why)}", err=True)
    rows = [result_row(run.record, found.unranked.get(id(run.record))) for run in found.runs]
    rows += [published_row(row) for row in published]
    if as_csv:
        options.print_csv(rows)
    else:
        click.echo(json.dumps(rows, indent=2))


def installed_folder() -> Path:
    """Return the folder of the leaderboards that came with abawbench."""
    spec = find_spec("abawbench_leaderboards")
    if spec is None or spec.origin is None:
        raise click.UsageError("the installed abawbench has no leaderboards; give --folder")
    return Path(spec.origin).parent
