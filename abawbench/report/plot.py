"""A picture of metric against cost: one panel per task, the frontier marked, as SVG or PNG."""

from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abawbench.contracts.errors import UsageError
from abawbench.records.published import Published
from abawbench.records.record import Record
from abawbench.report.leaderboard import TASKS
from abawbench.report.pareto import COSTS, Panel, Point, frontier, panels, titles
from abawbench.report.table import SYNTHETIC
from abawbench.system.files import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".svg", ".png")
COLUMNS = 3
ON, OFF, INK = "#0072B2", "#D55E00", "#404040"
"""Blue and vermilion of the palette of Okabe and Ito; shapes differ as well."""
_STYLES: dict[str, dict[str, Any]] = {
    "on the frontier": {"marker": "o", "color": ON, "markersize": 8},
    "beaten at no greater cost": {"marker": "s", "color": OFF, "markersize": 6},
    "published, not measured here": {"marker": "D", "color": INK, "markersize": 6, "fillstyle": "none"},
    "not ranked": {"marker": "x", "color": INK, "markersize": 6},
}


def draw(
    records: Sequence[Record], published: Sequence[Published], cost: str, path: Path, unranked: Collection[int] = ()
) -> list[Path]:
    """Draw the results into ``path`` and return the files written.

    Real and synthetic results get a picture each; where there are both, that of the synthetic ones is called
    ``<name>-synthetic``. ``unranked`` are the ``id`` of records without a rank. Raises UsageError without matplotlib,
    for another suffix than .svg and .png, and when no result states the cost.
    """
    if find_spec("matplotlib") is None:
        raise UsageError("drawing needs matplotlib; run: pip install 'abawbench[plot]'")
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: give a file that ends in {' or '.join(FORMATS)}")
    order = {task: place for place, task in enumerate(TASKS)}
    records = sorted(records, key=lambda record: (order.get(record.task, len(order)), record.task))
    real = panels([r for r in records if not r.database.synthetic], published, cost, unranked)
    synthetic = panels([r for r in records if r.database.synthetic], [], cost, unranked)
    if not real and not synthetic:
        raise UsageError(f"no result states its {cost}, so there is nothing to draw")
    beside = path.with_name(f"{path.stem}-synthetic{path.suffix}") if real else path
    wanted = [(path, real, "")] * bool(real) + [(beside, synthetic, SYNTHETIC)] * bool(synthetic)
    for target, found, title in wanted:
        _save(target, found, cost, title)
    return [target for target, _, _ in wanted]


def pareto_figure(records: Sequence[Record], cost: str, title: str = "") -> "Figure":
    """Return the metric against a cost as a figure. Raises UsageError when no result states the cost."""
    found = panels(records, [], cost)
    if not found:
        raise UsageError(f"no result states its {cost}, so there is nothing to draw")
    return _figure(found, cost, title)


def _figure(found: dict[Panel, list[Point]], cost: str, title: str) -> "Figure":
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(max(4.2 * columns, 5.6), 3.3 * rows + 0.7), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    headings = titles(found)
    for axes, (panel, points) in zip(grid, found.items(), strict=False):
        _panel(axes, headings[panel], points, COSTS[cost].axis)
    for axes in grid[len(found) :]:
        axes.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=10)
    handles = {label: line for axes in grid for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2 * columns, frameon=False)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the names are placed in this layout
    for axes, points in zip(grid, found.values(), strict=False):
        _label(axes, points)
    return figure


def _save(path: Path, found: dict[Panel, list[Point]], cost: str, title: str) -> None:
    import matplotlib

    # without a date and with a fixed salt the same results give the same file; text stays text
    plain_text: Any = {"svg.hashsalt": "abawbench", "svg.fonttype": "none", "text.parse_math": False, "font.size": 9}
    with matplotlib.rc_context(plain_text):
        figure = _figure(found, cost, title)
        with replace_file(path) as temporary:
            metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(temporary, format=path.suffix[1:], dpi=150, metadata=metadata)


def _panel(axes: "Axes", heading: str, points: Sequence[Point], axis: str) -> None:
    from matplotlib.ticker import LogLocator

    best = frontier(points)
    for point in points:
        kind = _kind(point, best)
        if point.low is not None and point.high is not None:
            bars = [[max(point.value - point.low, 0)], [max(point.high - point.value, 0)]]
            axes.errorbar(point.cost, point.value, bars, color=_STYLES[kind]["color"], capsize=3, linewidth=1)
        axes.plot(point.cost, point.value, linestyle="none", label=kind, **_STYLES[kind])
    axes.set_xscale("log")
    costs = [point.cost for point in points]
    axes.set_xlim(min(costs) / 2.2, max(costs) * 2.2)
    edge = axes.get_xlim()[1]
    if best:
        steps = [*best, Point("", edge, best[-1].value)]
        axes.step([p.cost for p in steps], [p.value for p in steps], where="post", color=ON, linewidth=1, zorder=0)
    axes.margins(y=0.15)
    axes.set_title(heading, fontsize=9)
    axes.set_xlabel(axis)
    axes.set_ylabel("official metric" if _higher(points) else "official metric, lower is better")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(_short)
    axes.xaxis.set_minor_formatter("")
    axes.grid(alpha=0.2)


def _higher(points: Sequence[Point]) -> bool:
    return all(point.higher_is_better for point in points)


def _kind(point: Point, best: Sequence[Point]) -> str:
    if point.published:
        return "published, not measured here"
    if not point.ranked:
        return "not ranked"
    return "on the frontier" if point in best else "beaten at no greater cost"


def _short(value: float, place: float = 0) -> str:
    """Return a cost in few characters: 12, 4.3M, 1.8G."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


def _label(axes: "Axes", points: Sequence[Point]) -> None:
    """Write the names beside the points, where nothing else stands."""
    import textalloc

    floors = [point.floor for point in points if point.floor is not None]
    if floors:
        best = max(floors) if _higher(points) else min(floors)
        axes.text(0.98, 0.03, f"floor {best:.3f}", transform=axes.transAxes, ha="right", fontsize=7.5)
    named = {(point.label, point.cost): point for point in reversed(points)}  # further seeds of one system go unnamed
    bars = [(p.cost, p.low, p.high) for p in points if p.low is not None and p.high is not None]
    textalloc.allocate(
        axes,
        [point.cost for point in named.values()],
        [point.value for point in named.values()],
        [point.label for point in named.values()],
        x_scatter=[point.cost for point in points],
        y_scatter=[point.value for point in points],
        x_lines=[[cost, cost] for cost, _, _ in bars],
        y_lines=[[low, high] for _, low, high in bars],
        textsize=7.5,
        textcolor=INK,
        linecolor=INK,
        linewidth=0.5,
        draw_all=True,
    )
