"""What the page shows, as data for its script: boards of results, their details, and every pair compared."""

import json
import re
import shlex
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any

from abawbench._version import __version__
from abawbench.compare.every_pair import Loaded, Pairs
from abawbench.compare.sides import Run
from abawbench.compare.ties import compare_neighbours
from abawbench.compare.verify import verify
from abawbench.plugins import Plugins
from abawbench.records.published import Published
from abawbench.records.record import Record
from abawbench.records.scores import Interval
from abawbench.records.store import read_calibration
from abawbench.report.leaderboard import TASKS, group_by, order_results, rank_words, table_of
from abawbench.report.table import cost_notes, lacking_text, lost_text, missing_text, unclaimed_notes
from abawbench.statistics.paired import Difference

MOST_PAIRS = 60
"""Results of one board that are compared with each other, the best first; for others the page gives the command."""
MOST_TRACKS = 30
"""Tracks of a result that the page lists, the worst first."""
METRICS = {
    "mean CCC": "ccc",
    "mean Pearson r": "pearson",
    "macro F1": "macro-f1",
    "frame macro F1": "macro-f1",
    "frame weighted F1": "weighted-f1",
}
"""The name of a metric in ``published.yaml`` -> the metric that measures the same; others have boards of their own."""

Json = dict[str, Any]


def page_data(runs: Sequence[Run], published: Sequence[Published], plugins: Plugins) -> Json:
    """Return the boards, real before synthetic and by task, the shared tables they refer to, and what was left out."""
    shared = _Shared()
    found = verify(runs, plugins)
    shown = [run for run in found.runs if _value(run.record) is not None]
    order = {task: place for place, task in enumerate(TASKS)}
    groups = group_by(shown, lambda run: (run.record.database.synthetic, *table_of(run.record)))
    boards = []
    taken: set[int] = set()
    for group in groups.values():
        like = group[0].record
        rows = [] if like.database.synthetic else [row for row in published if _is_beside(row, like)]
        taken.update(id(row) for row in rows)
        boards.append(_measured_board(group, rows, plugins, shared, found.unranked))
    left = [row for row in published if id(row) not in taken]
    by_board = group_by(left, lambda row: (row.task, row.edition, row.database, row.split, row.metric))
    boards += [_published_board(rows) for rows in by_board.values()]
    boards.sort(key=lambda board: (board["synthetic"], order.get(board["task"], len(order)), -board["edition"]))
    absent = [(run.record, _why(run.record)) for run in found.runs if _value(run.record) is None]
    absent += found.left_out
    return {
        "abawbench": __version__,
        "boards": boards,
        "shared": shared.tables,
        "absent": [{"model": r.describe(), "task": r.task, "why": why} for r, why in absent],
    }


class _Shared:
    """Values that many results have in common, kept once; a result holds their place."""

    def __init__(self) -> None:
        self.tables: list[Any] = []
        self._places: dict[Hashable, int] = {}

    def place(self, value: Mapping[str, Any]) -> int:
        key = repr(value)
        if key not in self._places:
            self._places[key] = len(self.tables)
            self.tables.append(value)
        return self._places[key]


def _value(record: Record) -> float | None:
    return record.score.value if record.status == "ok" and record.score else None


def _why(record: Record) -> str:
    reason = record.reason or (record.score.reason if record.score else None) or "it has no value"
    return f"{record.status}: {reason}"


def _is_beside(row: Published, record: Record) -> bool:
    """Return whether a published value may stand in the board of a measured one: the same data and metric."""
    same = (record.task, record.edition, record.database.name, record.database.split)
    metric = record.score.metric if record.score else None
    return (row.task, row.edition, row.database, row.split) == same and METRICS.get(row.metric, row.metric) == metric


def _measured_board(
    runs: Sequence[Run],
    published: Sequence[Published],
    plugins: Plugins,
    shared: _Shared,
    unranked: Mapping[int, str],
) -> Json:
    place = {id(run.record): run for run in runs}
    ordered = [place[id(record)] for record in order_results([run.record for run in runs], unranked)]
    pairs = Pairs(ordered, plugins)
    ranks = rank_words([run.record for run in ordered], compare_neighbours(ordered, pairs), unranked)
    tracks = sorted({track for one in pairs.loaded if not isinstance(one, str) for track in one[1].tracks})
    like = runs[0].record
    assert like.score is not None
    listed = {track: n for n, track in enumerate(tracks)}
    measured = [
        _measured_row(run.record, rank, one, listed, shared) | {"calibration": _calibration(run)}
        for run, rank, one in zip(ordered, ranks, pairs.loaded, strict=True)
    ]
    for run, row in zip(ordered, measured, strict=True):
        row["marks"] += [unranked[id(run.record)]] if id(run.record) in unranked else []
    return {
        "task": like.task,
        "edition": like.edition,
        "metric": like.score.metric,
        "higher": like.score.higher_is_better,
        "database": like.database.name,
        "split": like.scored_part,
        "synthetic": like.database.synthetic,
        "annotations": like.database.fingerprint[:12],
        "level": like.score.interval.level if like.score.interval else None,
        "rows": [*measured, *(_published_row(row) for row in published)],
        **_used_tracks(measured, tracks),
        "pairs": _tabulate(pairs),
    }


