"""``abawbench leaderboard``: published and measured results; ``abawbench report``: the runs of a folder."""

from importlib.util import find_spec
from pathlib import Path

import click

from abawbench.cli import options
from abawbench.cli.options import Form, show

EPILOG = """\b
Examples:
  abawbench leaderboard
  abawbench leaderboard --runs runs
  abawbench leaderboard --folder leaderboards --write
  abawbench leaderboard --runs runs --plot pareto.svg --cost latency
  abawbench leaderboard --runs runs --html leaderboard.html
      one file that opens in a browser: sort, filter, look into a result, compare two
"""
REPORT_EPILOG = """\b
Examples:
  abawbench report runs
  abawbench report runs --parts
      the table, and a bar for each class or dimension
  abawbench report runs --csv > results.csv
  abawbench report runs --html report.html
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
def leaderboard(
    folder: Path | None, runs: Path | None, write: bool, plot: Path | None, cost: str, html: Path | None
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
    if html is not None:
        from abawbench.plugins import default_plugins
        from abawbench.records.published import PUBLISHED, load
        from abawbench.report import html as page

        source = folder or installed_folder()
        click.echo("comparing the results pair by pair ...", err=True)
        text = page.page(load_measured(source, more), load(source / PUBLISHED), default_plugins(), TITLE)
        page.write_page(html, text)
        click.echo(f"wrote {html}")
        return 0
    if plot is not None:
        from abawbench.records.published import PUBLISHED, load
        from abawbench.report.plot import draw

        source = folder or installed_folder()
        records = [run.record for run in load_measured(source, more)]
        for path in draw(records, load(source / PUBLISHED), cost, plot):
            click.echo(f"wrote {path}")
        return 0
    click.echo(page_text(folder or installed_folder(), more), nl=False)
    return 0


def installed_folder() -> Path:
    """Return the folder of the leaderboards that came with abawbench."""
    spec = find_spec("abawbench_leaderboards")
    if spec is None or spec.origin is None:
        raise click.UsageError("the installed abawbench has no leaderboards; give --folder")
    return Path(spec.origin).parent


@click.command(epilog=REPORT_EPILOG)
@click.argument("runs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page for a browser into FILE.")
@options.form
def report(runs: Path, html: Path | None, form: Form) -> int:
    """Show the runs of a folder; --html writes a page for a browser."""
    from abawbench.compare.sides import Run
    from abawbench.contracts.errors import UsageError
    from abawbench.plugins import default_plugins
    from abawbench.records.store import find
    from abawbench.system.text import plain

    found = find(runs, lambda error: click.echo(f"warning: skipped {plain(str(error))}", err=True))
    if not found:
        raise UsageError(f"{runs}: no run at or below this folder; 'abawbench run --out {runs}' makes some")
    if html is None:
        show([record for _, record in found], form)
        return 0
    from abawbench.report import html as page

    click.echo("comparing the results pair by pair ...", err=True)
    page.write_page(html, page.page([Run(*one) for one in found], [], default_plugins(), f"Runs in {runs.name}"))
    click.echo(f"wrote {html}")
    return 0
