"""The runs of a folder as a list: when, what, how good, and where."""

from collections.abc import Sequence
from pathlib import Path

from abawbench.compare.sides import Run
from abawbench.records.record import Record
from abawbench.report.table import value_text
from abawbench.system.text import plain


def runs_table(runs: Sequence[Run], folder: Path) -> str:
    """Return one row per run, in the order given, with why those without a result gave none."""
    from tabulate import tabulate

    rows = [
        [
            f"{run.asked.astimezone():%Y-%m-%d %H:%M}",
            plain(run.record.describe(), 40),
            plain(run.record.task, 12),
            plain(_scored_on(run.record), 30),
            str(run.record.seed),
            value_text(run.record.score) if run.record.status == "ok" else run.record.status,
            plain(_place(run, folder)),
        ]
        for run in runs
    ]
    headers = ["when", "model", "task", "on", "seed", "value [interval]", "folder"]
    why = [f"{plain(_place(run, folder))}: {plain(str(run.record.reason))}" for run in runs if run.record.reason]
    return "\n".join([tabulate(rows, headers, disable_numparse=True), *(["", *why] if why else [])])


def _scored_on(record: Record) -> str:
    """Return where a run was scored, and that the data is synthetic where the database's name does not say so."""
    marked = record.database.synthetic and record.database.name != "synthetic"
    return record.scored_on + (", synthetic" if marked else "")


def _place(run: Run, folder: Path) -> str:
    place = run.path if run.path.is_dir() else run.path.parent
    return place.relative_to(folder).as_posix() if place.is_relative_to(folder) else str(place)