def _calibration(run: Run) -> list[Json]:
    """Return the curves of each part of a run whose calibration was kept."""
    found = read_calibration(run.path, run.record)
    return [
        {
            "part": one.part,
            "error": [_short(value) for value in one.error],
            "brier": [_short(value) for value in one.brier],
            "bins": [[_short(b.confidence), *map(_short, b.right)] for b in one.bins],
            "kept": [[_short(k.coverage), *map(_short, k.risk)] for k in one.kept],
        }
        for one in (found.parts if found else ())
    ]


def _used_tracks(rows: Sequence[Json], tracks: Sequence[str]) -> Json:
    """Return the names of the tracks that rows list, renumbered in the rows to their places."""
    used = sorted({at for row in rows for at, _ in row["tracks"]})
    places = {at: n for n, at in enumerate(used)}
    for row in rows:
        row["tracks"] = [[places[at], value] for at, value in row["tracks"]]
    return {"tracks": [tracks[at] for at in used], "track_count": len(tracks)}


def _measured_row(record: Record, rank: str, loaded: Loaded | str, tracks: Mapping[str, int], shared: _Shared) -> Json:
    score, cost, floor = record.score, record.cost, record.floor
    assert score is not None
    latency = cost.latency if cost else None
    throughput = cost.throughput if cost else None
    weights = record.weights
    return {
        "id": record.job[:12],
        "model": record.model,
        "name": record.describe(),
        "seed": record.seed,
        "rank": rank,
        "value": _short(score.value),
        "interval": _ends(score.interval),
        "floor": _short(floor.value) if floor else None,
        "floor_is": floor.what if floor else None,
        "marks": list(record.marks),
        "caveats": list(record.counts.caveats) if record.counts else [],
        "coverage": _short(record.counts.coverage) if record.counts else None,
        "counts": shared.place(record.counts.model_dump(exclude={"problems"})) if record.counts else None,
        "problems": list(record.counts.problems[:5]) if record.counts else [],
        "notes": _notes(record),
        "params": cost.parameters_total if cost else None,
        "macs": None if record.macs_missed else _short(record.macs_per_frame),
        "latency": [_short(t) for t in (latency.p50_ms, latency.p90_ms, latency.p99_ms)] if latency else None,
        "valid": latency.state == "valid" if latency else None,
        "state": latency.state if latency else None,
        "device": latency.device if latency else None,
        "threads": latency.threads if latency else None,
        "runtime": latency.runtime if latency else None,
        "fps": _short(throughput.frames_per_second) if throughput else None,
        "joules": _short(throughput.joules_per_clip) if throughput else None,
        "memory": cost.peak_memory_bytes if cost else None,
        "seconds": _short(record.seconds.total),
        "weights": weights.source if weights else None,
        "pretrained": sorted(_trained_on(record)),
        "parts": {name: [_short(part.value), *_ends(part.interval)] for name, part in score.parts.items()},
        "confusion": score.confusion.model_dump() if score.confusion else None,
        "tracks": _worst(loaded, tracks),
        "untold": loaded if isinstance(loaded, str) else None,
        "training": [[e.epoch, e.fold, _short(e.loss), _short(e.held_out)] for e in record.training],
        "hardware": shared.place(record.hardware.model_dump()) if record.hardware else None,
        "versions": shared.place({"abawbench": record.abawbench, **record.versions}),
        "command": repeat_command(record),
    }


def _trained_on(record: Record) -> set[str]:
    weights = record.weights
    return {name for one in (weights, *weights.parts) for name in one.trained_on} if weights else set()


