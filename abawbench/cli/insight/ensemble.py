"""``abawbench ensemble``: several runs combined out of fold, as a run."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from abawbench.harness.request.databases import Sources
    from abawbench.records.record import Record

EPILOG = """\b
Examples:
  abawbench ensemble runs --task au --out runs/together
      the mean of every run of au below runs
  abawbench ensemble runs/a/au/... runs/b/au/... --method greedy --thresholds tuned --out runs/greedy
      weights and thresholds out of fold, by subject
  abawbench submit runs/greedy --members runs --out predictions.txt
      the test set, predicted by every member

The value is out of fold: of each track, by what was fitted to tracks of other subjects. The in-sample value beside it
is what a fit to the scored tracks themselves would claim. The best single run is chosen with all labels in hand.
The interval is of the value over all people like these, and takes what was fitted as given. A test set of few people
strays by itself: of m people, beside the n of this one, the interval for it is wider by the root of 1 + n/m.

Exit status: 0 written, 2 wrong usage, or runs that do not belong together.
"""


@click.command(epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--task", "-t", shell_complete=options.complete("task"), help="Which runs, where folders hold several.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The run folder to write.")
@click.option("--method", type=click.Choice(["mean", "weights", "rank", "ridge", "logistic", "greedy"]),
              default="mean", show_default=True, help="How scores are combined.")  # fmt: skip
@click.option("--thresholds", type=click.Choice(["fixed", "tuned"]), default="fixed", show_default=True,
              help="The task's own, or chosen out of fold.")  # fmt: skip
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="By subject.")
@click.option("--name", help="What tables call it; default: ensemble-METHOD.")
@options.sources
@options.json_output
@options.quiet
def ensemble(runs: tuple[Path, ...], sources: "Sources", as_json: bool, quiet: bool, **given: Any) -> int:
    """Combine stored runs of the same tracks out of fold, and write the result as a run."""
    from abawbench import insight
    from abawbench.cli.progress import TerminalProgress

    with closing(TerminalProgress(quiet=quiet or as_json)) as progress:
        record = insight.ensemble(runs, data=sources, **given, progress=progress)
    click.echo(record.to_json().rstrip() if as_json else _report(record))
    return 0


def _report(record: "Record") -> str:
    from tabulate import tabulate

    from abawbench.report.table import SYNTHETIC, value_text
    from abawbench.system.text import NONE, plain

    told, score = record.ensemble, record.score
    assert told is not None
    assert score is not None

    def text(value: float | None, form: str = ".3f") -> str:
        return NONE if value is None else format(value, form)

    rows = [(f"{one.model}, seed {one.seed}", text(one.value)) for one in told.members]
    weights = told.parameters.get("weights")
    if isinstance(weights, list):
        rows = [(*row, f"{w:.2f}") for row, w in zip(rows, weights, strict=True)]  # type: ignore[misc]
    gain = text(told.gain, "+.3f")
    if told.gain_low is not None:
        gain += f" [{told.gain_low:+.3f}, {told.gain_high:+.3f}], p = {text(told.gain_p_value)}"
    elif told.gain_reason:
        gain += f"; {told.gain_reason}"
    fold = f"out of fold, {told.folds} folds by subject" if told.folds else "nothing is fitted to labels"
    lines = [SYNTHETIC] if record.database.synthetic else []
    lines += [
        plain(f"{record.model}: {record.task} on {record.scored_on}, {len(told.members)} runs"),
        "",
        tabulate(rows, headers=("member", "value", "weight")[: len(rows[0])], disable_numparse=True),
        "",
        f"{plain(score.metric)} of the ensemble: {value_text(score)} ({fold})",
        plain(f"less the best member, {told.best}: {gain}"),
        f"in sample: {text(told.in_sample)}" + (" (do not quote it)" if told.folds else ""),
    ]
    return "\n".join(lines)
