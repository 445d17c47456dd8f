"""``abawbench profile``: what a model's network costs, without training it."""

import os
from contextlib import closing
from typing import Any

import click

from abawbench.cli import options

EPILOG = """\b
Examples:
  abawbench profile mnv4-tam
  abawbench profile mnv4-tam --threads 1 --scenario live
      does one core keep up with a camera of 30 frames a second?
  abawbench profile mnv4-tam --runtime openvino --runtime onnxruntime --runtime compile --threads 2
      the first in single stream and offline, all interleaved in one run, as ratios to plain eager execution
  abawbench profile mnv4-tam --set levels=1 --seconds 60 --json > profile.json

Networks see noise: what a runtime does to the answers on real clips is measured by a run.
Exit status: 0 done (read valid, noisy or invalid), 2 wrong usage, 130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("model")
@click.option(
    "--task",
    "-t",
    default="va",
    show_default=True,
    shell_complete=options.complete("task"),
    help="The task whose outputs the network has.",
)
@click.option("--weights", help="Where the parameters come from; default: the model's choice for synthetic data.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Override a setting of the model.")
@click.option("--runtime", multiple=True, help="How it is executed; default: eager. Repeatable.")
@click.option("--scenario", multiple=True, type=click.Choice(["single-stream", "offline", "live"]),
              help="Repeatable; default: all three.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), help="Threads and cores it may use; default: as torch chooses.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(0), help="For each scenario at most; "
              "live takes 22 s at 30 frames/s.")  # fmt: skip
@click.option("--frame-rate", default=30.0, show_default=True, type=click.FloatRange(0, min_open=True),
              help="Of the live camera.")  # fmt: skip
@click.option("--every", default=1, show_default=True, type=click.IntRange(1), help="Frames between live predictions.")
@click.option("--memory-limit", default=2.0, show_default=True, type=click.FloatRange(0), help="GiB that an offline "
              "batch may add.")  # fmt: skip
@click.option("--workers", type=click.IntRange(0), help="Processes that decode offline frames, 0 for none; default: "
              "one per processor.")  # fmt: skip
@click.option("--batch", default=4, show_default=True, type=click.IntRange(1), help="Clips a call, interleaved.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--depth", default=2, show_default=True, type=click.IntRange(1), help="Of the table of modules.")
@options.network
@click.option("--json", "as_json", is_flag=True, help="Print the profile as JSON, every module in it.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one row a module.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def profile(model: str, depth: int, network: bool, as_json: bool, as_csv: bool, quiet: bool, **given: Any) -> int:
    """Count and time a network in three scenarios; nothing is trained."""
    threads = given["threads"]
    if threads is not None and hasattr(os, "sched_setaffinity"):
        # before torch starts its threads, which inherit the cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.harness.request.settings import parse_assignments
    from abawbench.report.profile_table import profile_text
    from abawbench.system.network import network_refused

    given["settings"] = parse_assignments(given["settings"])
    given["memory_limit"] = int(given["memory_limit"] * 2**30)
    with closing(TerminalProgress(quiet)) as progress, network_refused(unless=network):
        found = api.profile(model, **given, progress=progress)
    if as_csv:
        options.print_csv([{"model": found.model, "task": found.task, **one.model_dump()} for one in found.modules])
        return 0
    click.echo(found.model_dump_json(indent=2) if as_json else profile_text(found, depth))
    return 0
