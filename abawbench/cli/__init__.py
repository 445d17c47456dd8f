"""The command line: one module per command, each of which parses, calls and prints."""

import sys

import click

from abawbench import __version__
from abawbench.cli.baseline import baseline
from abawbench.cli.compare import compare
from abawbench.cli.data import data
from abawbench.cli.leaderboard import leaderboard
from abawbench.cli.list import list_plugins
from abawbench.cli.run import run
from abawbench.cli.score import score
from abawbench.cli.submit import submit
from abawbench.contracts.errors import AbawbenchError

EPILOG = """\b
Examples:
  abawbench run --model mnv4-tam --task all
  abawbench run --model mnv4-tam --task expr --data aff-wild2=/data/Aff-Wild2 --set freeze=none
  abawbench score predictions.parquet --task au --data aff-wild2=/data/Aff-Wild2
  abawbench submit RUN --task va --data aff-wild2=/data/Aff-Wild2 --out predictions.txt
  abawbench list models
  abawbench data verify aff-wild2 /data/Aff-Wild2
  abawbench leaderboard
  abawbench compare runs/before runs/after
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EPILOG)
@click.version_option(__version__, prog_name="abawbench")
def group() -> None:
    """Benchmark models for affective behaviour analysis on the ABAW tasks: accuracy beside cost."""


group.add_command(run)
group.add_command(score)
group.add_command(submit)
group.add_command(list_plugins)
group.add_command(leaderboard)
group.add_command(data)
group.add_command(compare)
group.add_command(baseline)


def main() -> None:
    """Run the command line.

    Exit status: 0 done, 1 a job failed, 2 wrong usage or data (of compare, whose 2 is an answer, 3), 130 interrupted.
    """
    try:
        status = group.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except AbawbenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)
