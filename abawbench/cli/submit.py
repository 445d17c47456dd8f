"""``abawbench submit``: the official file of a test set."""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.harness.request.databases import Sources

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
@options.stored_run
@click.option("--template", type=click.Path(exists=True, path_type=Path),
              help="The official template, whose rows and order are kept; default: the database's.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@options.sources
@click.option("--split", default="test", show_default=True, help="The split that is predicted.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@options.assumption
@options.network
@options.json_output
def submit(out: Path, sources: "Sources", network: bool, as_json: bool, **given: Any) -> int:
    """Predict a test set with a run's stored weights and write the official file.

    It is checked, and written whole or not at all.
    """
    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.harness.request.assumptions import parse_assumptions
    from abawbench.system.network import network_refused
    from abawbench.system.text import plain

    stored = given.pop("stored")
    given["assumptions"] = parse_assumptions(given["assumptions"])
    with closing(TerminalProgress(quiet=as_json)) as progress, network_refused(unless=network):
        done = api.submit(**stored, out=out, data=sources, **given, progress=progress)
    if as_json:
        click.echo(json.dumps(vars(done), indent=2))
        return 0
    where = f"{done.database} {done.split}{', SYNTHETIC' if done.synthetic else ''}"
    click.echo(plain(f"wrote {out}: {done.rows} rows of {done.tracks} tracks, {done.task} on {where}"))
    click.echo(f"by {plain(done.model)}, seed {done.seed}; {done.frames_without_image} frames without an image")
    return 0
