"""Results as flat rows, for machines: one a result, one a part of its metric, one a scored track."""

from typing import Any

from abawbench.compare.comparison import load_statistics, metric_of
from abawbench.compare.sides import Run
from abawbench.plugins import Plugins
from abawbench.records.published import Published
from abawbench.records.record import Record

Row = dict[str, Any]


def result_row(record: Record, unranked: str | None = None) -> Row:
    """Return one result: what ran on what, its value with its interval, and what it costs; None where unknown.

    Units stand in the names; ``marks`` says why a result is not ranked, ``caveats`` what its value must not be quoted
    without, ``pretrained_on`` what its weights had seen. Whether a record that is ``sealed`` was edited, ``store.read``
    finds; one that is not was written before there were seals, or lost its own.
    ``unranked`` is a reason that does not stand in the record, as ``compare.verify`` finds them.
    """
    score, floor, counts, cost, weights = record.score, record.floor, record.counts, record.cost, record.weights
    interval = score.interval if score else None
    latency = cost.latency if cost else None
    throughput = cost.throughput if cost else None
    return {
        **_identity(record),
        "status": record.status,
        "reason": record.reason or (score.reason if score else None),
        "metric": score.metric if score else None,
        "higher_is_better": score.higher_is_better if score else None,
        "value": score.value if score else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "floor": floor.value if floor else None,
        "coverage": counts.coverage if counts else None,
        "scored_tracks": counts.tracks if counts else None,
        "annotated_frames": counts.annotated_frames if counts else None,
        "frames_without_image": counts.frames_without_image if counts else None,
        "caveats": "; ".join(counts.caveats) if counts else None,
        "ranked": record.status == "ok" and not record.marks and unranked is None,
        "marks": "; ".join([*record.marks, *([unranked] if unranked else [])]),
        "sealed": record.seal is not None,
        "weights": weights.source if weights else None,
        "pretrained_on": "; ".join(weights.trained_on) if weights else None,
        "parameters": cost.parameters_total if cost else None,
        "macs_per_frame": record.macs_per_frame,
        "macs_missed": "; ".join(record.macs_missed),
        "p50_ms": latency.p50_ms if latency else None,
        "p90_ms": latency.p90_ms if latency else None,
        "p99_ms": latency.p99_ms if latency else None,
        "latency_valid": latency.valid if latency else None,
        "latency_state": latency.state if latency else None,
        "runtime": latency.runtime if latency else None,
        "device": latency.device if latency else None,
        "threads": latency.threads if latency else None,
        "frames_per_second": throughput.frames_per_second if throughput else None,
        "joules_per_clip": throughput.joules_per_clip if throughput else None,
        "peak_memory_bytes": cost.peak_memory_bytes if cost else None,
        "seconds": record.seconds.total,
        "finished": record.finished.isoformat(),
    }


def published_row(row: Published) -> Row:
    """Return a published result as a row with the columns of ``result_row``, as far as its source states them."""
    stated = row.model_dump()
    told = {name: stated[name] for name in ("system", "task", "edition", "database", "split", "metric", "value")}
    return {**told, "synthetic": False, "ranked": False, "parameters": row.parameters,
            "macs_per_frame": row.macs_per_frame, "source": row.source, "confidence": row.confidence}  # fmt: skip


def part_rows(record: Record) -> list[Row]:
    """Return one row per class, dimension or companion metric of a result."""
    return [
        {
            **_identity(record),
            "part": name,
            "value": part.value,
            "low": part.interval.low if part.interval else None,
            "high": part.interval.high if part.interval else None,
        }
        for name, part in (record.score.parts if record.score else {}).items()
    ]


def track_rows(run: Run, plugins: Plugins) -> list[Row]:
    """Return one row per scored track: its subject and the metric on it alone, which is no share of the pooled value.

    Raises DataError when the run has no statistics of its tracks, or they are not those of its record.
    """
    if run.record.score is None or run.record.score.value is None:
        return []
    metric = metric_of(run.record, plugins)
    found = load_statistics(run, metric)
    values = [float(value) for value in metric.value(found.values)]
    return [
        {**_identity(run.record), "track": track, "subject": subject, "value": value if value == value else None}
        for track, subject, value in zip(found.tracks, found.subjects, values, strict=True)
    ]


def _identity(record: Record) -> Row:
    return {
        "model": record.model,
        "system": record.describe(),
        "task": record.task,
        "edition": record.edition,
        "database": record.database.name,
        "split": record.scored_part,
        "synthetic": record.database.synthetic,
        "seed": record.seed,
        "job": record.job,
    }
