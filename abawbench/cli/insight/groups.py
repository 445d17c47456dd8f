"""``abawbench groups``: results by group of subjects, and whether the largest gap is more than chance."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options
from abawbench.cli.insight.calibration import estimate_text

if TYPE_CHECKING:
    from abawbench.harness.insight.groups import ByAttribute
    from abawbench.harness.request.databases import Sources

EPILOG = """\b
Examples:
  abawbench groups runs/mnv4-tam/expr-clip/crema-d-seed0-0f3a0f3a
      every attribute that the database gives
  abawbench groups runs --task va --attributes people.csv --by sex
      a table with the columns subject (or track) and one for each attribute
  abawbench groups runs --task va --by light --by track-length --by face-size
      measured on the tracks, in thirds of the subjects
  abawbench groups runs --task expr --by head-roll --by head-yaw
      how heads are held, by the face detector of 'predict'

The p-value is that of a gap as large between any two groups, were it chance who is in which: it holds however many
groups there are. It says nothing about why.

Exit status: 0 done, 2 wrong usage, or a run whose labels are not there.
"""


@click.command(epilog=EPILOG)
@options.stored_run
@click.option("--by", multiple=True, metavar="NAME", help="An attribute; default: all that are given. Repeatable.")
@click.option("--attributes", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A table of them, instead of the database's.")  # fmt: skip
@click.option("--size", type=click.IntRange(5), default=5, show_default=True,
              help="Subjects from which on a group is shown.")  # fmt: skip
@options.sources
@options.json_output
def groups(stored: dict[str, Any], sources: "Sources", as_json: bool, **given: Any) -> int:
    """Show a run's results by group of subjects, and test the largest gap between them."""
    from abawbench import insight

    stored.pop("weights")
    found = insight.groups(**stored, data=sources, **given)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        click.echo("\n\n".join(_report(one) for one in found))
    return 0


def _report(found: "ByAttribute") -> str:
    from tabulate import tabulate

    from abawbench.system.text import plain

    rows = [(plain(one.name), one.subjects, one.tracks, estimate_text(one.value)) for one in found.groups]
    lines = [tabulate(rows, headers=(plain(found.attribute), "subjects", "tracks", "value"), disable_numparse=True)]
    if found.gap is not None and found.p_value is not None:
        lines.append(
            plain(f"largest gap: {found.gap:.3f}, {found.low_group} below {found.high_group}, p = {found.p_value:.3f}")
        )
    if found.reason:
        lines.append(plain(found.reason))
    if found.hidden:
        lines.append(f"not shown: {found.hidden} smaller group(s) of {found.hidden_subjects} subjects in all")
    if found.unknown_subjects:
        lines.append(f"not known, or not the same on all tracks: {found.unknown_subjects} subjects")
    return "\n".join(lines)
