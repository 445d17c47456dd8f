"""Results by group of subjects: attributes from the database, a table or the tracks, and the largest gap, tested."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from abawbench.contracts import DataError, Track, UsageError
from abawbench.contracts.text import read_table, read_text
from abawbench.harness.insight.calibration import Estimate
from abawbench.harness.stored.scored import ScoredRun
from abawbench.statistics.bootstrap import ENOUGH, interval, sum_by_group
from abawbench.statistics.groups import largest_gap

COMPUTED = ("track-length", "light", "face-size")
"""Attributes that are measured on the tracks, in thirds of the subjects; ``results_by_group`` may be given more."""
Measure = Callable[[Sequence[Track]], list[float | None]]
SAMPLED = 8
"""Frames of a track whose light and size are measured."""
THIRDS = ("low", "middle", "high")
SEPARATORS = 12
"""Distinct numbers of an attribute from which on it is cut into thirds."""


@dataclass(frozen=True)
class Group:
    """The subjects of one group, and how well they are read."""

    name: str
    subjects: int
    tracks: int
    value: Estimate


@dataclass(frozen=True)
class ByAttribute:
    """The groups of one attribute."""

    attribute: str
    groups: tuple[Group, ...]
    hidden: int
    """Groups below the stated size."""
    hidden_subjects: int
    unknown_subjects: int
    """Subjects of whom the attribute is not known, or whose tracks differ in it."""
    gap: float | None
    low_group: str | None
    high_group: str | None
    p_value: float | None
    """Of so large a gap between any two of the groups shown."""
    reason: str | None = None
    """Why no gap is tested."""


def results_by_group(
    run: ScoredRun, wanted: Sequence[str], table: Path | None, size: int, measures: Mapping[str, Measure]
) -> list[ByAttribute]:
    """Return the results of a run by each attribute, groups of at least ``size`` subjects shown.

    ``wanted`` are names of attributes, all that are known unless given; those of ``COMPUTED`` and ``measures`` are
    measured, and only when named. Raises UsageError for an attribute that nobody knows.
    """
    if size < ENOUGH:
        raise UsageError(f"groups of {size} subjects are too small to claim anything of; give {ENOUGH} or more")
    by_id = {one.track.id: one.track for one in run.tracks}
    tracks = [by_id[name] for name in run.statistics.tracks]
    computed = {name: partial(_measure, name) for name in COMPUTED} | dict(measures)
    given = _read_attributes(table, tracks) if table else [dict(track.attributes()) for track in tracks]
    known = list(dict.fromkeys(name for one in given for name in one))
    names = list(wanted) or known
    if not names:
        raise UsageError(
            f"'{run.database.name}' gives no attributes of its subjects; give --attributes FILE, a table with the "
            f"columns subject (or track) and one for each, or --by {', '.join(computed)}"
        )
    for name in names:
        if name not in known and name not in computed:
            raise UsageError(f"unknown attribute '{name}'; known: {', '.join([*known, *computed])}")
    return [
        _by_attribute(run, name, [one.get(name) for one in given] if name in known else computed[name](tracks), size)
        for name in names
    ]


def _read_attributes(path: Path, tracks: Sequence[Track]) -> list[dict[str, Any]]:
    """Return the attributes of tracks by a table with a row per subject or per track."""
    table = read_table(path, read_text(path))
    key = next((name for name in ("track", "subject") if name in table.header), None)
    if key is None:
        raise DataError(f"{path}:1: no column subject or track; found {', '.join(table.header)[:120]}")
    at = table.header.index(key)
    rows: dict[str, dict[str, Any]] = {}
    for number, cells in enumerate(table.rows):
        if cells[at] in rows:
            raise DataError(f"{table.where(number)}: {key} {cells[at][:60]!r} stands twice")
        rows[cells[at]] = {n: c.strip() for n, c in zip(table.header, cells, strict=True) if n != key and c.strip()}
    found = [rows.get(track.id if key == "track" else track.subject, {}) for track in tracks]
    if not any(found):
        raise DataError(f"{path}: none of its {len(rows)} {key}s is one of the run's, {tracks[0].subject!r} for one")
    return found


def _measure(name: str, tracks: Sequence[Track]) -> list[float | None]:
    """Return a computed attribute of each track: frames, mean light (0 to 255) or the shorter side in pixels."""
    if name == "track-length":
        return [float(track.n_frames) for track in tracks]
    found: list[float | None] = []
    for track in tracks:
        there = np.flatnonzero(track.frame_mask())
        if not len(there):
            found.append(None)
            continue
        chosen = there[np.linspace(0, len(there) - 1, min(SAMPLED, len(there))).astype(np.int64)]
        images, good = track.frames(chosen)
        if name == "face-size":
            found.append(float(min(images.shape[1:3])))
        else:
            found.append(float(images[good].mean()) if good.any() else None)
    return found


def _by_attribute(run: ScoredRun, attribute: str, given: Sequence[Any], size: int) -> ByAttribute:
    statistics, metric = run.statistics, run.run.metric
    of_subject = group_subjects(given, statistics.subjects)
    members = Counter(group for group in of_subject.values() if group is not None)
    order = [name for name in THIRDS if name in members] or sorted(members)
    shown = [name for name in order if members[name] >= size]
    hidden = [name for name in order if members[name] < size]
    groups = []
    for name in shown:
        rows = [i for i, subject in enumerate(statistics.subjects) if of_subject[subject] == name]
        own = statistics.values[rows]
        ends = interval(metric.value, own, groups=[statistics.subjects[i] for i in rows], method="widened")
        value = float(metric.value(own.sum(axis=0)))
        groups.append(Group(name, members[name], len(rows), Estimate(*map(_finite, (value, ends.low, ends.high)))))
    gap = low = high = p_value = reason = None
    if len(shown) < 2:
        reason = f"{len(shown)} group(s) of at least {size} subjects: there is nothing to compare"
    else:
        units = sum_by_group(statistics.values, statistics.subjects)
        names = sorted(set(statistics.subjects))
        rows = [i for i, subject in enumerate(names) if of_subject[subject] in shown]
        member = np.array([shown.index(str(of_subject[names[i]])) for i in rows], dtype=np.int64)
        found = largest_gap(metric.value, units[rows], member)
        gap, p_value = _finite(found.value), _finite(found.p_value)
        low, high = shown[found.low_group], shown[found.high_group]
    return ByAttribute(
        attribute=attribute,
        groups=tuple(groups),
        hidden=len(hidden),
        hidden_subjects=sum(members[name] for name in hidden),
        unknown_subjects=sum(group is None for group in of_subject.values()),
        gap=gap,
        low_group=low,
        high_group=high,
        p_value=p_value,
        reason=reason,
    )


def group_subjects(given: Sequence[Any], subjects: Sequence[str]) -> Mapping[str, str | None]:
    """Return the group of each subject: the text of its tracks, or the third in which the mean of numbers lies."""
    own: dict[str, list[Any]] = {subject: [] for subject in subjects}
    for value, subject in zip(given, subjects, strict=True):
        if value is not None:
            own[subject].append(value)
    numbers = {s: [_number(v) for v in values] for s, values in own.items()}
    distinct = {n for values in numbers.values() for n in values}
    if None in distinct or len(distinct) < SEPARATORS:
        return {s: str(v[0]) if v and len(set(map(str, v))) == 1 else None for s, v in own.items()}
    means = {s: float(np.mean([n for n in v if n is not None])) for s, v in numbers.items() if v}
    cuts = np.quantile(list(means.values()), [1 / 3, 2 / 3])
    return {s: THIRDS[int(np.searchsorted(cuts, means[s], side="left"))] if s in means else None for s in own}


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
