"""Whether a record can be believed: its value from the stored statistics, its files, and its fields together."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from abawbench.compare.comparison import load_statistics, metric_of
from abawbench.compare.sides import Run
from abawbench.contracts.errors import AbawbenchError, DataError
from abawbench.plugins import Plugins
from abawbench.records.record import Record
from abawbench.records.store import statistics_file
from abawbench.records.track_statistics import TrackStatistics
from abawbench.statistics.bootstrap import ENOUGH, too_few


@dataclass(frozen=True)
class Verified:
    """Runs, and what was found wrong with some."""

    runs: list[Run] = field(default_factory=list)
    """Those that may stand in a table."""
    unranked: Mapping[int, str] = field(default_factory=dict)
    """``id`` of a record among them -> why it has no rank."""
    left_out: Sequence[tuple[Record, str]] = ()
    """The records that do not stand in a table, each with where it lies and why."""


def verify(runs: Sequence[Run], plugins: Plugins) -> Verified:
    """Return the runs whose records hold, each once.

    A record that contradicts its files, the installed plugins or itself is left out. One that cannot be checked or has
    no seal, whose metric does not say which way is better, or that rests on too few subjects or on other tracks than
    the fullest result of the same annotations, stays without a rank.
    """
    kept: list[Run] = []
    unranked: dict[int, str] = {}
    tracks: dict[int, frozenset[str]] = {}
    left_out: list[tuple[Record, str]] = []
    seen: dict[tuple[object, ...], Run] = {}
    for run in runs:
        record = run.record
        if record.status != "ok" or record.score is None or record.score.value is None:
            kept.append(run)  # it has no value to believe
            continue
        key = record.job, record.model, record.task, record.seed, record.database.synthetic, record.score.value
        if key in seen:
            left_out.append((record, f"{run.path}: a copy of {seen[key].path}, counted once"))
            continue
        seen[key] = run
        try:
            doubt, tracks[id(record)] = _doubt(run, plugins)
        except DataError as error:
            left_out.append((record, str(error)))
            continue
        kept.append(run)
        if doubt:
            unranked[id(record)] = doubt
    return Verified(kept, _fewer_tracks(kept, tracks) | _of_one_job(kept) | unranked, left_out)


def _of_one_job(runs: Sequence[Run]) -> dict[int, str]:
    """Return why results that name one job and have several values have no rank: equal jobs give equal results."""
    jobs: dict[tuple[object, ...], list[Record]] = {}
    for record in (run.record for run in runs if run.record.score is not None):
        jobs.setdefault((record.job, record.model, record.task, record.seed), []).append(record)
    return {
        id(record): f"{len(records)} results of one job differ in their value; run it again to see which comes out"
        for records in jobs.values()
        if len({record.score and record.score.value for record in records}) > 1
        for record in records
    }


def _fewer_tracks(runs: Sequence[Run], tracks: Mapping[int, frozenset[str]]) -> dict[int, str]:
    """Return why results rest on other tracks than the fullest of the same annotations: the worst may be left out.

    ``tracks`` is ``id`` of a record -> the tracks of its statistics.
    """
    tables: dict[tuple[object, ...], list[Record]] = {}
    for record in (run.record for run in runs if tracks.get(id(run.record))):
        key = record.task, record.edition, record.scored_on, record.database.fingerprint
        tables.setdefault(key, []).append(record)
    found = {}
    for records in tables.values():
        whole = max(records, key=lambda record: len(tracks[id(record)]))
        for record in records:
            own, most = tracks[id(record)], tracks[id(whole)]
            if own != most:
                found[id(record)] = f"{len(own)} tracks were scored, which are not the {len(most)} of {whole.model}"
    return found


def _doubt(run: Run, plugins: Plugins) -> tuple[str | None, frozenset[str]]:
    """Return why a run has no rank, None where it may have one, and the tracks of its statistics.

    Raises DataError for a record that does not hold.
    """
    record = run.record
    contradiction = _contradiction(record, plugins)
    if contradiction:
        raise DataError(f"{run.path}: {contradiction}; it was edited, so run it again")
    file = statistics_file(run.path, record)
    if file is None or not file.is_file():
        return "not verified: no statistics of its tracks lie beside it", frozenset()
    try:
        metric = metric_of(record, plugins)
    except AbawbenchError as error:
        return f"not verified: {error}", frozenset()
    statistics = load_statistics(run, metric)
    if record.score and metric.higher_is_better not in (None, record.score.higher_is_better):
        way = "more" if record.score.higher_is_better else "less"
        raise DataError(f"{run.path}: its metric does not say that {way} is better, as the record does; run it again")
    if record.database.tracks_sha256 not in (None, _digest_of(statistics)):
        raise DataError(f"{run.path}: its statistics are of other tracks than the record says; run it again")
    subjects = len(set(statistics.subjects))
    doubts = {
        "no seal: it was made before records had one, or was edited since; run it again": record.seal is None,
        f"direction not declared: metric '{metric.name}' sets no higher_is_better": metric.higher_is_better is None,
        too_few(subjects): subjects < ENOUGH,
    }
    return "; ".join(why for why, holds in doubts.items() if holds) or None, frozenset(statistics.tracks)


def _contradiction(record: Record, plugins: Plugins) -> str | None:
    """Return what in a record contradicts the rest of it or the installed plugins."""
    assert record.score is not None
    own = {plugin.kind: plugin for plugin in record.plugins}
    if record.ensemble is not None:  # called as its maker likes; its members are models
        own.pop("model", None)
    for kind, name in (("model", record.model), ("task", record.task), ("database", record.database.name)):
        if kind in own and own[kind].name != name.rpartition(":")[2]:
            return f"it names {kind} '{name}', and the {kind} that took part is '{own[kind].name}'"
    try:
        database = plugins.get("database", record.database.name, record.near("database"))
        task = plugins.get("task", record.task, record.near("task")).build()
    except AbawbenchError:
        return None  # not installed here: whoever asks for its metric says so
    if getattr(database.declaration, "generated", False) and not record.database.synthetic:
        return f"database '{record.database.name}' makes its own files, and the record says that it is not synthetic"
    if task.edition == record.edition and task.metric != record.score.metric:
        return f"task '{record.task}' is scored by {task.metric}, and the record says {record.score.metric}"
    return None


def _digest_of(statistics: TrackStatistics) -> str:
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(statistics.tracks)).encode()).hexdigest()
