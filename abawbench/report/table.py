"""The table of a run: accuracy beside cost, one row per task."""

import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from abawbench.records.record import Counts, DatabaseRecord, Latency, Record, all_synthetic
from abawbench.records.scores import Interval, Score
from abawbench.system.text import NONE, at_least, markdown, millions, number, plain

MARKDOWN_FORMATS = frozenset({"github", "pipe"})
SYNTHETIC = "SYNTHETIC DATA: these values say nothing about real faces"
COVERAGE = "coverage (filled)"
"""Heading: annotated frames predicted, and in brackets the frames without image that a rule filled."""
SETTINGS = "settings"
"""Heading: the settings in which the results of one model on one task differ."""
CAVEATS = "caveats"
"""Heading: what to know of a value before it is quoted; a column that is there only where a result has one."""
_WIDTH = 150
_LEFT = {"model", SETTINGS, "task", "on", "metric", CAVEATS}


def table(records: Sequence[Record], fmt: str = "simple") -> str:
    """Return a title, one row per record in the order given, and the reasons of runs without a result.

    ``fmt`` is a table format of tabulate, for example ``simple`` or ``github``. What all records share stands in the
    title; a model column appears when they differ. Raises ValueError when synthetic and real records are mixed.
    """
    from tabulate import tabulate

    if not records:
        return "no results"
    title, columns = table_columns(records, fmt)
    body = tabulate(
        list(zip(*columns.values(), strict=True)),
        headers=list(columns) if fmt in MARKDOWN_FORMATS else [stack_heading(name) for name in columns],
        tablefmt=fmt,
        disable_numparse=True,
        colalign=["left" if name in _LEFT else "right" for name in columns],
    )
    notes = table_notes(records, fmt)
    if notes and fmt in MARKDOWN_FORMATS:
        return "\n".join([" · ".join(title), "", body, "", *(f"- {note}" for note in notes)]).lstrip("\n")
    wrapped = [line for note in notes for line in textwrap.wrap(note, _WIDTH)]
    return "\n".join([" · ".join(title), "", body, *([""] if notes else []), *wrapped]).lstrip("\n")


def table_columns(records: Sequence[Record], fmt: str = "simple") -> tuple[list[str], dict[str, list[str]]]:
    """Return the pieces of the title, and heading -> one cell per record, for one table of a run.

    What all records share stands in the title; a model column appears when they differ. Raises ValueError when
    synthetic and real records are mixed.
    """
    escape = markdown if fmt in MARKDOWN_FORMATS else plain
    synthetic = all_synthetic(records)
    seeds = len({record.seed for record in records}) > 1
    systems = [record.describe(seeds=seeds) for record in records]
    places = [record.scored_on for record in records]
    title = [SYNTHETIC] if synthetic else []
    title += [escape(words[0]) for words in (systems, places) if len(set(words)) == 1]
    columns: dict[str, list[str]] = {}
    if len(set(systems)) > 1:
        columns["model"] = [escape(record.describe(seeds=seeds, width=14)) for record in records]
    settings = differing_settings(records)
    if any(settings):
        columns[SETTINGS] = [escape(text, 40) for text in settings]
    columns["task"] = [escape(record.task, 10) for record in records]
    if len(set(places)) > 1:
        columns["on"] = [escape(text, 16) for text in places]
    return title, columns | _accuracy(records, escape) | cost_columns(records)


def differing_settings(records: Sequence[Record]) -> list[str]:
    """Return of each result the settings in which those of its model on its task differ, empty where none do.

    Of a mapping only the entries that differ are named, as ``loss.va=...``; they stand last, for a narrow cell loses
    them first. What an older record does not hold cannot differ from it.
    """
    cells = []
    for record in records:
        others = [one.settings for one in records if (one.model, one.task) == (record.model, record.task)]
        cells.append(" ".join(f"{name}={value}" for name, value in _differing(record.settings, others)))
    return cells


