"""``abawbench submit``: the official file of a test set."""

import json
from contextlib import closing
from pathlib import Path

import click

from abawbench.cli import options

EPILOG = """\b
Examples:
  abawbench submit runs/mnv4-tam/va/aff-wild2-seed0-0f3a0f3a --data aff-wild2=/data/Aff-Wild2 --out predictions.txt
      the template is found where the database lies
  abawbench submit runs --task au --template CVPR_8th_ABAW_AU_test_set_sample.txt --out predictions.txt
  abawbench submit runs --task va --split val --out val.txt && abawbench score val.txt --task va
      the value of the run again

Exit status: 0 written, 2 wrong usage, or a file that would not be whole.
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--task", "-t", help="Which run, when RUN holds several.")
@click.option("--template", type=click.Path(exists=True, path_type=Path),
              help="The official template, whose rows and order are kept; default: the database's.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@click.option("--data", multiple=True, metavar="NAME=ROOT", help="Where a database lies. Repeatable; default: "
              "abawbench.toml, else the synthetic database.")  # fmt: skip
@click.option("--split", default="test", show_default=True, help="The split that is predicted.")
@click.option("--weights", help="Where the weights lie that the run started from, when they came from a file.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@options.reading
@click.option("--preset", default="small", show_default=True, help="Size of the synthetic database: tiny or small.")
@click.option("--data-seed", default=0, show_default=True, help="Seed of the synthetic database.")
@options.network
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def submit(
    run: Path,
    task: str | None,
    template: Path | None,
    out: Path,
    data: tuple[str, ...],
    split: str,
    weights: str | None,
    device: str,
    readings: tuple[str, ...],
    preset: str,
    data_seed: int,
    network: bool,
    as_json: bool,
) -> int:
    """Predict a test set with a run's stored weights and write the official file.

    It is checked, and written whole or not at all.
    """
    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.config import parse_data
    from abawbench.harness.request.assumptions import parse_readings
    from abawbench.system.network import network_refused
    from abawbench.system.text import plain

    with closing(TerminalProgress(quiet=as_json)) as progress, network_refused(unless=network):
        done = api.submit(
            run,
            out,
            task,
            parse_data(data),
            template=template,
            split=split,
            weights=weights,
            device=device,
            readings=parse_readings(readings),
            preset=preset,
            data_seed=data_seed,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(vars(done), indent=2))
        return 0
    where = f"{done.database} {done.split}{', SYNTHETIC' if done.synthetic else ''}"
    click.echo(plain(f"wrote {out}: {done.rows} rows of {done.tracks} tracks, {done.task} on {where}"))
    click.echo(f"by {plain(done.model)}, seed {done.seed}; {done.frames_without_image} frames without an image")
    return 0
