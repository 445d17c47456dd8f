"""``abawbench run``: train, predict, score and measure."""

import os
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options
from abawbench.cli.config_file import config_file
from abawbench.cli.options import LOST, Bytes, Form, Seconds, asked, gather, refuse_asked, show
from abawbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from abawbench.harness.request.plan import Plan
    from abawbench.records.record import Record, Records

EPILOG = """\b
Examples:
  abawbench run --model mnv4-tam --task all
      six tasks on the synthetic database, nothing else needed
  abawbench run --model mnv4-tam --task expr --data aff-wild2=/data/Aff-Wild2 --weights imagenet
  abawbench run --model mnv4-tam --model mnv4-tam-1 --task au --seed 0 --seed 1 --set epochs=5
  abawbench run --model mnv4-tam --task all --control shuffled-labels
      what is left when there is nothing to learn
  abawbench run --model mnv4-tam --task au --protocol smoothing=box:4 --protocol thresholds=tuned --set holdout=0.15
  abawbench run --model all --task all --jobs 4 --job-timeout 2h --job-memory 8G
  abawbench run --model mnv4-tam --task va --runtime openvino-bf16
      timed by another runtime, and how far its outputs and the metric are from eager execution
  abawbench run --model mnv4-tam --task va --folds 6
      every track scored by a network that never saw its subject; not the official split
  abawbench run --config suite.toml --limit 4
      options from a file, and a quick look at it: the first 4 tracks of each split, never ranked
  abawbench run --model mnv4-tam --task va --grid lr=1e-3,5e-4 --grid epochs=5,10
  abawbench run --model all --task all --dry-run
      jobs, tracks, frames, cache, disk and time; nothing is run
  abawbench run --plan plan.json --index 3
      one job of a list that 'abawbench plan' wrote, for any scheduler
  abawbench run --model all --task all --engine slurm --slurm partition=gpu --slurm gpus_per_node=1 --leave
      as arrays of a Slurm cluster; 'abawbench collect' shows what is done

Each job has a process of its own: one that raises, hangs, takes too much memory or crashes is named with the phase it
was in, leaves failed.json and log.txt in its run folder, and the others go on.

Exit status: 0 every job gave a result, 1 some did not, 2 wrong usage (no job can do what was asked for), 3 results, but
scored data was lost (a track of the scored split could not be read; the table says how much), 130 interrupted.
"""


def _limits(at_once: int, job_timeout: float, job_memory: int | None, network: bool, in_process: bool) -> Any:
    from abawbench.system.limits import Limits

    own = Limits(jobs=at_once, seconds=job_timeout or None, memory=job_memory, network=network)
    return (None if in_process else own), network


def _kept(out: Path, force: bool) -> dict[str, Any]:
    return {"out": out, "force": force}


def _planned(plan: Path | None, index: int | None, indices: str | None) -> dict[str, Any] | None:
    if plan is None:
        if index is not None or indices is not None:
            raise click.UsageError("--index and --indices number the jobs of a plan; add --plan FILE")
        return None
    if index is not None and indices is not None:
        raise click.UsageError("give --index or --indices, not both")
    return {"file": plan, "jobs": indices if index is None else str(index)}


def _engine(engine: str, slurm: tuple[str, ...], leave: bool) -> dict[str, Any]:
    return {"name": engine, "options": slurm, "wait": not leave}


