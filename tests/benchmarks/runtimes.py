"""All runtimes on one trained network, interleaved in one process: frames per second, ratio to plain eager, parity.

    abawbench run --model mnv4-tam --task va --out runs
    python tests/benchmarks/runtimes.py runs --threads 2

Plain eager is the network as a library would build it: contiguous memory, BatchNorm by itself. In each round every
runtime answers the same batch once, in an order that changes, so that whatever else the machine does falls on all; a
ratio is the median over rounds of the time of plain eager over the runtime's own.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor

from abawbench.cli.progress import TerminalProgress
from abawbench.config import parse_data
from abawbench.contracts import AbawbenchError, Example, Runtime
from abawbench.harness.measure.bench import BATCH, Bench, measure_parity
from abawbench.harness.measure.interleaved import plain_eager
from abawbench.harness.request.databases import Databases, Sources
from abawbench.harness.stored.bench import bench_of_run
from abawbench.harness.stored.load import find_run
from abawbench.plugins import default_plugins
from abawbench.records.parity import Parity
from abawbench.records.profile import PLAIN

Call = Callable[..., Tensor]


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--task", "-t", help="Which run, when RUN holds several.")
@click.option("--runtime", "names", multiple=True, help="Repeatable; default: every one.")
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=40, show_default=True)
@click.option("--data", multiple=True, metavar="NAME=ROOT")
@click.option("--preset", default="small", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(
    run: Path,
    task: str | None,
    names: tuple[str, ...],
    threads: int,
    rounds: int,
    data: tuple[str, ...],
    preset: str,
    as_json: bool,
) -> None:
    """Print one table of all runtimes on the network of a stored run."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    progress = TerminalProgress(quiet=as_json)
    plugins = default_plugins()
    stored = find_run(run, plugins, task)
    record = stored.record
    bench = bench_of_run(stored, Databases(plugins, Sources(parse_data(data), preset), progress))
    runtimes: list[Runtime] = [
        plugins.get("runtime", n).build() for n in names or [p.name for p in plugins.all("runtime")]
    ]
    calls, seconds = compile_all(bench, runtimes, progress)
    times = alternate(calls, bench.example(), rounds)
    found = {r.name: measure_parity(bench, r, progress, calls[r.name]) for r in runtimes if r.name in calls}
    length = bench.learner.model.clip.length
    rows = [row(name, times, seconds[name], found.get(name), length) for name in calls]
    rows.sort(key=lambda one: one["ratio"])
    if as_json:
        click.echo(json.dumps({"model": record.model, "task": record.task, "threads": threads, "rows": rows}, indent=2))
        return
    click.echo(f"{record.model} on {record.task}, {stored.task.metric}, {BATCH} clips a call, {threads} threads")
    click.echo(tabulate(rows, headers="keys", floatfmt=".4g"))


def compile_all(
    bench: Bench, runtimes: list[Runtime], progress: TerminalProgress
) -> tuple[dict[str, Call], dict[str, float]]:
    """Return the callables that this machine can make, and the seconds each took; says which it cannot."""
    calls = {PLAIN: plain_eager(bench.network)}
    seconds = {PLAIN: 0.0}
    for runtime in runtimes:
        progress.note(f"compile by {runtime.name}")
        start = perf_counter()
        try:
            calls[runtime.name] = bench.compile(runtime, bench.example())
        except AbawbenchError as error:
            progress.note(f"left out: {error}")
        seconds[runtime.name] = perf_counter() - start
    return calls, seconds


def alternate(calls: dict[str, Call], example: Example, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each callable in each round, after two rounds of warm-up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for number in range(-2, rounds):
        random.Random(number).shuffle(order)
        for name in order:
            start = perf_counter()
            calls[name](*example)
            if number >= 0:
                times[name].append(perf_counter() - start)
    return times


def row(name: str, times: dict[str, list[float]], seconds: float, found: Parity | None, length: int) -> dict[str, Any]:
    """Return one line of the table."""
    ratios = np.divide(times[PLAIN], times[name])
    low, middle, high = np.percentile(ratios, (25, 50, 75))
    return {
        "runtime": name,
        "frames/s": BATCH * length / float(np.median(times[name])),
        "ratio": float(middle),
        "quartiles": f"{low:.2f} to {high:.2f}",
        "largest diff": found.largest_difference if found else 0.0,
        "mean diff": found.mean_difference if found else 0.0,
        "metric": found.value if found else None,
        "change": found.change if found else None,
        "kept": {None: "", True: "yes", False: "no: not ranked"}[found.kept if found else None],
        "compile s": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
