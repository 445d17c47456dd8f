"""``abawbench plan``, ``prepare``, ``collect`` and ``run --dry-run``: the jobs of a run, for people and schedulers."""

import json
import shutil
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options
from abawbench.cli.config_file import config_file
from abawbench.cli.options import Form, asked, print_csv
from abawbench.contracts.errors import UsageError
from abawbench.system.text import count

if TYPE_CHECKING:
    from abawbench.harness.engines.forecast import Forecast
    from abawbench.harness.engines.prepare import Shared

PLAN_EPILOG = """\b
Examples:
  abawbench plan --model all --task all --seed 0 --seed 1 --out plan.json
  abawbench prepare --plan plan.json --network
  abawbench run --plan plan.json --index 3
      one of its jobs; on as many machines at once as there are
  abawbench collect --plan plan.json
"""
PREPARE_EPILOG = """\b
Examples:
  abawbench prepare --plan plan.json --network
  abawbench prepare --plan plan.json --no-embed
      on a node without the GPU that the jobs will have
  abawbench prepare --plan plan.json --shard 0/4
      the features of a fourth of the tracks; the rest by other machines: 1/4, 2/4, 3/4
  abawbench prepare --plan plan.json --engine slurm --shards 4 --slurm partition=gpu --slurm gpus_per_node=1
      all four, as an array

The cache ($ABAWBENCH_CACHE) must be a folder that the machines of the jobs see. Each model and task is prepared in a
process of its own; one that cannot be is named, and the others are. Exit status: 0 all is ready, 1 something is not.
"""
COLLECT_EPILOG = """\b
Examples:
  abawbench collect --plan plan.json
  abawbench collect --plan plan.json --out /shared/runs --json
  abawbench run --plan plan.json --indices "$(abawbench collect --plan plan.json --todo)"
      do what is missing or failed

Exit status: 0 every job gave a result, 1 some did not.
"""

_plan_file = click.option(
    "--plan", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Written by 'abawbench plan'."
)


@click.command(epilog=PLAN_EPILOG)
@config_file
@asked
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
def plan(asked: dict[str, Any], out: Path) -> int:
    """Write the jobs that 'run' would do with the same options as a file, for any scheduler."""
    from abawbench import api
    from abawbench.harness.request.plan import write_plan

    made = api.plan(**asked)
    write_plan(out, made)
    last = len(made.jobs) - 1
    others = f" (the others by 1 to {last})" if last else ""
    click.echo(f"{count(last + 1, 'job')} in {out}; the first is done by: abawbench run --plan {out} --index 0{others}")
    return 0


@click.command(epilog=PREPARE_EPILOG)
@_plan_file
@click.option("--no-embed", is_flag=True, help="Leave the features of frozen networks to the jobs.")
@click.option("--shard", metavar="I/K", help="Only the features of one part of the tracks: 0/4 to 3/4.")
@click.option(
    "--shards",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Cut each database into so many parts, done side by side by the engine.",
)
@click.option("--engine", default="local", show_default=True, help="Who does it: local, slurm or ray, as in 'run'.")
@click.option("--slurm", multiple=True, metavar="KEY=VALUE", help="For sbatch. Repeatable.")
@options.network
@click.option("--json", "as_json", is_flag=True, help="Print what was prepared as JSON.")
@options.quiet
def prepare(plan: Path, network: bool, as_json: bool, quiet: bool, **given: Any) -> int:
    """Make once what the jobs of a plan share: indices, weights, synthetic data, features."""
    from tabulate import tabulate

    from abawbench.cli.progress import TerminalProgress
    from abawbench.harness.engines.engine import engine_named
    from abawbench.harness.engines.prepare import Preparing, cut, parse_shard, prepare_by, prepare_plan
    from abawbench.harness.request.jobs import Work
    from abawbench.harness.request.plan import read_plan
    from abawbench.plugins import default_plugins
    from abawbench.system.limits import Limits
    from abawbench.system.network import network_refused

    made, local = read_plan(plan), given["engine"] == "local"
    if given["shard"] and (given["shards"] > 1 or not local):
        raise UsageError("--shard is one part, done here; for all of them side by side give --shards alone")
    shards = (parse_shard(given["shard"]),) if given["shard"] else cut(given["shards"])
    how = Preparing(embed=not given["no_embed"], shards=shards)
    limits = Limits(jobs=len(shards), seconds=None, network=network)
    engine = engine_named(given["engine"], given["slurm"])
    guard = network_refused(unless=network) if local else nullcontext()
    with closing(TerminalProgress(quiet)) as progress, guard:
        if local:
            work = Work(plugins=default_plugins(), sources=made.sources, out=Path.cwd())
            found = prepare_plan(made, work, limits, progress, how)
        else:
            found = prepare_by(engine, made, how, limits, progress)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        names = ("model", "task", "jobs", "database", "tracks", "weights", "features", "state")
        click.echo(tabulate([_prepared_row(one) for one in found], names))
    return 1 if any(one.reason for one in found) else 0


def _prepared_row(one: "Shared") -> list[Any]:
    features = one.not_kept or (f"of {one.embedded} tracks" if one.embedded else "none")
    return [one.model, one.task, one.jobs, one.database, one.tracks, one.weights or "none", features,
            one.reason or "ready"]  # fmt: skip


