"""``abawbench calibration``: whether scores can be taken as probabilities, and what abstaining would gain."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.harness.insight.calibration import Calibrated, Estimate
    from abawbench.harness.request.databases import Sources

EPILOG = """\b
Examples:
  abawbench calibration runs/mnv4-tam/expr/aff-wild2-seed0-0f3a0f3a
  abawbench calibration runs --task au --json > calibration.json
  abawbench calibration RUN --keep && abawbench report runs --html page.html
      the curves among the details of the run on the page

An answer is a frame (or a track) of a class, or one unit of it; its confidence is the share of what was answered.
Intervals are over subjects. The expected error is never below 0, so that few answers make it too high.

Exit status: 0 done, 2 wrong usage, a task of values, or a run whose labels are not there.
"""


@click.command(epilog=EPILOG)
@options.stored_run
@click.option("--keep", is_flag=True, help="Leave it beside the run, for the page of 'report --html'.")
@options.sources
@options.json_output
def calibration(stored: dict[str, Any], keep: bool, sources: "Sources", as_json: bool) -> int:
    """Say how far a run's scores can be taken as probabilities, and what abstaining would gain."""
    from abawbench import insight

    stored.pop("weights")
    found = insight.calibration(**stored, data=sources, keep=keep)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        click.echo("\n\n".join(_report(one) for one in found))
    return 0


def _report(found: "Calibrated") -> str:
    from tabulate import tabulate

    from abawbench.report.table import SYNTHETIC
    from abawbench.system.text import plain

    reliable = [
        (f"{one.low:.2f} to {one.high:.2f}", one.answers, f"{one.confidence:.3f}", estimate_text(one.right))
        for one in found.bins
    ]
    kept = [(f"{one.coverage:.0%}", f"{one.level:.3f}", estimate_text(one.risk)) for one in found.kept[1::2]]
    return "\n".join(
        [
            *([SYNTHETIC] if found.synthetic else []),
            plain(
                f"{found.run}: {found.part} on {found.database}, {found.answers} answers of {found.subjects} subjects"
            ),
            "",
            f"expected calibration error: {estimate_text(found.error)}",
            f"Brier score: {estimate_text(found.brier)}",
            f"mean risk over coverages: {estimate_text(found.risk_area)}",
            *map(plain, found.notes),
            "",
            tabulate(reliable, headers=("confidence", "answers", "mean", "right"), disable_numparse=True),
            "",
            tabulate(kept, headers=("kept", "confidence from", "wrong among them"), disable_numparse=True),
        ]
    )


def estimate_text(one: "Estimate") -> str:
    """Return a value and its interval."""
    from abawbench.system.text import NONE

    if one.value is None:
        return NONE
    return f"{one.value:.3f}" + ("" if one.low is None or one.high is None else f" [{one.low:.3f}, {one.high:.3f}]")
