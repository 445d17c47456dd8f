"""The command line: one module per command, each of which parses, calls and prints; ``results`` reads runs."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from abawbench._version import __version__
from abawbench.contracts.errors import AbawbenchError
from abawbench.system.cache import name_user
from abawbench.system.text import plain

COMMANDS = {
    "run": ("run:run", "Train, predict every frame, score by the official metric and measure what it costs."),
    "plan": ("plan:plan", "Write the jobs that 'run' would do with the same options as a file, for any scheduler."),
    "prepare": ("plan:prepare", "Make once what the jobs of a plan share: indices, weights, synthetic data, features."),
    "collect": ("plan:collect", "Show which jobs of a plan are done and which are missing."),
    "score": ("score:score", "Score a file of predictions, or verify a run, by the official metric."),
    "submit": (
        "submit:submit",
        "Predict a test set with a run, or take anybody's predictions, and write or check the official file.",
    ),
    "calibration": (
        "insight.calibration:calibration",
        "Say how far a run's scores can be taken as probabilities, and what abstaining would gain.",
    ),
    "groups": (
        "insight.groups:groups",
        "Show a run's results by group of subjects, and test the largest gap between them.",
    ),
    "robustness": (
        "insight.robustness:robustness",
        "Say what corruptions of images, frames and sound cost a stored run, paired and with intervals.",
    ),
    "predict": (
        "insight.predict:predict",
        "Find and follow the people of videos, and predict each by a stored run; say what each stage costs.",
    ),
    "power": (
        "insight.power:power",
        "Say which difference a data set can show, and how many subjects a given one needs.",
    ),
    "ensemble": (
        "insight.ensemble:ensemble",
        "Combine stored runs of the same tracks out of fold, and write the result as a run.",
    ),
    "export": ("export:export", "Write a run's network as a folder that runs without abawbench."),
    "list": ("list:list_plugins", "Show every plugin and those that failed to load."),
    "leaderboard": (
        "results.leaderboard:leaderboard",
        "Print published results and measured ones, synthetic apart from real.",
    ),
    "runs": ("results.runs:runs", "List the runs of FOLDER (default: runs), the newest first."),
    "report": ("results.report:report", "Show the runs of a folder; --html writes a page for a browser."),
    "data": ("data:data", "Look at databases on disk."),
    "compare": (
        "results.compare:compare",
        "Compare runs B with runs A: paired differences with intervals, and a gate for CI.",
    ),
    "new-plugin": ("plugin_kit:new_plugin", "Write a plugin package that can be installed, tested and run as it is."),
    "profile": ("profile:profile", "Count and time a network in three scenarios; nothing is trained."),
    "check": ("plugin_kit:check", "Check a plugin against its contract."),
    "weights": ("weights:weights", "List, fetch and verify the weights that models know by name."),
    "baseline": ("results.compare:baseline", "Keep records and statistics of runs, to compare against later."),
}
"""Name -> where it is defined below this package, and its line in ``--help``: that imports no command."""

EPILOG = """\b
Examples:
  abawbench run --model mnv4-tam --task all
  abawbench run --model mnv4-tam --task expr --data aff-wild2=/data/Aff-Wild2 --set freeze=none
  abawbench plan --model all --task all --out plan.json
  abawbench score predictions.parquet --task au --data aff-wild2=/data/Aff-Wild2
  abawbench ensemble runs --task va --out runs/together
  abawbench submit RUN --task va --data aff-wild2=/data/Aff-Wild2 --out predictions.txt
  abawbench profile mnv4-tam
  abawbench export RUN --task va --format onnx
  abawbench list models
  abawbench data verify aff-wild2 /data/Aff-Wild2
  abawbench leaderboard
  abawbench runs
  abawbench report runs --html report.html
  abawbench compare runs/before runs/after
  abawbench weights fetch mnv4-tam --network
  abawbench new-plugin my-model --kind model
  abawbench check my-model
"""


DOORS = """\
I have Aff-Wild2, or another database:  abawbench data verify aff-wild2 ROOT
                                        abawbench run --model mnv4-tam --task va --data aff-wild2=ROOT
I have a model:                         abawbench score predictions.parquet --task va --data aff-wild2=ROOT
                                        abawbench new-plugin my-model --kind model
I run CI:                               abawbench compare runs/before runs/after --max-drop 0.02
No data yet:                            abawbench run --model mnv4-tam --task all

abawbench --help lists every command; abawbench COMMAND --help shows its examples.
Names complete in a shell: eval "$(_ABAWBENCH_COMPLETE=bash_source abawbench)"    (or zsh_source, fish_source)
"""
"""What ``abawbench`` alone says."""

READER_GONE = 141
"""Exit status where nobody reads the output any more, as in ``abawbench list | head -1``."""


class LazyGroup(click.Group):
    """Imports a command when it is used, and none for ``--help``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, imported now, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"abawbench.cli.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named. Raises UsageError, with the nearest names, for one that is not there."""
        if args and args[0] not in COMMANDS and not ctx.resilient_parsing:
            near = get_close_matches(args[0], COMMANDS, n=3)
            ctx.fail(
                f"No such command '{plain(args[0])}'; "
                + (f"did you mean {' or '.join(near)}?" if near else "see --help")
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. An end of file or of the reader is none of what click would make of it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # as a program that the signal ends; click's 1 means something else here
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(READER_GONE)
        except EOFError as error:  # click takes it for Ctrl-D
            raise AbawbenchError(
                "a helper process ended before it could begin, so something that it imports does not work here; "
                "run with --in-process to see what"
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and their lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="abawbench")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Benchmark models for affective behaviour analysis on the ABAW tasks: accuracy beside cost."""
    if ctx.invoked_subcommand is None:
        click.echo(DOORS, nl=False)


def main() -> None:
    """Run the command line.

    Exit status: 0 done, 1 a job failed, 2 wrong usage or data (of compare, whose 2 is an answer, 3), 130 interrupted,
    141 nobody reads the output, 143 ended by SIGTERM.
    """
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what an encoding lacks is spelt out, and ends nothing
            stream.reconfigure(errors="backslashreplace")
    name_user()
    try:
        with _unwinding():
            status = group.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except AbawbenchError as error:
        click.echo(f"error: {plain(str(error))}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(f"error: {plain(str(error))}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _open_streams() -> None:
    """Let what is written to a stream that was closed (``>&-``) go nowhere, and no file take its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


@contextmanager
def _unwinding() -> Iterator[None]:
    """Let SIGTERM end the command as an exception does, so that it ends its processes and removes its folders."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_exit(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, raise_exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
