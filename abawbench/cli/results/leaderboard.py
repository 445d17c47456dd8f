"""``abawbench leaderboard``: published and measured results."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.compare.sides import Run

EPILOG = """\b
Examples:
  abawbench leaderboard
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
    as_json: bool,
    as_csv: bool,
) -> int:
    """Print published results and measured ones, synthetic apart from real."""
    from abawbench.compare.sides import Run
    from abawbench.records.store import find
    from abawbench.report.leaderboard import load_measured, page_text
    from abawbench.report.leaderboard import write as write_page
    from abawbench.system.text import plain

    if write:
        if folder is None or runs is not None:
            raise click.UsageError("--write goes with --folder and without --runs: the page shows only what lies there")
        if plot is not None or html is not None:
            raise click.UsageError("--plot draws, --html and --write write a page each; call twice")
        click.echo(f"wrote {write_page(folder)}")
        return 0
    extra = find(runs, lambda error: click.echo(f"warning: skipped {plain(str(error))}", err=True)) if runs else []
    more = [Run(*found) for found in extra]
    if as_json or as_csv:
        _print_rows(folder or installed_folder(), more, as_csv=as_csv)
        return 0
    if html is not None:
        from abawbench.plugins import default_plugins
        from abawbench.records.published import PUBLISHED, load
        from abawbench.report import html as page

        source = folder or installed_folder()
        text = page.page(load_measured(source, more), load(source / PUBLISHED), default_plugins(), TITLE)
        page.write_page(html, text)
        click.echo(f"wrote {html}")
        return 0
    if plot is not None:
        from abawbench.compare.verify import verify
        from abawbench.plugins import default_plugins
        from abawbench.records.published import PUBLISHED, load
        from abawbench.report.plot import draw

        source = folder or installed_folder()
        found = verify(load_measured(source, more), default_plugins())
        for _, why in found.left_out:
            click.echo(f"warning: left out {plain(why)}", err=True)
        records = [run.record for run in found.runs]
        for path in draw(records, load(source / PUBLISHED), cost, plot, found.unranked):
            click.echo(f"wrote {path}")
        return 0
    click.echo(page_text(folder or installed_folder(), more), nl=False)
    return 0


def _print_rows(folder: Path, more: "list[Run]", *, as_csv: bool) -> None:
    """Print measured and published results as flat rows."""
    import json

    from abawbench.compare.verify import verify
    from abawbench.plugins import default_plugins
    from abawbench.records.published import PUBLISHED, load
    from abawbench.report.leaderboard import load_measured
    from abawbench.report.rows import published_row, result_row
    from abawbench.system.text import plain

    found = verify(load_measured(folder, more), default_plugins())
    for _, why in found.left_out:
        click.echo(f"warning: left out {plain(why)}", err=True)
    rows = [result_row(run.record, found.unranked.get(id(run.record))) for run in found.runs]
    rows += [published_row(row) for row in load(folder / PUBLISHED)]
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
