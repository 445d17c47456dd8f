"""The runs of a folder as a list: when, what, how good, and where."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from abawbench.compare.sides import Run
from abawbench.records.record import Record
from abawbench.report.table import value_text
from abawbench.system.text import plain, wrap


def runs_table(runs: Sequence[Run], folder: Path, width: int | None = None) -> str:
    """Return one row per run, in the order given, with why those without a result gave none.

    Where a line would be longer than ``width``, the folder of each run stands below it; where that is not enough, the
    columns that say least are left out too.
    """
    columns = {
        "when": [f"{run.asked.astimezone():%Y-%m-%d %H:%M}" for run in runs],
        "model": [plain(run.record.describe(), 40) for run in runs],
        "task": [plain(run.record.task, 12) for run in runs],
        "on": [plain(_scored_on(run.record), 30) for run in runs],
        "seed": [str(run.record.seed) for run in runs],
        "value [interval]": [
            value_text(run.record.score) if run.record.status == "ok" else run.record.status for run in runs
        ],
        "folder": [plain(_place(run, folder)) for run in runs],
    }
    lines = _lines(columns)
    same = [name for name in ("seed", "on") if len(set(columns[name])) == 1]
    for left_out in ((), same, ["seed", "on"], ["seed", "on", "when"]):
        if width is None or max(map(len, lines)) <= width:
            break
        kept = {name: cells for name, cells in columns.items() if name not in (*left_out, "folder")}
        head, rule, *rows = _lines(kept)
        below = [f"  {place}" for place in columns["folder"]]
        lines = [head, rule, *(line for pair in zip(rows, below, strict=True) for line in pair)]
    why = [f"{plain(_place(run, folder))}: {plain(str(run.record.reason))}" for run in runs if run.record.reason]
    if width is not None:
        why = [part for line in why for part in wrap(line, width)]
    return "\n".join([*lines, *(["", *why] if why else [])])


def _lines(columns: Mapping[str, Sequence[str]]) -> list[str]:
    from tabulate import tabulate

    rows = list(zip(*columns.values(), strict=True))
    return tabulate(rows, list(columns), disable_numparse=True).split("\n")


def _scored_on(record: Record) -> str:
    """Return where a run was scored, and that the data is synthetic where the database's name does not say so."""
    marked = record.database.synthetic and record.database.name != "synthetic"
    return record.scored_on + (", synthetic" if marked else "")


def _place(run: Run, folder: Path) -> str:
    place = run.path if run.path.is_dir() else run.path.parent
    return place.relative_to(folder).as_posix() if place.is_relative_to(folder) else str(place)
