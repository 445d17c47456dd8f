"""``abawbench export``: a run's network as a folder that runs without abawbench."""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from abawbench.cli import options

EPILOG = """\b
Examples:
  abawbench export runs/mnv4-tam/va/synthetic-seed0-0f3a0f3a --format onnx
  abawbench export runs --task expr --format openvino --data aff-wild2=/data/Aff-Wild2 --out expr-openvino
  python mnv4-tam-va-onnx/example.py face1.jpg face2.jpg
      the folder needs numpy, OpenCV and ONNX Runtime or OpenVINO

Exit status: 0 written, 1 written and the metric changes by more than 0.002, 2 wrong usage or nothing written.
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--format", "format_", required=True, help="onnx, openvino, or another that a runtime writes.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to make; default: MODEL-TASK-FORMAT.")
@click.option("--task", "-t", help="Which run, when RUN holds several.")
@click.option("--data", multiple=True, metavar="NAME=ROOT", help="Where the run's database lies. Repeatable; default: "
              "abawbench.toml, else the synthetic database.")  # fmt: skip
@click.option("--weights", help="Where the weights lie that the run started from, when they came from a file.")
@click.option("--preset", default="small", show_default=True, help="Size of the synthetic database: tiny or small.")
@click.option("--data-seed", default=0, show_default=True, help="Seed of the synthetic database.")
@options.network
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def export(
    run: Path,
    format_: str,
    out: Path | None,
    task: str | None,
    data: tuple[str, ...],
    weights: str | None,
    preset: str,
    data_seed: int,
    network: bool,
    as_json: bool,
) -> int:
    """Write a run's network as a folder that runs without abawbench.

    It holds the model, its preprocessing, how far its answers are from eager execution on the run's clips, and an
    example.
    """
    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.config import parse_data
    from abawbench.system.network import network_refused
    from abawbench.system.text import plain

    with closing(TerminalProgress(quiet=as_json)) as progress, network_refused(unless=network):
        done = api.export(
            run,
            format_,
            task,
            parse_data(data),
            out=out,
            weights=weights,
            preset=preset,
            data_seed=data_seed,
            progress=progress,
        )
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
    return 0 if found.kept or not found.compared else 1