def _notes(record: Record) -> list[str]:
    """Return what limits the result, in sentences."""
    notes = [f"not ranked: {mark}" for mark in record.marks]
    if lost := lost_text(record.counts):
        notes.append(lost)
    if record.score and (lacking := lacking_text(record.database, record.score.metric)):
        notes.append(lacking)
    if absent := missing_text(record.counts):
        notes.append(f"predicted without {absent}")
    if record.parity:
        notes.append(record.parity.text)
    if record.cost and not record.cost.macs_explained:
        notes.append("no MACs: the two counters differ and no operator explains it")
    return [*notes, *unclaimed_notes([record]), *cost_notes([record])]


def _worst(loaded: Loaded | str, places: Mapping[str, int]) -> list[list[Any]]:
    """Return [place, value] of the worst tracks, the worst first; tracks on which the metric has no value are last."""
    if isinstance(loaded, str):
        return []
    metric, statistics = loaded
    values = [float(value) for value in metric.value(statistics.values)]
    found = sorted(zip(statistics.tracks, values, strict=True), key=lambda one: _worst_first(metric.merit(one[1])))
    return [[places[track], _short(value)] for track, value in found[:MOST_TRACKS]]


def _worst_first(merit: float) -> tuple[bool, float]:
    return (merit != merit, 0.0 if merit != merit else merit)


def _tabulate(pairs: Pairs) -> Json:
    """Return the differences in units of 0.0001, row by row of the triangle above the diagonal, and the reasons."""
    reasons: dict[str, int] = {}
    cells: list[list[int | None] | int] = []
    count = min(len(pairs.loaded), MOST_PAIRS)
    for a, b in combinations(range(count), 2):
        found = pairs.difference(a, b)
        if isinstance(found, Difference) and found.reason is None:
            numbers = (found.value, found.low, found.high, found.p_value, found.detectable)
            cells.append([None if one != one else round(1e4 * one) for one in numbers])
        else:
            reason = found if isinstance(found, str) else str(found.reason)
            cells.append(reasons.setdefault(reason, len(reasons)))
    return {"of": count, "cells": cells, "reasons": list(reasons)}


def _published_board(rows: Sequence[Published]) -> Json:
    one = rows[0]
    ordered = sorted(rows, key=lambda row: (-row.value, row.system))
    return {
        "task": one.task,
        "edition": one.edition,
        "metric": one.metric,
        "higher": True,
        "database": one.database,
        "split": one.split,
        "synthetic": False,
        "annotations": None,
        "level": None,
        "rows": [_published_row(row) for row in ordered],
        "tracks": [],
        "track_count": 0,
        "pairs": {"of": 0, "cells": [], "reasons": []},
    }


def _published_row(row: Published) -> Json:
    return {
        "id": re.sub(r"\W+", "-", f"{row.task}-{row.edition}-{row.split}-{row.system}"),
        "published": True,
        "model": row.plugin,
        "name": row.system,
        "value": row.value,
        "params": row.parameters,
        "macs": row.macs_per_frame,
        "source": row.source,
        "confidence": row.confidence,
        "notes": [text for text in (row.note, row.needs and f"to measure it: {row.needs}") if text],
    }


def repeat_command(record: Record) -> str:
    """Return the command that repeats a run, every setting spelt out; where the data lies is for the reader to say."""
    settings = {name: value for name, value in record.settings.items() if value is not None}
    precision, control = settings.pop("precision", "no"), settings.pop("control", None)
    words = ["abawbench", "run", "--model", record.model, "--task", record.task, "--seed", str(record.seed)]
    if record.weights:
        words += ["--weights", record.weights.source]
    if not record.database.synthetic:
        words += ["--data", f"{record.database.name}=FOLDER"]
    words += ["--control", str(control)] if control else []
    words += ["--precision", str(precision)] if precision != "no" else []
    words += ["--runtime", record.parity.runtime] if record.parity else []
    if record.protocol:
        words += [word for option in record.protocol.options for word in ("--protocol", option)]
        words += [w for name, value in record.protocol.assumptions.items() for w in ("--assume", f"{name}={value}")]
        words += ["--folds", str(record.protocol.folds)] if record.protocol.folds else []
        words += ["--limit", str(record.protocol.limit)] if record.protocol.limit else []
    words += [word for name, value in settings.items() for word in ("--set", f"{name}={_setting(value)}")]
    return shlex.join(words)


def _setting(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _ends(interval: Interval | None) -> list[float | None]:
    return [_short(interval.low), _short(interval.high)] if interval else [None, None]


def _short(value: float | None) -> float | None:
    """Return a number with five significant digits, which is more than a page shows."""
    return None if value is None or value != value else float(f"{value:.5g}")
