"""``abawbench baseline``: results to compare against later."""

from pathlib import Path

import click

EPILOG = """\b
Examples:
  abawbench baseline save tiny runs
  abawbench baseline list
  abawbench compare tiny runs --max-drop 0.02
"""


@click.group(epilog=EPILOG)
def baseline() -> None:
    """Keep records and statistics of runs, to compare against later.

    They lie under leaderboards/baselines.
    """


@baseline.command(epilog=EPILOG)
@click.argument("name")
@click.argument("runs", type=click.Path(exists=True), default="runs")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Default: leaderboards/baselines.")
@click.option("--force", is_flag=True, help="Replace a baseline of this name.")
def save(name: str, runs: str, folder: Path | None, force: bool) -> int:
    """Store the runs in RUNS (default: runs) as baseline NAME."""
    from abawbench.compare import sides
    from abawbench.system.text import plain

    chosen = sides.load_side(runs)
    path = sides.save_baseline(name, chosen, folder or sides.BASELINES, replace=force)
    click.echo(plain(f"wrote {path}: {len(chosen)} runs"))
    return 0


@baseline.command("list", epilog=EPILOG)
def list_baselines() -> int:
    """Show the baselines of the working folder and those that came with abawbench."""
    from abawbench.compare import sides
    from abawbench.system.text import plain

    for name, path in sides.baselines().items():
        click.echo(f"{plain(name)}\t{plain(str(path))}")
    return 0