@click.command(epilog=COLLECT_EPILOG)
@_plan_file
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where the results lie.",
)
@click.option("--todo", is_flag=True, help="Print only the numbers of the jobs without a result, for --indices.")
@click.option("--json", "as_json", is_flag=True, help="Print how each job ended as JSON.")
def collect(plan: Path, out: Path, todo: bool, as_json: bool) -> int:
    """Show which jobs of a plan are done and which are missing."""
    from abawbench.harness.engines.endings import read_endings
    from abawbench.harness.request.plan import numbers_text, read_plan

    made = read_plan(plan)
    endings = read_endings(out.absolute(), made)
    without = [one.number for one in endings if one.state != "ok"]
    if todo:
        click.echo(numbers_text(without))
    elif as_json:
        click.echo(json.dumps(_as_json(made, endings), indent=2))
    else:
        _print(made, endings)
    return 1 if without else 0


def _as_json(plan: Any, endings: Any) -> dict[str, Any]:
    from abawbench.harness.engines.endings import count_states

    rows = []
    for one, job in zip(endings, plan.jobs, strict=True):
        score = one.record.score if one.record else None
        rows.append(
            {
                "index": one.number,
                "model": job.model,
                "task": job.task,
                "seed": job.seed,
                "state": one.state,
                "folder": str(one.folder) if one.folder else None,
                "value": score.value if score else None,
                "reason": one.reason,
            }
        )
    return {"plan": plan.name, "jobs": len(rows), "states": dict(count_states(endings)), "endings": rows}


def _print(plan: Any, endings: Any) -> None:
    """Print a row for each model and task, then what has no result and why."""
    from tabulate import tabulate

    from abawbench.harness.engines.endings import count_states
    from abawbench.harness.request.plan import numbers_text
    from abawbench.system.text import plain

    states = ("ok", "failed", "unsupported", "skipped", "missing")
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for one, job in zip(endings, plan.jobs, strict=True):
        row = counts.setdefault((job.model, job.task), dict.fromkeys(states, 0))
        row[one.state] += 1
    shown = [state for state in states if any(row[state] for row in counts.values())]
    rows = [[*pair, *(row[state] or "" for state in shown)] for pair, row in counts.items()]
    click.echo(tabulate(rows, ["model", "task", *shown]))
    reasons: dict[str, list[int]] = {}
    for one in endings:
        if one.state != "ok":
            reasons.setdefault(plain(f"{one.state}: {one.reason}" if one.reason else one.state), []).append(one.number)
    if reasons:
        click.echo("")
    for reason, numbers in reasons.items():
        click.echo(f"{numbers_text(numbers)}  {reason}")
    total = ", ".join(f"{number} {state}" for state, number in count_states(endings).items())
    click.echo(f"\n{count(len(endings), 'job')}: {total}")


def show_forecasts(found: "Sequence[Forecast]", form: Form, out: Path, latency_seconds: float) -> int:
    """Print forecasts; return 1 where a job cannot be run, else 0. JSON and CSV hold each whole."""
    if form.as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    elif form.as_csv:
        print_csv([asdict(one) for one in found])
    else:
        _print_forecasts(found, out, latency_seconds)
    return int(any(one.trouble for one in found))


def _print_forecasts(found: "Sequence[Forecast]", out: Path, latency_seconds: float) -> None:
    from tabulate import tabulate

    from abawbench.system.text import NONE, plain

    headers = ["model", "task", "seed", "database", "tracks", "frames", "images", "features", "time"]
    click.echo(tabulate([_forecast_row(one) for one in found], headers, disable_numparse=True, missingval=NONE))
    for reason in dict.fromkeys(f"{one.model} on {one.task}: {one.trouble}" for one in found if one.trouble):
        click.echo(plain(reason))
    for reason in dict.fromkeys(f"{one.model}: {one.features}" for one in found if one.features not in ("", "kept")):
        click.echo(plain(reason))
    known = [one.seconds for one in found if one.seconds is not None]
    todo = [one for one in found if not one.done and not one.trouble]
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    models = len({one.model for one in todo})
    click.echo(
        f"{len(todo)} of {count(len(found), 'job')} to do, one after the other about {_time(sum(known))}"
        + (f" without {len(todo) - len(known)} of unknown time" if len(known) < len(todo) else "")
        + f", and up to {_time(models * latency_seconds)} to time networks; features take "
        f"{sum(one.features_bytes for one in todo) / 1e9:.2g} GB more of the cache; "
        f"{shutil.disk_usage(place).free / 1e9:.3g} GB are free at {place}"
    )


def _forecast_row(one: "Forecast") -> list[Any]:
    kept = (
        ""
        if not one.features
        else f"kept, {one.features_bytes / 1e9:.2g} GB"
        if one.features == "kept"
        else "read anew"
    )
    time = (
        "cannot be run" if one.trouble else "done" if one.done else "?" if one.seconds is None else _time(one.seconds)
    )
    counts = [f"{number:,}" for number in (one.tracks, one.frames, one.images)]
    return [one.model, one.task, one.seed, one.database, *counts, kept, time]


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
