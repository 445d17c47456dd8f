"""A picture of metric against cost: one panel per task, the frontier marked, as SVG or PNG."""

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abawbench.contracts.errors import UsageError
from abawbench.records.published import Published
from abawbench.records.record import Record
from abawbench.report.leaderboard import TASKS
from abawbench.report.pareto import COSTS, Panel, Point, frontier, panels, titles
from abawbench.report.table import SYNTHETIC
from abawbench.system.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

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


def draw(records: Sequence[Record], published: Sequence[Published], cost: str, path: Path) -> list[Path]:
    """Draw the results into ``path`` and return the files written.

    Real and synthetic results get a picture each; where there are both, that of the synthetic ones is called
    ``<name>-synthetic``. Raises UsageError without matplotlib, for another suffix than .svg and .png, and when no
    result states the cost.
    """
    if find_spec("matplotlib") is None:
        raise UsageError("drawing needs matplotlib; run: pip install 'abawbench[plot]'")
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: give a file that ends in {' or '.join(FORMATS)}")
    order = {task: place for place, task in enumerate(TASKS)}
    records = sorted(records, key=lambda record: (order.get(record.task, len(order)), record.task))
    real = panels([r for r in records if not r.database.synthetic], published, cost)
    synthetic = panels([r for r in records if r.database.synthetic], [], cost)
    if not real and not synthetic:
        raise UsageError(f"no result states its {cost}, so there is nothing to draw")
    beside = path.with_name(f"{path.stem}-synthetic{path.suffix}") if real else path
    wanted = [(path, real, "")] * bool(real) + [(beside, synthetic, SYNTHETIC)] * bool(synthetic)
    for target, found, title in wanted:
        _save(target, found, cost, title)
    return [target for target, _, _ in wanted]


def _save(path: Path, found: dict[Panel, list[Point]], cost: str, title: str) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(found))
    rows = -(-len(found) // columns)
    # without a date and with a fixed salt the same results give the same file; text stays text
    with matplotlib.rc_context({"svg.hashsalt": "abawbench", "svg.fonttype": "none", "font.size": 9}):
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
        with replacing(path) as temporary:
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
    axes.set_ylabel("official metric")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(_short)
    axes.xaxis.set_minor_formatter("")
    axes.grid(alpha=0.2)


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
    """Write the names beside the points, each at the first place around it where nothing else stands."""
    taken = _occupied(axes, points)
    floors = [point.floor for point in points if point.floor is not None]
    if floors:
        floor = axes.text(0.98, 0.03, f"floor {max(floors):.3f}", transform=axes.transAxes, ha="right", fontsize=7.5)
        taken.append(floor.get_window_extent())
    written: set[tuple[str, float]] = set()
    for point in points:
        if (point.label, point.cost) in written:
            continue  # further seeds of one system
        written.add((point.label, point.cost))
        tried = [_name(axes, point, place) for place in _PLACES]
        costs = [_overlap(axes, box, taken) for _, box in tried]
        chosen = costs.index(min(costs))
        for number, (text, box) in enumerate(tried):
            if number == chosen:
                taken.append(box)
            else:
                text.remove()


def _name(axes: "Axes", point: Point, place: tuple[int, int, str]) -> "tuple[Annotation, Bbox]":
    """Return a point's name written at a place, and the box of its words in pixels."""
    from matplotlib.text import Text

    dx, dy, side = place
    line = {"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3} if abs(dy) > 6 else None
    text = axes.annotate(
        point.label,
        (point.cost, point.value),
        (dx, dy),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=7.5,
        color=INK,
        arrowprops=line,
    )
    text.get_window_extent()  # moves the words to their place; the answer has the line to the point as well
    return text, Text.get_window_extent(text)


def _overlap(axes: "Axes", box: "Bbox", taken: Sequence["Bbox"]) -> int:
    """Return how many things a name would stand on; leaving the panel counts three times."""
    inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and axes.bbox.y0 <= box.y0 and box.y1 <= axes.bbox.y1
    return sum(box.overlaps(other) for other in taken) + (0 if inside else 3)


def _occupied(axes: "Axes", points: Sequence[Point]) -> list["Bbox"]:
    """Return the boxes of marks, intervals and the frontier, in pixels."""
    from matplotlib.transforms import Bbox

    def box(x0: float, y0: float, x1: float, y1: float, around: float) -> Bbox:
        (left, low), (right, high) = axes.transData.transform([(x0, y0), (x1, y1)])
        pad = around * axes.figure.dpi / 72
        return Bbox.from_extents(left - pad, min(low, high) - pad, right + pad, max(low, high) + pad)

    found = [box(p.cost, p.value, p.cost, p.value, 5) for p in points]
    found += [box(p.cost, p.low, p.cost, p.high, 3) for p in points if p.low is not None and p.high is not None]
    best = frontier(points)
    end = [Point("", axes.get_xlim()[1], best[-1].value)] if best else []
    for one, other in pairwise([*best, *end]):
        found.append(box(one.cost, one.value, other.cost, one.value, 1))
        found.append(box(other.cost, one.value, other.cost, other.value, 1))
    return found


_PLACES = [
    (dx, dy, "left" if dx > 0 else "right" if dx < 0 else "center")
    for dy in (6, -6, 14, -14, 22, -22, 30, -30, 40, -40)
    for dx in (8, -8, 0, 24, -24)
    if dx or abs(dy) >= 14
]
"""Where a name may stand, in points from its own: near and to the right first."""
