"""Pictures of runs, as figures of matplotlib (extra ``abawbench[plot]``): show them, change them, save them.

>>> import abawbench as ab
>>> ab.plot.intervals("runs").savefig("intervals.png")  # doctest: +SKIP
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abawbench.compare.sides import Run, load_side
from abawbench.contracts.errors import DataError, UsageError
from abawbench.plugins import Plugins, default_plugins
from abawbench.progress import Progress
from abawbench.records.record import Record
from abawbench.records.store import read, read_run_predictions
from abawbench.report.pareto import COSTS
from abawbench.report.plot import INK, OFF, ON, pareto_figure
from abawbench.report.rows import track_rows
from abawbench.report.table import SYNTHETIC

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from abawbench.harness.request.databases import Sources

__all__ = ["confusion", "intervals", "pareto", "track_over_time", "tracks"]


def pareto(runs: str | Path, cost: str = "macs") -> "Figure":
    """Return the metric against a cost, a panel a task, with the runs that nothing beats at no greater cost.

    ``cost`` is ``macs``, ``parameters`` or ``latency``. Raises UsageError where no run states it, where real and
    synthetic runs are mixed, and without matplotlib.
    """
    if cost not in COSTS:
        raise UsageError(f"unknown cost '{cost}'; use {', '.join(COSTS)}")
    records = _records(runs)
    return pareto_figure(records, cost, SYNTHETIC if records[0].database.synthetic else "")


def intervals(runs: str | Path) -> "Figure":
    """Return each run's value with its interval, a panel a task, the best above; a dashed line is the floor."""
    figure_class = _matplotlib()
    records = [one for one in _records(runs) if one.score and one.score.value is not None]
    tasks = list(dict.fromkeys(record.task for record in records))
    if not tasks:
        raise UsageError(f"{runs}: no run has a value to draw")
    rows = max(sum(record.task == task for record in records) for task in tasks)
    figure: Figure = figure_class(figsize=(4.2 * min(len(tasks), 3), (0.35 * rows + 1.3) * -(-len(tasks) // 3)),
                                  layout="constrained")  # fmt: skip
    grid = figure.subplots(-(-len(tasks) // 3), min(len(tasks), 3), squeeze=False).ravel()
    for axes in grid[len(tasks) :]:
        axes.set_axis_off()
    for axes, task in zip(grid, tasks, strict=False):
        chosen = sorted((r for r in records if r.task == task), key=lambda r: (r.score and r.score.merit) or 0.0)
        for place, record in enumerate(chosen):
            assert record.score is not None
            ends = record.score.interval
            colour = INK if record.marks else ON
            if ends and ends.low is not None and ends.high is not None:
                axes.plot([ends.low, ends.high], [place, place], color=colour, linewidth=2)
            axes.plot(record.score.value, place, "x" if record.marks else "o", color=colour)
        floors = {r.floor.value for r in chosen if r.floor and r.floor.value is not None}
        for floor in floors:
            axes.axvline(floor, color=OFF, linestyle="--", linewidth=1)
        axes.set_yticks(range(len(chosen)), [record.describe(seeds=True) for record in chosen], fontsize=8)
        score = chosen[0].score
        assert score is not None
        axes.set_xlabel(score.metric if score.higher_is_better else f"{score.metric}, lower is better")
        axes.set_title(f"{task}, {chosen[0].scored_on}", fontsize=9)
    if records[0].database.synthetic:
        figure.suptitle(SYNTHETIC, fontsize=10)
    return figure


def confusion(run: str | Path) -> "Figure":
    """Return which class a run took for which: counts of annotated frames, shaded by their share of the labelled class.

    Raises UsageError for a task without one class a frame, and for a result from before the matrix was kept.
    """
    figure_class = _matplotlib()
    record = _one(run).record
    found = record.score.confusion if record.score else None
    if found is None:
        raise UsageError(f"{run}: no confusion matrix: the task has no single class a frame, or the run is too old")
    counts = np.array(found.counts, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 0.6 * len(counts) + 1.8
    figure: Figure = figure_class(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        dark = shares[row, column] > 0.5
        axes.text(column, row, f"{count:.0f}", ha="center", va="center", color="white" if dark else "black", fontsize=8)
    axes.set_xticks(range(len(counts)), found.classes, rotation=45, ha="right")
    axes.set_yticks(range(len(counts)), found.classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("labelled")
    axes.set_title(_title(record), fontsize=9)
    return figure


def tracks(run: str | Path, *, most: int = 40, plugins: Plugins | None = None) -> "Figure":
    """Return the metric on each track of a run alone, the worst above; the line is the pooled official value."""
    figure_class = _matplotlib()
    one = _one(run)
    assert one.record.score is not None
    higher = one.record.score.higher_is_better
    rows = [row for row in track_rows(one, plugins or default_plugins()) if row["value"] is not None]
    rows = sorted(rows, key=lambda row: row["value"], reverse=not higher)[:most]
    if not rows:
        raise UsageError(f"{run}: the metric has a value on no single track")
    figure: Figure = figure_class(figsize=(6, 0.22 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh([row["track"] for row in rows], [row["value"] for row in rows], color=ON)
    axes.axvline(one.record.score.value or 0.0, color=OFF, linestyle="--", linewidth=1, label="all tracks pooled")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel(one.record.score.metric)
    axes.set_title(f"{_title(one.record)}: tracks, the worst first", fontsize=9)
    axes.legend(loc="lower right", fontsize=8)
    return figure


def track_over_time(
    run: str | Path,
    track: str | None = None,
    data: "Mapping[str, str | Path] | Sources | None" = None,
    *,
    outputs: Sequence[str] = (),
    plugins: Plugins | None = None,
) -> "Figure":
    """Return the predictions of a run over a track's frames, the labels beside them, a panel an output.

    ``track`` is its id, the first one by default; ``data`` says where the database lies, where not as in the run.
    Frames without annotation have no label. Raises DataError where the database is not the run's, UsageError for a
    track or output that the run does not have and for tasks with one label a track.
    """
    from abawbench.api import sources_of
    from abawbench.harness.request.databases import Databases
    from abawbench.harness.score.score_file import tracks_of_run

    figure_class = _matplotlib()
    known, folder = plugins or default_plugins(), Path(run)
    record = read(folder)
    if record.level != "frame":
        raise UsageError(f"{run}: task '{record.task}' has one label a track, so nothing changes over time")
    assumptions = record.protocol.assumptions if record.protocol else {}
    task = known.get("task", record.task, record.near("task")).build_under(assumptions)
    scores = read_run_predictions(folder, task.outputs).scores
    databases = Databases(known, sources_of(record, data), Progress()).under(assumptions)
    labelled = tracks_of_run(record, task, databases.for_task(task, pooled=True)[1], scores)
    by_id = {one.track.id: one for one in labelled}
    name = track or next(iter(by_id))
    if name not in by_id:
        raise UsageError(f"{run}: no scored track '{name}'; the first are {', '.join(list(by_id)[:5])}")
    wanted = list(outputs or task.outputs)
    if strange := sorted(set(wanted) - set(task.outputs)):
        raise UsageError(f"task '{task.name}' has no output '{strange[0]}'; it has {', '.join(task.outputs)}")
    one = by_id[name]
    predicted, labels = scores[name], _labels(one.known.values, len(task.outputs), one.known.annotated)
    if len(predicted) != len(labels):
        raise DataError(f"{run}: track '{name}' has {len(predicted)} predicted frames and {len(labels)} labelled ones")
    seconds = np.arange(len(predicted)) / (one.track.rate or 1.0)
    figure: Figure = figure_class(figsize=(9, 1.7 * len(wanted) + 0.8), layout="constrained")
    panels = figure.subplots(len(wanted), 1, sharex=True, squeeze=False).ravel()
    for axes, output in zip(panels, wanted, strict=True):
        at = list(task.outputs).index(output)
        axes.plot(seconds, labels[:, at], color=INK, linewidth=1.5, label="label")
        axes.plot(seconds, predicted[:, at], color=ON, linewidth=1, label="prediction")
        axes.set_ylabel(output)
        axes.grid(alpha=0.2)
    panels[-1].set_xlabel("seconds" if one.track.rate else "frame")
    panels[0].legend(loc="upper right", ncols=2, fontsize=8)
    panels[0].set_title(f"{_title(record)}: track {name}", fontsize=9)
    return figure


def _labels(values: Any, outputs: int, annotated: Any) -> Any:
    """Return the labels as float [N, outputs], a class as 1 in its column; NaN where nothing is annotated."""
    numbers = np.asarray(values)
    known = np.asarray(annotated)
    if numbers.ndim == 1:
        classes = np.where(known, numbers, 0).astype(int)
        numbers = np.eye(outputs)[classes]
    return np.where(known[:, None], numbers.astype(float), np.nan)


def _title(record: Record) -> str:
    made_up = " (synthetic)" if record.database.synthetic else ""
    return f"{record.task}, {record.describe()}, {record.scored_on}{made_up}"


def _one(run: str | Path) -> Run:
    found = load_side(str(run))
    if len(found) != 1:
        raise UsageError(f"{run}: {len(found)} runs lie here and one is drawn; give the folder of one")
    return found[0]


def _records(runs: str | Path) -> list[Record]:
    _matplotlib()
    records = [run.record for run in load_side(str(runs))]
    if len({record.database.synthetic for record in records}) > 1:
        raise UsageError(f"{runs}: synthetic and real results never share a picture; give folders of one kind")
    return records


def _matplotlib() -> Any:
    """Return the class of a figure. Raises UsageError without matplotlib."""
    if find_spec("matplotlib") is None:
        raise UsageError("drawing needs matplotlib; run: pip install 'abawbench[plot]'")
    from matplotlib.figure import Figure

    return Figure
