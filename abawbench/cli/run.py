"""``abawbench run``: train, predict, score and measure."""

import json
import os
from contextlib import closing
from pathlib import Path

import click

from abawbench.cli import options
from abawbench.cli.options import Bytes, Seconds

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

Each job has a process of its own: one that raises, hangs, takes too much memory or crashes is named with the phase it
was in, leaves failed.json and log.txt in its run folder, and the others go on.

Exit status: 0 every job gave a result, 1 some did not, 2 wrong usage, 130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.option("--model", "-m", "models", multiple=True, required=True, help="Model name, or all. Repeatable.")
@click.option("--task", "-t", "tasks", multiple=True, default=["all"], show_default=True, help="Task name. Repeatable.")
@click.option("--data", multiple=True, metavar="NAME=ROOT", help="Where a database lies. Repeatable; default: "
              "abawbench.toml, else the synthetic database.")  # fmt: skip
@click.option("--preset", default="small", show_default=True, help="Size of the synthetic database: tiny or small.")
@click.option("--data-seed", default=0, show_default=True, help="Seed of the synthetic database.")
@click.option("--seed", "seeds", type=int, multiple=True, default=[0], show_default=True, help="Repeatable.")
@click.option("--weights", help="Where the network's parameters come from; default: the model's own choice.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Override a number of the recipe.")
@click.option("--protocol", multiple=True, metavar="NAME=VALUE", help="no-face=nearest|interpolate|black|zero, "
              "smoothing=none|box:D|gaussian:SIGMA|published, thresholds=fixed|tuned|published. "
              "Repeatable.")  # fmt: skip
@options.reading
@click.option("--folds", type=int, help="Cross-validate over training and validation tracks, grouped by subject.")
@click.option("--refit", is_flag=True, help="Fit training and validation tracks together, for a submission; no score.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--precision", default="no", show_default=True, help="Mixed precision: no, fp16 or bf16.")
@click.option("--runtime", default="eager", show_default=True, help="What the network is timed by, and compared with "
              "eager execution on the scored split; see 'abawbench list runtimes'.")  # fmt: skip
@click.option("--control", help="shuffled-labels: train on labels shuffled across tracks.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"), show_default=True)
@click.option("--force", is_flag=True, help="Run again what was already run with the same inputs.")
@click.option("--latency-seconds", default=60.0, show_default=True, help="For latency, per model at most; 0: none.")
@click.option("--jobs", "-j", "at_once", type=click.IntRange(1), default=1, show_default=True, help="Jobs at once. "
              "More than 1 disturb each other's timings.")  # fmt: skip
@click.option("--job-timeout", type=Seconds(), default="24h", show_default=True, help="Time for each job, for example "
              "90s, 30m or 2h; 0: no limit.")  # fmt: skip
@click.option("--job-memory", type=Bytes(), help="Memory for each job, for example 8G; default: its share of 80% of "
              "what is free.")  # fmt: skip
@options.network
@click.option("--in-process", is_flag=True, help="Run the jobs in this process, without limits: for debugging.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON instead of the table.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def run(
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    data: tuple[str, ...],
    preset: str,
    data_seed: int,
    seeds: tuple[int, ...],
    weights: str | None,
    settings: tuple[str, ...],
    protocol: tuple[str, ...],
    readings: tuple[str, ...],
    folds: int | None,
    refit: bool,
    device: str,
    precision: str,
    runtime: str,
    control: str | None,
    out: Path,
    force: bool,
    latency_seconds: float,
    at_once: int,
    job_timeout: float,
    job_memory: int | None,
    network: bool,
    in_process: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train, predict every frame, score by the official metric and measure what it costs."""
    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.config import parse_data
    from abawbench.harness.request.assumptions import parse_readings
    from abawbench.harness.request.settings import parse_assignments
    from abawbench.records.record import Record
    from abawbench.report.table import table
    from abawbench.system.limits import Limits
    from abawbench.system.network import network_refused

    done: list[Record] = []

    # of the processes that accelerate or torchrun started, the first one speaks
    speaks = os.environ.get("RANK", "0") == "0"

    def show() -> None:
        if not speaks:
            return
        if as_json:
            click.echo(json.dumps([record.model_dump(mode="json") for record in done], indent=2))
            return
        for synthetic in (False, True):
            chosen = [record for record in done if record.database.synthetic == synthetic]
            if chosen:
                click.echo(table(chosen))

    try:
        with closing(TerminalProgress(quiet or not speaks)) as progress, network_refused(unless=network):
            done = api.run(
                models,
                tasks,
                parse_data(data),
                preset=preset,
                data_seed=data_seed,
                seed=seeds,
                weights=weights,
                settings=parse_assignments(settings),
                protocol={
                    **parse_assignments(protocol, "--protocol", "smoothing=box:50"),
                    **({} if folds is None else {"folds": folds}),
                    **({"refit": True} if refit else {}),
                },
                readings=parse_readings(readings),
                device=device,
                precision=precision,
                runtime=runtime,
                control=control,
                out=out,
                force=force,
                latency_seconds=latency_seconds,
                progress=progress,
                finished=done.append,
                limits=None
                if in_process
                else Limits(jobs=at_once, seconds=job_timeout or None, memory=job_memory, network=network),
            )
    except KeyboardInterrupt:
        click.echo(f"\ninterrupted: {len(done)} whole results kept under {out}; run again to finish the rest", err=True)
        show()
        return 130
    show()
    return 0 if all(record.status == "ok" for record in done) else 1
