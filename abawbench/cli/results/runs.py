"""``abawbench runs``: which runs lie in a folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.compare.sides import Run

EPILOG = """\b
Examples:
  abawbench runs
  abawbench runs runs --model mnv4-tam --task va
  abawbench runs runs --status failed
  abawbench runs runs --json
  abawbench runs runs --prune
      shows what a newer run of the same request makes outdated, asks, and removes it

Exit status: 0 done, 1 nothing removed because the answer was no, 2 wrong usage.
"""


@click.command(epilog=EPILOG)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path("runs"))
@click.option(
    "--model",
    "-m",
    multiple=True,
    shell_complete=options.complete("model"),
    help="Runs of this model alone. Repeatable.",
)
@click.option(
    "--task", "-t", multiple=True, shell_complete=options.complete("task"), help="Runs of this task alone. Repeatable."
)
@click.option("--status", multiple=True, type=click.Choice(["ok", "failed", "unsupported"]), help="Repeatable.")
@click.option("--prune", is_flag=True, help="Remove the outdated ones among them.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before removing.")
@options.json_output
@options.csv_output
def runs(
    folder: Path,
    model: tuple[str, ...],
    task: tuple[str, ...],
    status: tuple[str, ...],
    prune: bool,
    yes: bool,
    as_json: bool,
    as_csv: bool,
) -> int:
    """List the runs of FOLDER (default: runs), the newest first.

    A run that was read back counts as new as when it was last asked for. Of jobs that gave no result the reason is
    shown.
    """
    from abawbench.compare.outdated import outdated
    from abawbench.compare.sides import Run
    from abawbench.records import store
    from abawbench.report.runs_table import runs_table
    from abawbench.system.text import plain

    def warn(error: Exception) -> None:
        click.echo(f"warning: skipped {plain(str(error))}", err=True)

    every = [Run(*one) for one in (*store.find(folder, warn), *store.find_failed(folder, warn))]
    chosen = outdated(every) if prune else every
    shown = sorted(
        (
            run
            for run in chosen
            if (not model or run.record.model in model)
            and (not task or run.record.task in task)
            and (not status or run.record.status in status)
        ),
        key=lambda run: run.asked,
        reverse=True,
    )
    if as_json:
        click.echo(json.dumps([_fields(run) for run in shown], indent=2))
    elif as_csv:
        options.print_csv([_fields(run) for run in shown])
    elif shown:
        click.echo(runs_table(shown, folder, options.terminal_width()))
    else:
        click.echo("nothing is outdated" if prune else "no runs")
    if not (prune and shown):
        return 0
    if not yes and not click.confirm(f"remove these {len(shown)} of {len(every)}?", err=True):
        return 1
    for run in shown:
        store.remove(run.path)
    click.echo(f"removed {len(shown)}", err=True)
    return 0


def _fields(run: "Run") -> dict[str, object]:
    record = run.record
    return {
        "path": str(run.path),
        "asked": run.asked.isoformat(),
        "model": record.model,
        "entry": list(record.entry),
        "task": record.task,
        "seed": record.seed,
        "database": record.database.name,
        "synthetic": record.database.synthetic,
        "split": record.scored_part,
        "status": record.status,
        "reason": record.reason,
        "value": record.score.value if record.score else None,
        "metric": record.score.metric if record.score else None,
        "job": record.job,
    }
