"""``abawbench compare``: whether a difference is real, whether a change may pass; and ``baseline``, to compare with."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from abawbench.cli import options
from abawbench.contracts.errors import AbawbenchError, DataError

EPILOG = """\b
Examples:
  abawbench compare runs/before runs/after
  abawbench compare tiny runs --gate gate.toml --markdown
      against the stored baseline "tiny", as a comment for a pull request
  abawbench compare tiny runs --max-drop 0.02 --max-latency 1.2
  abawbench compare runs/a/va/synthetic-seed0-0f3a0f3a runs/b/va/synthetic-seed0-77aa77aa --json

Of several runs of one model, task and seed on a side the newest is compared, and what it differs in is named. A job
of B that gave no result, or none that A has, is a broken limit.

Exit status: 0 done, and every limit holds; 1 a limit is broken; 2 the data cannot tell, or no task could be compared;
3 wrong usage, or a file that is damaged or missing; 130 interrupted.
"""
BASELINE_EPILOG = """\b
Examples:
  abawbench baseline save tiny runs
  abawbench baseline list
  abawbench compare tiny runs --max-drop 0.02
"""
REFUSED = 3
"""Exit status of wrong usage and refused files; elsewhere it is 2, which is an answer here."""
LIMITS = {
    "max_drop": "How much worse a metric may get, in its own unit.",
    "max_parameters": "How many times the parameters may grow.",
    "max_macs": "How many times the multiply-accumulates may grow.",
    "max_memory": "How many times the peak memory may grow.",
    "max_latency": "How many times longer one clip may take.",
    "max_throughput_time": "How many times longer a batch of clips may take.",
}


class _Compare(click.Command):
    """A command that ends with ``REFUSED`` where others end with 2."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _explain_refusal():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _explain_refusal():
            return super().invoke(ctx)


@contextmanager
def _explain_refusal() -> Iterator[None]:
    try:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DataError(str(error)) from error
    except (click.ClickException, AbawbenchError) as error:
        error.exit_code = REFUSED  # type: ignore[misc]  # click declares it of the class and reads the instance's
        raise


def _limits(command: click.Command) -> click.Command:
    for name, words in LIMITS.items():
        command.params.append(click.Option([f"--{name.replace('_', '-')}", name], type=float, metavar="X", help=words))
    return command


@click.command(cls=_Compare, epilog=EPILOG)
@click.argument("a", shell_complete=options.complete_runs)
@click.argument("b", shell_complete=options.complete_runs)
@click.option("--gate", "gate_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Limits as TOML; options replace what it says.")  # fmt: skip
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Of the intervals.")
@click.option("--replicates", type=click.IntRange(100), default=10_000, show_default=True, help="Resamples of tracks.")
@click.option("--markdown", "fmt", flag_value="github", default=None, help="Print Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@options.csv_output
def compare(
    a: str,
    b: str,
    gate_file: Path | None,
    level: float,
    replicates: int,
    fmt: str | None,
    as_json: bool,
    as_csv: bool,
    **limits: float | None,
) -> int:
    """Compare runs B with runs A: paired differences with intervals, and a gate for CI.

    Costs stand beside them as ratios. A and B are run folders, folders of runs, result files, or names of baselines
    (see abawbench baseline).
    """
    from abawbench.compare import comparison, gate, sides
    from abawbench.plugins import default_plugins
    from abawbench.report import comparison_table

    given = {name: value for name, value in limits.items() if value is not None}
    wanted = gate.read_gate(gate_file) if gate_file else gate.Gate() if given else None
    if wanted is not None:
        wanted = gate.override_limits(wanted, given)
    runs, plugins = (sides.load_side(a), sides.load_side(b)), default_plugins()
    if wanted is not None:
        gate.require_limits(wanted, sorted({run.record.task for side in runs for run in side}), plugins.names("task"))
    found = comparison.compare(
        *runs,
        plugins,
        names=(a, b),
        level=level,
        replicates=replicates,
    )
    done = gate.checks(wanted, found) if wanted else []
    status = gate.exit_status(wanted, done) if wanted else 0 if found.tasks else 2
    if as_csv:
        options.print_csv(comparison_table.comparison_rows(found))
    elif as_json:
        click.echo(comparison_table.comparison_json(found, done, status if wanted else None), nl=False)
    else:
        text = comparison_table.comparison_text(found, done, fmt=fmt or "simple", width=options.terminal_width())
        click.echo(text, nl=False)
    return status


_limits(compare)


@click.group(epilog=BASELINE_EPILOG)
def baseline() -> None:
    """Keep records and statistics of runs, to compare against later.

    They lie under leaderboards/baselines.
    """


@baseline.command(epilog=BASELINE_EPILOG)
@click.argument("name")
@click.argument("runs", type=click.Path(exists=True), default="runs")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Default: leaderboards/baselines.")
@click.option("--force", is_flag=True, help="Replace a baseline of this name.")
def save(name: str, runs: str, folder: Path | None, force: bool) -> int:
    """Store the runs in RUNS (default: runs) as baseline NAME."""
    from abawbench.compare import sides
    from abawbench.system.text import count, plain

    chosen = sides.load_side(runs)
    path = sides.save_baseline(name, chosen, folder or sides.BASELINES, replace=force)
    kept = len(sides.newest(chosen))
    older = f"; {len(chosen) - kept} older ones of the same are left out" if kept < len(chosen) else ""
    click.echo(plain(f"wrote {path}: {count(kept, 'run')}{older}"))
    return 0


@baseline.command("list", epilog=BASELINE_EPILOG)
@options.json_output
@options.csv_output
def list_baselines(as_json: bool, as_csv: bool) -> int:
    """Show the baselines of the working folder and those that came with abawbench."""
    from abawbench.compare import sides
    from abawbench.system.text import plain

    rows = [{"name": name, "path": str(path)} for name, path in sides.baselines().items()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    if as_csv:
        options.print_csv(rows)
        return 0
    for row in rows:
        click.echo(f"{plain(row['name'])}\t{plain(row['path'])}")
    return 0
