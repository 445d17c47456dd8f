"""Which results nothing beats at no greater cost: the points of a plot of metric against cost, and their frontier."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from abawbench.results.published import Published
from abawbench.results.record import Record
from abawbench.results.table import macs_per_frame

Panel = tuple[str, int, str, str]
"""Task, edition, database and split: what one panel shows."""


@dataclass(frozen=True)
class Cost:
    """What stands on the horizontal axis."""

    axis: str
    of: Callable[[Record], float | None]
    published: Callable[[Published], float | None]


def _latency(record: Record) -> float | None:
    latency = record.cost.latency if record.cost else None
    return latency.p50_ms if latency else None


COSTS: Mapping[str, Cost] = {
    "macs": Cost("MACs per frame", macs_per_frame, lambda row: row.macs_per_frame),
    "parameters": Cost(
        "parameters", lambda r: float(r.cost.parameters_total) if r.cost else None, lambda row: row.parameters
    ),
    "latency": Cost("median latency of one clip, ms", _latency, lambda row: None),
}


@dataclass(frozen=True)
class Point:
    """One result: a measured one with its interval, or a published one without."""

    label: str
    cost: float
    value: float
    low: float | None = None
    high: float | None = None
    published: bool = False
    ranked: bool = True
    """Whether nothing marks it; only ranked measured points make the frontier."""
    floor: float | None = None


def panels(records: Sequence[Record], published: Sequence[Published], cost: str) -> dict[Panel, list[Point]]:
    """Return the points of each panel, the cheapest first; a result without a value or that cost is left out.

    Several seeds of a system are points of their own. Raises ValueError when synthetic and real results are mixed.
    """
    if len({record.database.synthetic for record in records}) > 1 or (
        published and any(record.database.synthetic for record in records)
    ):
        raise ValueError("synthetic and real results never share a picture; split the records by database.synthetic")
    found: dict[Panel, list[Point]] = defaultdict(list)
    for record in records:
        at, score = COSTS[cost].of(record), record.score
        if record.status == "ok" and score is not None and score.value is not None and at:
            key = (record.task, record.edition, record.database.name, record.database.split)
            interval = score.interval
            found[key].append(
                Point(
                    label=_label(record),
                    cost=at,
                    value=score.value,
                    low=interval.low if interval else None,
                    high=interval.high if interval else None,
                    ranked=not record.marks,
                    floor=record.floor.value if record.floor else None,
                )
            )
    for row in published:
        if at := COSTS[cost].published(row):
            key = (row.task, row.edition, row.database, row.split)
            found[key].append(Point(label=row.system, cost=at, value=row.value, published=True))
    return {key: sorted(points, key=lambda p: (p.cost, -p.value, p.label)) for key, points in found.items()}


def frontier(points: Sequence[Point]) -> list[Point]:
    """Return the ranked measured points that no other such point beats at no greater cost, the cheapest first."""
    best: list[Point] = []
    for point in sorted((p for p in points if p.ranked and not p.published), key=lambda p: (p.cost, -p.value)):
        if not best or point.value > best[-1].value:
            best.append(point)
    return best


def _label(record: Record) -> str:
    latency = record.cost.latency if record.cost else None
    runtime = f", {latency.runtime}" if latency and latency.runtime != "eager" else ""
    return f"{record.model}{runtime}"