def _differing(own: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    names = [name for name in own if any(one.get(name, own[name]) != own[name] for one in others)]
    for name in sorted(names, key=lambda name: isinstance(own[name], Mapping)):
        inner = [one[name] for one in others if name in one]
        if isinstance(own[name], Mapping) and all(isinstance(one, Mapping) for one in inner):
            every = {key: None for one in inner for key in one}
            found = _differing(dict(every) | dict(own[name]), [dict(every) | dict(one) for one in inner])
            yield from ((f"{name}.{key}", value) for key, value in found)
        else:
            yield name, own[name]


def stack_heading(heading: str) -> str:
    """Return a heading on two lines, so that the table fits a terminal."""
    return heading.replace("/frame", "/\nframe").replace(" ", "\n", 1)


def value_text(score: Score | None) -> str:
    """Return the official value with its interval, for example ``0.412 [0.380, 0.441]``."""
    if score is None or score.value is None:
        return NONE
    return f"{score.value:.3f}{interval_text(score.interval)}"


def coverage_text(counts: Counts | None) -> str:
    """Return the share of annotated frames that were predicted, and the frames filled by a rule: ``100% (4)``.

    The share is cut, not rounded: only all of the frames are 100%.
    """
    if counts is None or counts.coverage is None:
        return NONE
    share = f"{math.floor(counts.coverage * 1000) / 10:.1f}%" if counts.coverage < 1 else "100%"
    return f"{share} ({counts.frames_without_image})"


def caveat_text(counts: Counts | None) -> str:
    """Return what to know of the value before it is quoted, for example ``30 frames/s assumed``; empty for nothing."""
    return "; ".join(counts.caveats) if counts else ""


def missing_text(counts: Counts | None) -> str:
    """Return which inputs were missing how often, for example ``audio in 3 tracks (120 frames)``; empty if none was."""
    found = counts.missing_inputs if counts else {}
    absent = [
        f"{name} in {one.tracks} tracks ({one.frames} frames)" for name, one in sorted(found.items()) if one.frames
    ]
    return ", ".join(absent)


def lost_text(counts: Counts | None) -> str:
    """Return how much of what is scored could not be used, and the first reason; empty where nothing was lost."""
    if counts is None or not counts.lost_tracks:
        return ""
    first = f", the first problem: {counts.problems[0]}" if counts.problems else ""
    return f"LOST {counts.lost_tracks} of the tracks to score, with at least {counts.lost_frames} annotations{first}"


def lacking_text(database: DatabaseRecord, metric: str) -> str:
    """Return which outputs are left out of the metric because the database has no labels of them; empty if none is."""
    if not database.lacks:
        return ""
    return f"{database.name} has no labels of {', '.join(database.lacks)}: left out of the mean of {metric}"


def interval_text(interval: Interval | None) -> str:
    """Return an interval in brackets after a space, or nothing where there is none."""
    if interval is None or interval.low is None or interval.high is None:
        return ""
    return f" [{interval.low:.3f}, {interval.high:.3f}]"


def value_heading(records: Sequence[Record]) -> str:
    """Return the heading of the value column, with the level of the intervals when they share one."""
    levels = {record.score.interval.level for record in records if record.score and record.score.interval}
    return f"value [{levels.pop():.0%} interval]" if len(levels) == 1 else "value [interval]" if levels else "value"


def latency_text(latency: Latency | None) -> str:
    """Return the earned percentiles in milliseconds, for example ``12.1/14.0/–``."""
    if latency is None:
        return NONE
    return "/".join(number(value) for value in (latency.p50_ms, latency.p90_ms, latency.p99_ms))


def _accuracy(records: Sequence[Record], escape: Callable[..., str]) -> dict[str, list[str]]:
    floors = [record.floor.value if record.floor else None for record in records]
    caveats = [caveat_text(record.counts) for record in records]
    return {
        "metric": [escape(record.score.metric, 12) if record.score else NONE for record in records],
        value_heading(records): [
            value_text(record.score) if record.status == "ok" else record.status for record in records
        ],
        "floor": [NONE if floor is None else f"{floor:.3f}" for floor in floors],
        COVERAGE: [coverage_text(record.counts) for record in records],
        **({CAVEATS: [escape(text) or NONE for text in caveats]} if any(caveats) else {}),
    }


def cost_columns(records: Sequence[Record]) -> dict[str, list[str]]:
    """Return heading -> one cell per record: parameters, MACs, latency, throughput, memory and time."""
    costs = [record.cost for record in records]
    rates = [cost.throughput.frames_per_second if cost and cost.throughput else None for cost in costs]
    memory = [cost.peak_memory_bytes if cost else None for cost in costs]
    return {
        "params": [millions(cost.parameters_total if cost else None) for cost in costs],
        "MACs/frame": [at_least(millions(record.macs_per_frame), bool(record.macs_missed)) for record in records],
        "p50/p90/p99 ms": [latency_text(cost.latency if cost else None) for cost in costs],
        "frames/s": [NONE if rate is None else f"{rate:.0f}" for rate in rates],
        "peak MB": [NONE if size is None else f"{size / 1e6:.0f}" for size in memory],
        "time s": [f"{record.seconds.total:.1f}" for record in records],
    }


def unclaimed_notes(records: Sequence[Record]) -> list[str]:
    """Return a line for each reason why values have no interval, with the tasks it is of."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.score and record.score.interval and record.score.interval.reason:
            found.setdefault(record.score.interval.reason, []).append(record.task)
    return [f"{', '.join(dict.fromkeys(tasks))}: no interval: {reason}" for reason, tasks in found.items()]


def cost_notes(records: Sequence[Record]) -> list[str]:
    """Return a line for each model whose times are noisy or invalid, or come with advice, and whose MACs are short.

    It says by what and on what the model was timed where that is not the same for all.
    """
    timed = [
        (f"{what} of {record.model}", one)
        for record in records
        for what in ("latency", "throughput")
        if (one := getattr(record.cost, what, None)) is not None
    ]
    several = len({one.where for _, one in timed}) > 1
    found: dict[str, None] = {}
    for name, one in timed:
        if one.advice:
            where = f" ({one.where})" if several else ""
            found[f"{name}{where}: {one.state}: {'; '.join(one.advice)}"] = None
    for record in records:
        if record.macs_missed:
            found[f"MACs of {record.model} are short: {', '.join(record.macs_missed)} is not counted"] = None
    return list(found)


def table_notes(records: Sequence[Record], fmt: str = "simple") -> list[str]:
    """Return what must be said of the rows, one sentence each: failures, what is missing, what is not ranked, noise."""
    escape = markdown if fmt in MARKDOWN_FORMATS else plain
    seeds = len({record.seed for record in records}) > 1
    systems = [record.describe(seeds=seeds) for record in records]
    notes = list(
        dict.fromkeys(
            escape(f"{r.task}: {text}")
            for r in records
            if r.score and (text := lacking_text(r.database, r.score.metric))
        )
    )
    for record, name in zip(records, systems, strict=True):
        reason = record.reason or (record.score.reason if record.score else None)
        if reason:
            notes.append(escape(f"{record.task} ({name}): {record.status}: {reason}"))
        if lost := lost_text(record.counts):
            notes.append(escape(f"{record.task} ({name}): {lost}; not ranked"))
        if absent := missing_text(record.counts):
            notes.append(escape(f"{record.task} ({name}): predicted without {absent}"))
        if record.score and not record.score.higher_is_better:
            notes.append(escape(f"{record.task}: {record.score.metric} is better when lower"))
        if record.score and not record.score.direction_declared:
            notes.append(
                escape(
                    f"{record.task}: {record.score.metric} does not declare whether more or less is better (its "
                    "higher_is_better): nothing is ranked, and whatever had to choose took more for better"
                )
            )
        if record.parity:
            notes.append(escape(f"{record.task} ({record.model}): {record.parity.text}"))
    notes += [escape(note) for note in (*unclaimed_notes(records), *cost_notes(records))]
    return list(dict.fromkeys(notes))
