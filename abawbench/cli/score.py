"""``abawbench score``: the official value of predictions from any framework."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.harness.request.databases import Sources
    from abawbench.records.scored_file import ScoredFile

EPILOG = """\b
Examples:
  abawbench score predictions.parquet --task au --data aff-wild2=/data/Aff-Wild2
      columns track, frame (from 0) and score_<output>; the same as CSV
  abawbench score predictions.txt --task va --data aff-wild2=/data/Aff-Wild2
      the official file of the challenge; also a folder of <track>.txt
  abawbench score runs/mnv4-tam/va/synthetic-seed0-0f3a0f3a
      a run: its stored value must come out again

Exit status: 0 scored, 2 wrong usage, or a file that cannot be scored.
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--task", "-t", shell_complete=options.complete("task"), help="What the file predicts; a run folder knows."
)
@options.sources
@click.option("--split", default="val", show_default=True, help="The split that is scored.")
@click.option("--missing", type=click.Choice(["error", "nearest", "interpolate"]), default="error", show_default=True,
              help="What stands for annotated frames without a prediction.")  # fmt: skip
@options.assumption
@options.network
@options.json_output
def score(file: Path, sources: "Sources", network: bool, as_json: bool, **given: Any) -> int:
    """Score a file of predictions, or verify a run, by the official metric."""
    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.harness.request.assumptions import parse_assumptions
    from abawbench.system.network import network_refused

    given["assumptions"] = parse_assumptions(given["assumptions"])
    with closing(TerminalProgress(quiet=as_json)) as progress, network_refused(unless=network):
        found = api.score(file, data=sources, **given, progress=progress)
    click.echo(found.model_dump_json(indent=2) if as_json else report(found))
    return 0


def report(found: "ScoredFile") -> str:
    """Return the score as text: value and interval, floor, coverage, and a row per part."""
    from tabulate import tabulate

    from abawbench.report.table import SYNTHETIC, interval_text, lacking_text, value_text
    from abawbench.system.text import NONE, plain

    def text(value: float | None) -> str:
        return NONE if value is None else f"{value:.3f}"

    lines = [SYNTHETIC] if found.database.synthetic else []
    where = f"{found.database.name} {found.database.split}"
    lines += [
        plain(f"{found.file} ({found.form}): {found.task} on {where}, {found.tracks} tracks"),
        "",
        f"{plain(found.score.metric)}: {value_text(found.score)}",
        plain(f"floor: {text(found.floor.value)}, {found.floor.what}"),
        f"coverage: {found.coverage:.2%}, {found.predicted_frames} of {found.annotated_frames} annotated",
    ]
    if found.filled_frames:
        lines[-1] += f", {found.filled_frames} filled: {found.missing}"
    if lacking := lacking_text(found.database, found.score.metric):
        lines.append(plain(lacking))
    if found.score.reason:
        lines.append(plain(found.score.reason))
    lines += [
        plain(f"assumption: {name}={value}, which is not the default") for name, value in found.assumptions.items()
    ]
    if found.stored_value is not None:
        lines.append(f"verified: the record's value, {found.stored_value!r}, from the stored predictions")
    rows = [
        (plain(name), f"{text(part.value)}{interval_text(part.interval)}") for name, part in found.score.parts.items()
    ]
    return "\n".join([*lines, "", tabulate(rows, headers=("part", "value [interval]"), disable_numparse=True)])