@click.command(epilog=EPILOG)
@config_file
@asked
@gather(
    "planned",
    _planned,
    click.option("--plan", type=click.Path(dir_okay=False, path_type=Path), help="Do jobs of a plan instead; see "
                 "'abawbench plan'."),
    click.option("--index", type=click.IntRange(0), help="The number of one of its jobs, from 0."),
    click.option("--indices", metavar="A-B", help="Numbers of several of them, such as 0-99 or 0-9,20."),
)  # fmt: skip
@gather(
    "kept",
    _kept,
    click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"), show_default=True),
    click.option("--force", is_flag=True, help="Run again what was already run with the same inputs."),
)
@gather(
    "limits",
    _limits,
    click.option(
        "--jobs",
        "-j",
        "at_once",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Jobs at once. More than 1 disturb each other's timings.",
    ),
    click.option(
        "--job-timeout",
        type=Seconds(),
        default="24h",
        show_default=True,
        help="Time for each job, for example 90s, 30m or 2h; 0: no limit.",
    ),
    click.option(
        "--job-memory",
        type=Bytes(),
        help="Memory for each job, for example 8G; default: its share of 80% of what is free.",
    ),
    options.network,
    click.option("--in-process", is_flag=True, help="Run the jobs in this process, without limits: for debugging."),
)
@gather(
    "engine",
    _engine,
    click.option("--engine", default="local", show_default=True, help="Who does the jobs: local (this machine), slurm "
                 "(arrays of a cluster) or ray (tasks on its nodes)."),
    click.option("--slurm", multiple=True, metavar="KEY=VALUE", help="For sbatch, for example partition=gpu or "
                 "gpus_per_node=1. Repeatable."),
    click.option("--leave", is_flag=True, help="Hand the jobs to Slurm and end; default: wait for them."),
)  # fmt: skip
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be run and about how long it would take, from a sample of "
    "ten seconds for each model and task; no result is written.",
)
@options.form
@options.quiet
def run(form: Form, quiet: bool, dry_run: bool, **given: Any) -> int:
    """Train, predict every frame, score by the official metric and measure what it costs."""
    from abawbench.cli.progress import TerminalProgress
    from abawbench.system.network import network_refused

    done: list[Record] = []
    if given["planned"]:
        refuse_asked(click.get_current_context())
    if dry_run:
        return _foretell(given, form, quiet)
    # of the processes that accelerate or torchrun started, the first one speaks
    speaks = os.environ.get("RANK", "0") == "0"
    local = given["engine"]["name"] == "local"
    try:
        # an engine must reach its scheduler; the jobs that it has done elsewhere refuse for themselves
        guard = network_refused(unless=given["limits"][1]) if local else nullcontext()
        with closing(TerminalProgress(quiet or not speaks)) as progress, guard:
            done = _run(given, done, progress)
    except KeyboardInterrupt:
        kept = f"{len(done)} whole results kept under {given['kept']['out']}"
        click.echo(f"\ninterrupted: {kept}; run again to finish the rest", err=True)
        show(done if speaks else [], form)
        return 130
    impossible = bool(done) and all(record.status == "unsupported" for record in done)
    if impossible and not (form.as_json or form.as_csv):
        raise UsageError("; ".join(dict.fromkeys(str(record.reason) for record in done)))
    if speaks:
        show(done, form)
    if impossible:
        return 2
    if any(record.status != "ok" for record in done):
        return 1
    return LOST if any(record.counts and record.counts.lost_tracks for record in done) else 0


def _foretell(given: dict[str, Any], form: Form, quiet: bool) -> int:
    """Print what would be run; 1 where a job cannot be."""
    from abawbench import api
    from abawbench.cli.plan import show_forecasts
    from abawbench.cli.progress import TerminalProgress
    from abawbench.system.network import network_refused

    with closing(TerminalProgress(quiet)) as progress, network_refused(unless=given["limits"][1]):
        planned, jobs = _plan(given)
        found = api.forecast(planned, jobs, **given["kept"], progress=progress)
    return show_forecasts(found, form, given["kept"]["out"], planned.latency_seconds)


def _plan(given: dict[str, Any]) -> "tuple[Plan, str | None]":
    """Return the plan that is asked for, and which of its jobs."""
    from abawbench import api
    from abawbench.harness.request.plan import read_plan

    named = given["planned"]
    return (api.plan(**given["asked"]), None) if named is None else (read_plan(named["file"]), named["jobs"])


def _run(given: dict[str, Any], done: "list[Record]", progress: Any) -> "Records":
    """Run what was asked for, or jobs of a plan; ``done`` gets each record as it is ready."""
    from abawbench import api

    limits, asked_for, named = given["limits"][0], given["asked"], given["engine"]
    engine = None
    if named["name"] != "local" or named["options"] or not named["wait"]:
        from abawbench.harness.engines.engine import engine_named

        engine = engine_named(named["name"], named["options"], wait=named["wait"])
    more = {**given["kept"], "engine": engine, "progress": progress, "finished": done.append}
    if given["planned"] is None:
        machine = replace(asked_for.pop("machine"), limits=limits)
        return api.run(**asked_for, **more, machine=machine)
    plan, jobs = _plan(given)
    return api.run_plan(plan, jobs, limits=limits, **more)
