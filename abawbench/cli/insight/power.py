"""``abawbench power``: what a data set can show, from the statistics that runs left."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.harness.insight.power import Powered
    from abawbench.harness.request.databases import Sources

EPILOG = """\b
Examples:
  abawbench power va
      from every pair of runs of va below runs that were scored on the same tracks
  abawbench power va --runs runs/a --runs runs/b --data aff-wild2=/data/Aff-Wild2 --difference 0.01
      and what the validation split of that copy would show

Two models that stumble over the same subjects need few of them to be told apart: take a pair like yours.

Exit status: 0 done, 2 wrong usage, or no two runs on the same tracks.
"""


@click.command(epilog=EPILOG)
@click.argument("task", shell_complete=options.complete("task"))
@click.option("--runs", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folders of runs; default: runs. Repeatable.")  # fmt: skip
@click.option("--difference", "differences", multiple=True, type=click.FloatRange(0, min_open=True),
              help="In the metric's own unit; default: 0.01, 0.02 and 0.05. Repeatable.")  # fmt: skip
@options.sources
@options.json_output
def power(task: str, runs: tuple[Path, ...], differences: tuple[float, ...], sources: "Sources", as_json: bool) -> int:
    """Say which difference a data set can show, and how many subjects a given one needs."""
    from abawbench import insight

    chosen = differences or (0.01, 0.02, 0.05)
    data = sources if sources.roots or sources.preset else None
    found = insight.power(task, runs or ("runs",), data, differences=chosen)
    click.echo(json.dumps([asdict(one) for one in found], indent=2) if as_json else _report(found))
    return 0


def _report(found: "list[Powered]") -> str:
    from tabulate import tabulate

    from abawbench.system.text import plain

    here = found[0].detectable_here is not None
    rows = [
        (
            plain(f"{one.b} less {one.a}"),
            f"{one.difference:+.3f}",
            one.subjects,
            f"{one.detectable:.3f}",
            *([f"{one.detectable_here:.3f}"] if here else []),
            *(str(need.subjects) for need in one.needed),
        )
        for one in found
    ]
    needed = [f"subjects for {need.difference:g}" for need in found[0].needed]
    headers = ("pair", "difference", "subjects", "detectable", *(["detectable in --data"] if here else []), *needed)
    return tabulate(rows, headers=headers, disable_numparse=True) + (
        "\n\ndetectable: the smallest true difference that so many subjects show with a probability of 80%, at 5%"
    )
