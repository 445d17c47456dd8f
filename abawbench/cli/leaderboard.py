"""``abawbench leaderboard``: published and measured results."""

from importlib.util import find_spec
from pathlib import Path

import click

EPILOG = """\b
Examples:
  abawbench leaderboard
  abawbench leaderboard --runs runs
  abawbench leaderboard --folder leaderboards --write
"""


@click.command(epilog=EPILOG)
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with published.yaml and results/; default: the installed one.")  # fmt: skip
@click.option("--runs", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Add the runs under this.")
@click.option("--write", is_flag=True, help="Write README.md in the folder instead of printing; needs --folder.")
def leaderboard(folder: Path | None, runs: Path | None, write: bool) -> int:
    """Print published results and measured ones, synthetic apart from real."""
    from abawbench.results.leaderboard import page_text
    from abawbench.results.leaderboard import write as write_page
    from abawbench.results.sides import Run
    from abawbench.results.store import find

    if write:
        if folder is None or runs is not None:
            raise click.UsageError("--write goes with --folder and without --runs: the page shows only what lies there")
        click.echo(f"wrote {write_page(folder)}")
        return 0
    extra = find(runs, lambda error: click.echo(f"warning: skipped {error}", err=True)) if runs else []
    click.echo(page_text(folder or installed(), [Run(*found) for found in extra]), nl=False)
    return 0


def installed() -> Path:
    """Return the folder of the leaderboards that came with abawbench."""
    spec = find_spec("abawbench_leaderboards")
    if spec is None or spec.origin is None:
        raise click.UsageError("the installed abawbench has no leaderboards; give --folder")
    return Path(spec.origin).parent
