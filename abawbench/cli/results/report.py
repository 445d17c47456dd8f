"""``abawbench report``: the runs of a folder, as a table or as a page for a browser."""

from pathlib import Path

import click

from abawbench.cli import options
from abawbench.cli.options import Form, show

EPILOG = """\b
Examples:
  abawbench report runs
  abawbench report runs --parts
      the table, and a bar for each class or dimension
  abawbench report runs --csv > results.csv
  abawbench report runs --html report.html
      one file that opens in a browser: sort, filter, look into a result, compare two
"""


@click.command(epilog=EPILOG)
@click.argument(
    "runs", type=click.Path(exists=True, file_okay=False, path_type=Path), shell_complete=options.complete_runs
)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page for a browser into FILE.")
@options.form
def report(runs: Path, html: Path | None, form: Form) -> int:
    """Show the runs of a folder; --html writes a page for a browser."""
    from abawbench.compare.sides import Run
    from abawbench.contracts.errors import UsageError
    from abawbench.plugins import default_plugins
    from abawbench.records.store import find, find_failed
    from abawbench.system.text import plain

    def warn(error: Exception) -> None:
        click.echo(f"warning: skipped {plain(str(error))}", err=True)

    found = [*find(runs, warn), *find_failed(runs, warn)]
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
