"""``abawbench submit``: the official file of a test set."""

import json
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from abawbench.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abawbench.harness.engines.engine import Engine
    from abawbench.progress import Progress

EPILOG = """\b
Examples:
  abawbench submit runs/mnv4-tam/va/aff-wild2-seed0-0f3a0f3a --data aff-wild2=/data/Aff-Wild2 --out predictions.txt
      the template is found where the database lies
  abawbench submit runs --task au --template CVPR_8th_ABAW_AU_test_set_sample.txt --out predictions.txt
  abawbench submit runs --task va --split val --out val.txt && abawbench score val.txt --task va
      the value of the run again
  abawbench submit runs/greedy --members runs --out predictions.txt
      an ensemble: every member predicts
  abawbench submit runs/mnv4-tam/va/aff-wild2-seed0-0f3a0f3a --engine ray --shards 16 --out predictions.txt
      a large test set, in sixteen parts on the nodes of a cluster
  abawbench submit --predictions theirs.csv --template sample.txt --task au --out predictions.txt
      predictions of any framework, in any form that score reads; no database is needed
  abawbench submit --check predictions.txt --template sample.txt --task au
      rows, order, gaps, ranges and form of a file that somebody wrote

Exit status: 0 written, or nothing is wrong; 1 --check found something; 2 wrong usage, or a file that would not be
whole.
"""


@click.command(epilog=EPILOG)
@click.argument("run", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--task", "-t", shell_complete=options.complete("task"), help="Which run, when RUN holds several.")
@click.option("--weights", help="Where the weights lie that the run started from, when they came from a file.")
@click.option("--predictions", type=click.Path(exists=True, path_type=Path),
              help="Instead of RUN: predictions of another framework.")  # fmt: skip
@click.option("--check", type=click.Path(exists=True, path_type=Path), help="Instead of RUN: a file to look through.")
@click.option("--template", type=click.Path(exists=True, path_type=Path),
              help="The official template, whose rows and order are kept; default: the database's.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--members", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Where the runs of an ensemble lie; default: runs, and beside it. Repeatable.")  # fmt: skip
@click.option("--form", type=click.Choice(["openface", "py-feat", "libreface"]),
              help="--predictions is a table of this toolkit, or a folder of them.")  # fmt: skip
@click.option("--surplus", type=click.Choice(["error", "ignore"]), default="error", show_default=True,
              help="Of --predictions: rows of frames that the template does not have.")  # fmt: skip
@options.sources
@click.option("--split", default="test", show_default=True, help="The split that is predicted.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--shards", type=click.IntRange(1), default=1, show_default=True,
              help="Cut what a network computes into so many parts, done side by side by --engine.")  # fmt: skip
@click.option("--engine", type=click.Choice(["local", "ray", "slurm"]), default="local", show_default=True,
              help="Who computes: this machine, or the nodes of a cluster, as in 'run'.")  # fmt: skip
@click.option("--slurm", multiple=True, metavar="KEY=VALUE", help="For sbatch. Repeatable.")
@options.assumption
@options.network
@options.json_output
def submit(
    run: Path | None,
    predictions: Path | None,
    check: Path | None,
    out: Path | None,
    network: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Predict a test set with a run, or take anybody's predictions, and write or check the official file.

    It is checked, and written whole or not at all.
    """
    from abawbench.cli.progress import TerminalProgress
    from abawbench.harness.request.assumptions import parse_assumptions
    from abawbench.system.network import network_refused
    from abawbench.system.text import plain

    named = [name for name, one in (("RUN", run), ("--predictions", predictions), ("--check", check)) if one]
    if len(named) != 1:
        raise click.UsageError(f"give one of RUN, --predictions and --check, not {' and '.join(named) or 'none'}")
    if (out is None) != (check is not None):
        raise click.UsageError("--check writes nothing; leave --out out" if check else "Missing option '--out'.")
    for name in ("template", "task"):
        if run is None and given[name] is None:
            raise click.UsageError(f"{named[0]} needs --{name}")
    given["assumptions"] = parse_assumptions(given["assumptions"])
    local = given["engine"] == "local"
    given["engine"] = _engine(given["engine"], given.pop("slurm"), given["shards"])
    # an engine must reach its scheduler
    guard = network_refused(unless=network) if local else nullcontext()
    with closing(TerminalProgress(quiet=as_json)) as progress, guard:
        status, done, lines = _do(run, predictions, check, out, given, progress)
    click.echo(json.dumps(done, indent=2) if as_json else "\n".join(plain(line) for line in lines))
    return status


def _engine(name: str, options: "Sequence[str]", shards: int) -> "Engine | None":
    """Return who computes the shards of a network's predictions; None for this process."""
    if name == "local":
        if shards > 1 or options:
            raise click.UsageError(
                "--shards and --slurm are for nodes of a cluster; add --engine ray or --engine slurm"
            )
        return None
    from abawbench.harness.engines.engine import engine_named

    return engine_named(name, options)


def _do(
    run: Path | None, predictions: Path | None, check: Path | None, out: Path | None, given: Any, progress: "Progress"
) -> tuple[int, dict[str, Any], list[str]]:
    """Return the exit status, what to print as JSON, and what to print as text."""
    from abawbench import api

    form, surplus = given.pop("form"), given.pop("surplus")
    own = {name: given[name] for name in ("template", "task", "assumptions")}
    if check is not None:
        checked = api.check_submission(check, **own)
        said = [*checked.findings, f"{len(checked.findings)} finding(s) in {check}"]
        if not checked.findings:
            said = [f"{check}: {checked.rows} rows of {checked.task}, as the template wants them"]
        return int(bool(checked.findings)), vars(checked), said
    assert out is not None
    if predictions is not None:
        filled = api.fill_template(predictions, out=out, form=form, surplus=surplus, **own)
        said = [
            f"wrote {out}: {filled.rows} rows of {filled.tracks} tracks, {filled.task}, from {predictions} "
            f"({filled.form})"
        ]
        if filled.surplus_rows:
            said.append(f"passed over: {filled.surplus_rows} row(s) of frames that the template does not have")
        return 0, vars(filled), said
    assert run is not None
    done = api.submit(run, out, data=given.pop("sources"), **given, progress=progress)
    where = f"{done.database} {done.split}{', SYNTHETIC' if done.synthetic else ''}"
    return (
        0,
        vars(done),
        [
            f"wrote {out}: {done.rows} rows of {done.tracks} tracks, {done.task} on {where}",
            f"by {done.model}, seed {done.seed}; {done.frames_without_image} frames without an image",
        ],
    )
