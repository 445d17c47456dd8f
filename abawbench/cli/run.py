"""``abawbench run``: train, predict, score and measure."""

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options
from abawbench.cli.config_file import config_file
from abawbench.cli.options import LOST, Bytes, Form, Seconds, gather, show
from abawbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from abawbench.harness.request.databases import Sources
    from abawbench.harness.request.jobs import Machine
    from abawbench.harness.request.protocol import Protocol
    from abawbench.records.record import Record

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

Each job has a process of its own: one that raises, hangs, takes too much memory or crashes is named with the phase it
was in, leaves failed.json and log.txt in its run folder, and the others go on.

Exit status: 0 every job gave a result, 1 some did not, 2 wrong usage (no job can do what was asked for), 3 results, but
scored data was lost (a track of the scored split could not be read; the table says how much), 130 interrupted.
"""


def _jobs(
    model: tuple[str, ...],
    task: tuple[str, ...],
    seed: tuple[int, ...],
    weights: str | None,
    settings: tuple[str, ...],
    grid: tuple[str, ...],
) -> dict[str, Any]:
    from abawbench.harness.request.settings import parse_assignments, parse_grid

    numbers = {"settings": parse_assignments(settings), "grid": parse_grid(grid)}
    return {"model": model, "task": task, "seed": seed, "weights": weights, **numbers}


def _protocol(
    protocol: tuple[str, ...], assumptions: tuple[str, ...], folds: int | None, refit: bool, limit: int
) -> "Protocol":
    from abawbench.harness.request.assumptions import parse_assumptions
    from abawbench.harness.request.protocol import protocol_of
    from abawbench.harness.request.settings import parse_assignments

    return protocol_of(
        {
            **parse_assignments(protocol, "--protocol", "smoothing=box:50"),
            **({} if folds is None else {"folds": folds}),
            **({"refit": True} if refit else {}),
            **({"limit": limit} if limit else {}),
            "assumptions": parse_assumptions(assumptions),
        }
    )


def _limits(at_once: int, job_timeout: float, job_memory: int | None, network: bool, in_process: bool) -> Any:
    from abawbench.system.limits import Limits

    own = Limits(jobs=at_once, seconds=job_timeout or None, memory=job_memory, network=network)
    return (None if in_process else own), network


def _machine(
    device: str,
    precision: str,
    workers: int | None,
    runtime: str,
    latency_seconds: float,
    checkpoint_minutes: float,
) -> "Machine":
    from abawbench.harness.request.jobs import Machine

    return Machine(
        device=device,
        precision=precision,
        workers=workers,
        runtime=runtime,
        latency_seconds=latency_seconds,
        checkpoint_minutes=checkpoint_minutes,
    )


def _keep(out: Path, force: bool, control: str | None) -> dict[str, Any]:
    return {"out": out, "force": force, "control": control}


@click.command(epilog=EPILOG)
@config_file
@gather(
    "request",
    _jobs,
    click.option(
        "--model",
        "-m",
        multiple=True,
        required=True,
        shell_complete=options.complete("model"),
        help="Model name, or all. Repeatable.",
    ),
    click.option(
        "--task",
        "-t",
        multiple=True,
        default=["all"],
        show_default=True,
        shell_complete=options.complete("task", "suite"),
        help="Task or suite. Repeatable.",
    ),
    click.option("--seed", type=int, multiple=True, default=[0], show_default=True, help="Repeatable."),
    click.option("--weights", help="Where the network's parameters come from; default: the model's own choice."),
    click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Override a number of the recipe."),
    click.option("--grid", multiple=True, metavar="NAME=VALUE,...", help="Run every combination of these settings."),
)
@options.sources
@gather(
    "protocol",
    _protocol,
    click.option(
        "--protocol",
        multiple=True,
        metavar="NAME=VALUE",
        help="no-face=nearest|interpolate|black|zero, "
        "smoothing=none|box:D|gaussian:SIGMA|published, thresholds=fixed|tuned|published. Repeatable.",
    ),
    options.assumption,
    click.option("--folds", type=int, help="Cross-validate over training and validation tracks, grouped by subject."),
    click.option(
        "--refit", is_flag=True, help="Fit training and validation tracks together, for a submission; no score."
    ),
    click.option(
        "--limit",
        type=click.IntRange(0),
        default=0,
        help="Use the first N tracks of each split, for a quick look; marked in every table, never ranked.",
    ),
)
@gather(
    "machine",
    _machine,
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."),
    click.option(
        "--precision", default="no", show_default=True, help="Mixed precision of training: no, fp16 (CUDA) or bf16."
    ),
    click.option(
        "--workers",
        type=click.IntRange(0),
        help="Processes that read images, 0 for none; default: one per processor where there are many images.",
    ),
    click.option(
        "--runtime",
        default="eager",
        show_default=True,
        help="What the network is timed by, and compared "
        "with eager execution on the scored split; see 'abawbench list runtimes'.",
    ),
    click.option(
        "--latency-seconds", default=60.0, show_default=True, help="For time and memory, per job at most; 0: none."
    ),
    click.option(
        "--checkpoint-minutes",
        type=click.FloatRange(0),
        default=15.0,
        show_default=True,
        help="Training is kept at the end of each epoch and this often within; a run that was killed goes on from "
        "there. 0: at the end of each epoch only.",
    ),
)
@gather(
    "kept",
    _keep,
    click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"), show_default=True),
    click.option("--force", is_flag=True, help="Run again what was already run with the same inputs."),
    click.option("--control", help="shuffled-labels: train on labels shuffled across tracks."),
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
@options.form
@options.quiet
def run(form: Form, quiet: bool, **given: Any) -> int:
    """Train, predict every frame, score by the official metric and measure what it costs."""
    from dataclasses import replace

    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.system.network import network_refused

    done: list[Record] = []
    limits, network = given["limits"]
    sources: Sources = given["sources"]
    # of the processes that accelerate or torchrun started, the first one speaks
    speaks = os.environ.get("RANK", "0") == "0"
    try:
        with closing(TerminalProgress(quiet or not speaks)) as progress, network_refused(unless=network):
            done = api.run(
                **given["request"],
                **given["kept"],
                data=sources,
                protocol=given["protocol"],
                machine=replace(given["machine"], limits=limits),
                progress=progress,
                finished=done.append,
            )
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
