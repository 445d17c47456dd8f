"""``abawbench score``: the official value of predictions from any framework."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options
from abawbench.cli.options import LOST

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

  abawbench score openface/ --form openface --task au --data aff-wild2=/data/Aff-Wild2 --missing nearest
      tables of a toolkit, <track>.csv each

A class is given by its number or its name. CSV may have commas, semicolons (with decimal commas) or tabs.

Exit status: 0 scored, 2 wrong usage, or a file that cannot be scored, 3 scored, but a track of the split could not be
read, whose frames count as not predicted.
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
@click.option("--surplus", type=click.Choice(["error", "ignore"]), default="error", show_default=True,
              help="Predictions of frames that the split does not have; ignored ones are counted.")  # fmt: skip
@click.option("--form", type=click.Choice(["openface", "py-feat", "libreface"]),
              help="FILE is a table of this toolkit called after its track, or a folder of them.")  # fmt: skip
@options.assumption
@options.network
@options.json_output
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a row for the official value, then one a part.")
def score(file: Path, sources: "Sources", network: bool, as_json: bool, as_csv: bool, **given: Any) -> int:
    """Score a file of predictions, or verify a run, by the official metric."""
    from abawbench import api
    from abawbench.cli.progress import TerminalProgress
    from abawbench.harness.request.assumptions import parse_assumptions
    from abawbench.system.network import network_refused

    given["assumptions"] = parse_assumptions(given["assumptions"])
    with closing(TerminalProgress(quiet=as_json or as_csv)) as progress, network_refused(unless=network):
        found = api.score(file, data=sources, **given, progress=progress)
    if as_csv:
        options.print_csv(_rows(found))
    else:
        click.echo(found.model_dump_json(indent=2) if as_json else report(found))
    return LOST if found.lost_tracks else 0


def _rows(found: "ScoredFile") -> list[dict[str, object]]:
    """Return the official value and those of its parts as flat rows."""
    score = found.score
    fields: dict[str, object] = {
        "file": found.file,
        "task": found.task,
        "database": found.database.name,
        "split": found.database.split,
    }
    fields |= {"synthetic": found.database.synthetic, "metric": score.metric}
    values = [("", score.value, score.interval)] + [(name, p.value, p.interval) for name, p in score.parts.items()]
    return [
        {**fields, "part": part, "value": value, "low": ends.low if ends else None, "high": ends.high if ends else None}
        for part, value, ends in values
    ]


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
    if found.lost_tracks:
        lines.append(
            f"LOST: {found.lost_tracks} track(s) of the split could not be read; their frames count as missing"
        )
    if found.surplus_rows:
        lines.append(f"passed over: {found.surplus_rows} row(s) of frames that the split does not have")
    lines += [plain(note) for note in found.notes]
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
