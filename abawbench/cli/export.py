"""``abawbench export``: a run's network as a folder that runs without abawbench."""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.harness.request.databases import Sources

EPILOG = """\b
Examples:
  abawbench export runs/mnv4-tam/va/synthetic-seed0-0f3a0f3a --format onnx
  abawbench export runs --task expr --format openvino --data aff-wild2=/data/Aff-Wild2 --out expr-openvino
  python mnv4-tam-va-onnx/example.py face1.jpg face2.jpg
      the folder needs numpy, OpenCV and ONNX Runtime or OpenVINO
  abawbench export runs/together --format onnx --members runs
      an ensemble: the network of each member, and an example that combines them

Exit status: 0 written, 1 written and the metric changes by more than 0.002, 2 wrong usage or nothing written.
"""


@click.command(epilog=EPILOG)
@options.stored_run
@click.option("--format", required=True, help="onnx, openvino, or another that a runtime writes.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to make; default: MODEL-TASK-FORMAT.")
@click.option("--members", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Where the runs of an ensemble lie; default: beside it, and runs. Repeatable.")  # fmt: skip
@options.sources
@options.network
@options.json_output
def export(sources: "Sources", network: bool, as_json: bool, **given: Any) -> int:
    """Write a run's network as a folder that runs without abawbench.

    It holds the model, its preprocessing, how far its answers are from eager execution on the run's clips, an example,
    and a model card for a hub. An ensemble holds all that for each member, and what combines them.
    """
    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.system.network import network_refused
    from abawbench.system.text import plain

    stored = given.pop("stored")
    with closing(TerminalProgress(quiet=as_json)) as progress, network_refused(unless=network):
        done = api.export(**stored, data=sources, **given, progress=progress)
    found = done.parity
    if as_json:
        click.echo(json.dumps({**asdict(done), "parity": found.model_dump(mode="json")}, indent=2))
    else:
        synthetic = ", SYNTHETIC" if done.synthetic else ""
        change = "no metric to compare" if found.change is None else f"the metric changes by {found.change:+.2g}"
        click.echo(plain(f"wrote {done.folder}: {', '.join(done.files)}"))
        click.echo(
            f"{plain(done.model)} on {plain(done.task)} ({plain(done.database)}{synthetic}) beside eager execution: "
            f"outputs differ by {found.largest_difference:.2g} at most, {found.mean_difference:.2g} on average; "
            f"{change}"
        )
        if "README.md" in done.files:
            click.echo(f"README.md is its model card; to publish it: {plain(done.upload)}")
    return 0 if found.kept or not found.compared else 1
