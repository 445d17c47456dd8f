"""``abawbench report``: the runs of a folder, as a page for a browser."""

from pathlib import Path

import click

EPILOG = """\b
Examples:
  abawbench report runs --html report.html
      one file that opens in a browser: sort, filter, look into a result, compare two
"""


@click.command(epilog=EPILOG)
@click.argument("runs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The page to write.")
def report(runs: Path, html: Path) -> int:
    """Show the runs below a folder."""
    from abawbench.compare.sides import Run
    from abawbench.contracts.errors import UsageError
    from abawbench.plugins import default_plugins
    from abawbench.records.store import find
    from abawbench.report import html as page
    from abawbench.system.text import plain

    found = find(runs, lambda error: click.echo(f"warning: skipped {plain(str(error))}", err=True))
    if not found:
        raise UsageError(f"{runs}: no run at or below this folder; 'abawbench run --out {runs}' makes some")
    click.echo("comparing the results pair by pair ...", err=True)
    page.write_page(html, page.page([Run(*one) for one in found], [], default_plugins(), f"Runs in {runs.name}"))
    click.echo(f"wrote {html}")
    return 0
