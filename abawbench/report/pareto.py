"""Which results nothing beats at no greater cost: the points of a plot of metric against cost, and their frontier."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from abawbench.records.published import Published
from abawbench.records.record import Record


class Panel(NamedTuple):
    """What the results of one panel share."""

    task: str
    edition: int
    database: str
    split: str
    fingerprint: str = ""
    """Of the annotations; empty where no result was measured."""
    clock: str = ""
    """Device and threads, where the cost is a time."""

    @property
    def data(self) -> tuple[str, int, str, str]:
        """Return what published rows state: task, edition, database and split."""
        return self[:4]


@dataclass(frozen=True)
class Cost:
    """What stands on the horizontal axis."""

    axis: str
    of: Callable[[Record], float | None]
    published: Callable[[Published], float | None]
    clock: Callable[[Record], str] = lambda record: ""
    """On what it was taken, where costs taken elsewhere are others."""
    valid: Callable[[Record], bool] = lambda record: True


def _latency(record: Record) -> float | None:
    latency = record.cost.latency if record.cost else None
    return latency.p50_ms if latency else None


def _clock(record: Record) -> str:
    latency = record.cost.latency if record.cost else None
    return f"{latency.device}, {latency.threads} threads" if latency else ""


def _is_quotable(record: Record) -> bool:
    latency = record.cost.latency if record.cost else None
    return latency is None or latency.state == "valid"


COSTS: Mapping[str, Cost] = {
    "macs": Cost(
        "MACs per frame",
        lambda record: record.macs_per_frame,
        lambda row: row.macs_per_frame,
        valid=lambda record: not record.macs_missed,
    ),
    "parameters": Cost(
        "parameters", lambda r: float(r.cost.parameters_total) if r.cost else None, lambda row: row.parameters
    ),
    "latency": Cost("median latency of one clip, ms", _latency, lambda row: None, _clock, _is_quotable),
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
    """Whether nothing marks it and its cost may be quoted; only ranked measured points make the frontier."""
    floor: float | None = None
    higher_is_better: bool = True

    @property
    def merit(self) -> float:
        """Return the value so that larger is better: negated where lower is."""
        return self.value if self.higher_is_better else -self.value


def panels(
    records: Sequence[Record], published: Sequence[Published], cost: str, unranked: Collection[int] = ()
) -> dict[Panel, list[Point]]:
    """Return the points of each panel, the cheapest first; a result without a value or that cost is left out.

    Results on other annotations have a panel of their own, and so have times on another device or number of threads;
    a published row stands in every panel of its data. Several seeds of a system are points of their own. ``unranked``
    are the ``id`` of records that have no rank beside those that are marked. Raises ValueError when synthetic and real
    results are mixed.
    """
    if len({record.database.synthetic for record in records}) > 1 or (
        published and any(record.database.synthetic for record in records)
    ):
        raise ValueError("synthetic and real results never share a picture; split the records by database.synthetic")
    found: dict[Panel, list[Point]] = defaultdict(list)
    axis = COSTS[cost]
    for record in records:
        at, score, data = axis.of(record), record.score, record.database
        if record.status == "ok" and score is not None and score.value is not None and at:
            panel = Panel(
                record.task, record.edition, data.name, record.scored_part, data.fingerprint, axis.clock(record)
            )
            interval = score.interval
            found[panel].append(
                Point(
                    label=_label(record),
                    cost=at,
                    value=score.value,
                    low=interval.low if interval else None,
                    high=interval.high if interval else None,
                    ranked=not record.marks and id(record) not in unranked and axis.valid(record),
                    floor=record.floor.value if record.floor else None,
                    higher_is_better=score.higher_is_better,
                )
            )
    measured = list(found)
    for row in published:
        if at := axis.published(row):
            own = Panel(row.task, row.edition, row.database, row.split)
            for panel in [panel for panel in measured if panel.data == own.data] or [own]:
                found[panel].append(Point(label=row.system, cost=at, value=row.value, published=True))
    return {panel: sorted(points, key=lambda p: (p.cost, -p.merit, p.label)) for panel, points in found.items()}


def titles(found: Collection[Panel]) -> dict[Panel, str]:
    """Return the title of each panel; annotations are named where the same data occurs with several."""
    several = Counter(data for data, _ in {(panel.data, panel.fingerprint) for panel in found})
    return {panel: _title(panel, several[panel.data] > 1) for panel in found}


def _title(panel: Panel, several: bool) -> str:
    title = f"{panel.task}, edition {panel.edition}, {panel.database} {panel.split}"
    annotations = f"annotations {panel.fingerprint[:8]}" if several else ""
    below = ", ".join(words for words in (annotations, panel.clock) if words)
    return f"{title}\n{below}" if below else title


def frontier(points: Sequence[Point]) -> list[Point]:
    """Return the ranked measured points that no other such point beats at no greater cost, the cheapest first."""
    best: list[Point] = []
    for point in sorted((p for p in points if p.ranked and not p.published), key=lambda p: (p.cost, -p.merit)):
        if not best or point.merit > best[-1].merit:
            best.append(point)
    return best


def _label(record: Record) -> str:
    latency = record.cost.latency if record.cost else None
    runtime = f", {latency.runtime}" if latency and latency.runtime != "eager" else ""
    return f"{record.model}{runtime}"
