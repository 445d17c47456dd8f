"""``abawbench robustness``: what corruptions of images, frames and sound cost a stored run."""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.harness.insight.robustness import Change, Robustness

EPILOG = """\b
Examples:
  abawbench robustness runs/mnv4-tam/va/aff-wild2-seed0-0f3a0f3a --data aff-wild2=/data/Aff-Wild2
      19 corruptions at five severities, those that reach an input of the model
  abawbench robustness runs --task expr --corruption jpeg --corruption mouth-covered --severity 3
  abawbench robustness runs --task va --out robustness.json --plot robustness.png

A difference is paired with the clean split, which is predicted anew. The control reads, decodes and predicts as the
others do and changes nothing: its difference is 0. Each severity is a pass over the split.

Exit status: 0 done, 1 the control differs, 2 wrong usage, or a run without a network.
"""


@click.command(epilog=EPILOG)
@options.stored_run
@click.option("--corruption", "corruptions", multiple=True, metavar="NAME", help="Default: all. Repeatable.")
@click.option("--severity", "severities", multiple=True, type=click.IntRange(1, 5), help="Default: all. Repeatable.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A JSON file to write the record to.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="A picture to draw: .png, .svg or .pdf.")
@options.sources
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@options.network
@options.json_output
@options.quiet
def robustness(
    stored: dict[str, Any],
    out: Path | None,
    plot: Path | None,
    network: bool,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Say what corruptions of images, frames and sound cost a stored run, paired and with intervals."""
    from abawbench import insight
    from abawbench.cli.progress import TerminalProgress
    from abawbench.system.files import replace_file
    from abawbench.system.network import network_refused

    with closing(TerminalProgress(quiet=quiet or as_json)) as progress, network_refused(unless=network):
        found = insight.robustness(**stored, data=given.pop("sources"), **given, progress=progress)
    text = json.dumps(asdict(found), indent=2)
    if out is not None:
        with replace_file(out) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    if plot is not None:
        from abawbench.report.robustness_plot import draw_robustness

        lines = {one.corruption: [(s.severity, s.value) for s in one.severities] for one in found.disturbed}
        draw_robustness(plot, f"{found.run}, {found.task} on {found.database}", found.metric, found.clean, lines)
    click.echo(text if as_json else _report(found))
    return int(found.control != 0)


def _report(found: "Robustness") -> str:
    from tabulate import tabulate

    from abawbench.report.table import SYNTHETIC
    from abawbench.system.text import plain

    severities = sorted({s.severity for one in found.disturbed for s in one.severities})
    rows = []
    for one in found.disturbed:
        values = {s.severity: f"{s.value:.3f}" for s in one.severities}
        rows.append((one.corruption, *(values.get(s, "") for s in severities), _text(one.mean)))
    lines = [SYNTHETIC] if found.synthetic else []
    lines += [
        plain(f"{found.run}: {found.task} on {found.database}, {found.subjects} subjects"),
        f"{plain(found.metric)} clean: {found.clean:.3f} (stored: {found.stored:.3f}); control: {found.control:+.3f}",
        "",
        tabulate(rows, headers=("corruption", *map(str, severities), "mean change [interval]"), disable_numparse=True),
    ]
    if reasons := [f"{one.corruption}: {one.mean.reason}" for one in found.disturbed if one.mean.reason]:
        lines += ["", *reasons]
    if found.not_asked:
        lines += ["", f"not asked, the model has no such input: {', '.join(found.not_asked)}"]
    return "\n".join(lines)


def _text(change: "Change") -> str:
    from abawbench.system.text import NONE

    if change.value is None:
        return NONE
    interval = (
        " (see below)" if change.low is None or change.high is None else f" [{change.low:+.3f}, {change.high:+.3f}]"
    )
    return f"{change.value:+.3f}{interval}"
