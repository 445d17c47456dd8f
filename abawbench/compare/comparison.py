"""Two sets of runs against each other: the paired difference of every task, and the cost side by side."""

from collections.abc import Callable, Sequence

import numpy as np

from abawbench.compare.differing import differences
from abawbench.compare.sides import Pair, Run, older_runs, one_model, pairs
from abawbench.contracts.errors import AbawbenchError, DataError
from abawbench.contracts.metric import Metric, Statistics
from abawbench.plugins import Plugins
from abawbench.records import store
from abawbench.records.fields import Number, RecordPart
from abawbench.records.record import Record, RelativeTime
from abawbench.records.track_statistics import TrackStatistics
from abawbench.statistics.bootstrap import REPLICATES
from abawbench.statistics.paired import Difference, compare_paired, spread_of_seeds
from abawbench.statistics.ranking import holm

LEVEL = 0.95
ROUNDING = 1e-6
"""How far the installed metric may stray from the recorded value before it is called another metric."""


class Bounds(RecordPart):
    """An interval of the difference."""

    low: Number
    high: Number
    level: float


class Ratio(RecordPart):
    """A cost on both sides, and B's over A's."""

    a: Number
    b: Number
    ratio: Number
    reason: str | None = None
    """Why there is no ratio of two numbers that are there."""


class Speed(RecordPart):
    """Rounds of the network's time over the reference workload's on both sides; see ``RelativeTime``."""

    a: RelativeTime
    b: RelativeTime


class TaskComparison(RecordPart):
    """One task: how far B is from A, and what each costs."""

    task: str
    edition: int
    metric: str
    higher_is_better: bool
    direction_declared: bool = True
    """Whether the metric says so itself; a gate refuses to judge by one that does not."""
    database: str
    split: str
    synthetic: bool
    a: str
    b: str
    seeds: int
    value_a: Number
    value_b: Number
    difference: Number
    """B minus A; of several seeds, between the means."""
    interval: Bounds
    simultaneous: Bounds
    """Wide enough to hold for all tasks at once (Bonferroni); gates decide by it."""
    p_value: Number
    p_holm: Number
    """Corrected for the number of tasks."""
    detectable: Number
    """The smallest true difference that would have shown, with a probability of 80%."""
    seed_sd_a: Number
    """Standard deviation between seeds, apart from the interval, which is over tracks."""
    seed_sd_b: Number
    tracks: int
    units: int
    """Subjects, which are resampled."""
    lowest: Number
    """The lowest difference of any resample of these tracks: what holds of them, and is no claim about others."""
    highest: Number
    reason: str | None
    """Why there is no difference, or why nothing is claimed of it."""
    cost: dict[str, Ratio]
    speed: dict[str, Speed]
    differs: tuple[str, ...] = ()
    """In what the two sides differ besides their results, one line for each kind of thing."""


class Refused(RecordPart):
    """A task that cannot be compared, and why."""

    task: str
    reason: str
    lost: bool = False
    """Whether that is because B gave no result, which a gate never lets pass, whatever A gave."""


class Comparison(RecordPart):
    """Everything about B against A."""

    a: str
    b: str
    replicates: int
    tasks: tuple[TaskComparison, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...] = ()
    """Which runs were passed over for newer ones, and what those differ in."""


class _NotComparable(AbawbenchError):
    """Raised with the reason."""


def compare(
    a: Sequence[Run],
    b: Sequence[Run],
    plugins: Plugins,
    *,
    names: tuple[str, str] = ("A", "B"),
    level: float = LEVEL,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Comparison:
    """Return the comparison of runs A with runs B, task by task.

    A task whose sides differ in database, split, edition, metric, tracks or number of seeds, or of which one is
    synthetic, is refused with the reason. Raises DataError when a file is damaged or not what its record says.
    """
    ready: list[tuple[Pair, Metric, _Sides]] = []
    refused = []
    for pair in pairs(a, b):
        try:
            _comparable(pair)
            ready.append((pair, *_open_pair(pair, plugins)))
        except _NotComparable as error:
            refused.append(Refused(task=pair.task, reason=str(error), lost=not _gave(pair.b)))
    wide = 1 - (1 - level) / max(len(ready), 1)

    def difference(metric: Metric, sides: _Sides, level: float) -> Difference:
        groups = sides.subjects
        return compare_paired(
            metric.value, sides.a, sides.b, groups=groups, replicates=replicates, level=level, seed=seed
        )

    differences = [difference(metric, sides, level) for _, metric, sides in ready]
    corrected = holm([1.0 if np.isnan(found.p_value) else found.p_value for found in differences])
    tasks = [
        _task(pair, metric, sides, found, difference(metric, sides, wide), p_holm)
        for (pair, metric, sides), found, p_holm in zip(ready, differences, corrected, strict=True)
    ]
    single = one_model(a, b)
    notes = [note for side, runs in zip(names, (a, b), strict=True) for note in _passed_over(side, runs, single)]
    return Comparison(
        a=names[0],
        b=names[1],
        replicates=replicates,
        tasks=tuple(tasks),
        refused=tuple(refused),
        notes=tuple(notes),
    )


def _gave(side: Sequence[Run]) -> bool:
    return bool(side) and all(run.record.score is not None and run.record.score.value is not None for run in side)


def _passed_over(side: str, runs: Sequence[Run], single: bool) -> list[str]:
    """Return a sentence for each run for which a newer one was taken."""
    found = []
    for old, new in older_runs(runs, single=single):
        what = "; ".join(differences(old.record, new.record)) if new.record.status == "ok" else new.record.status
        found.append(
            f"{side}: {new.record.model} on {new.record.task} with seed {new.record.seed}: {new.path.name} is the "
            f"newest and is taken, not {old.path.name} ({what or 'nothing differs'})"
        )
    return found


def metric_of(record: Record, plugins: Plugins) -> Metric:
    """Return the metric a record was scored by. Raises DataError when the installed task is of another edition."""
    assert record.score is not None
    assumptions = record.protocol.assumptions if record.protocol else {}
    task = plugins.get("task", record.task, record.near("task")).build_under(assumptions)
    if task.edition != record.edition:
        raise DataError(
            f"task '{record.task}' is installed in edition {task.edition} but the record is of edition "
            f"{record.edition}; run it again"
        )
    task = task.leave_out(record.database.lacks)
    metric: Metric = plugins.get("metric", record.score.metric, record.near("metric")).build_under(assumptions, task)
    return metric


def load_statistics(run: Run, metric: Metric) -> TrackStatistics:
    """Return the statistics of a run's tracks. Raises DataError unless they give the recorded value."""
    found = store.read_run_statistics(run.path, run.record)
    if found.values.shape[1] != metric.size:
        raise DataError(
            f"{run.path}: column statistics holds {found.values.shape[1]} numbers per track and the installed metric "
            f"needs {metric.size}; run it again"
        )
    value = float(metric.value(found.values.sum(axis=0)))
    recorded = run.record.score.value if run.record.score else None
    if recorded is not None and not abs(value - recorded) <= ROUNDING:
        raise DataError(
            f"{run.path}: score.value is {recorded:.6f} but the statistics give {value:.6f} by the installed metric; "
            "it has changed, so run it again"
        )
    return found


class _Sides:
    """The statistics of both sides, [seeds, tracks, S], on the same tracks in one order."""

    def __init__(self, a: Sequence[TrackStatistics], b: Sequence[TrackStatistics]) -> None:
        first = a[0]
        for other in (*a, *b):
            strangers = set(first.tracks) ^ set(other.tracks)
            if strangers:
                raise _NotComparable(f"the scored tracks differ in {len(strangers)}, '{min(strangers)}' among them")
            if dict(zip(first.tracks, first.subjects, strict=True)) != dict(
                zip(other.tracks, other.subjects, strict=True)
            ):
                raise _NotComparable("the subjects of the tracks differ")
        self.subjects = first.subjects
        self.a, self.b = (np.stack([one.in_order_of(first.tracks) for one in side]) for side in (a, b))


def _comparable(pair: Pair) -> None:
    """Raise with the reason why the two sides cannot be compared, from their records alone."""
    for side, name in ((pair.a, "A"), (pair.b, "B")):
        if not side:
            raise _NotComparable(f"{name} has no run of it")
        for run in side:
            if run.record.status != "ok" or run.record.score is None or run.record.score.value is None:
                raise _NotComparable(f"{run.path} is {run.record.status}: {_why(run.record)}")
    one, other = pair.a[0].record, pair.b[0].record
    if {run.record.database.synthetic for run in (*pair.a, *pair.b)} == {True, False}:
        raise _NotComparable("synthetic against real: these never share a table")
    for words, get in _SAME.items():
        values = list(dict.fromkeys(get(run.record) for run in (*pair.a, *pair.b)))
        if len(values) > 1:
            raise _NotComparable(f"the {words} differs: {values[0]} against {values[1]}")
    if len(pair.a) != len(pair.b):
        raise _NotComparable(
            f"the number of seeds differs: {len(pair.a)} of {one.model} against {len(pair.b)} of {other.model}"
        )


def _assumptions(record: Record) -> str:
    found = record.protocol.assumptions if record.protocol else {}
    return ", ".join(f"{name}={value}" for name, value in sorted(found.items())) or "the default"


_SAME: dict[str, Callable[[Record], object]] = {
    "edition": lambda record: record.edition,
    "database": lambda record: record.database.name,
    "assumption of uncertain facts": lambda record: _assumptions(record),
    "split": lambda record: record.scored_part,
    "annotation (database.fingerprint)": lambda record: record.database.fingerprint[:12],
    "metric": lambda record: record.score and record.score.metric,
    "set of outputs left out (database.lacks)": lambda record: ", ".join(record.database.lacks) or "none",
}


def _why(record: Record) -> str:
    return record.reason or (record.score.reason if record.score else None) or "it has no value"


def _open_pair(pair: Pair, plugins: Plugins) -> tuple[Metric, _Sides]:
    metric = metric_of(pair.a[0].record, plugins)
    return metric, _Sides(*([load_statistics(run, metric) for run in side] for side in (pair.a, pair.b)))


def _task(
    pair: Pair, metric: Metric, sides: _Sides, found: Difference, wide: Difference, p_holm: float
) -> TaskComparison:
    one, other = pair.a[0].record, pair.b[0].record
    assert one.score is not None
    return TaskComparison(
        task=pair.task,
        edition=one.edition,
        metric=one.score.metric,
        higher_is_better=metric.higher_is_better is not False,
        direction_declared=metric.higher_is_better is not None,
        database=one.database.name,
        split=one.scored_part,
        synthetic=one.database.synthetic,
        a=one.describe(),
        b=other.describe(),
        seeds=len(pair.a),
        value_a=_mean(metric, sides.a),
        value_b=_mean(metric, sides.b),
        difference=found.value,
        interval=Bounds(low=found.low, high=found.high, level=found.level),
        simultaneous=Bounds(low=wide.low, high=wide.high, level=wide.level),
        p_value=found.p_value,
        p_holm=p_holm if found.reason is None else None,
        detectable=found.detectable,
        seed_sd_a=spread_of_seeds(metric.value, sides.a),
        seed_sd_b=spread_of_seeds(metric.value, sides.b),
        tracks=len(sides.subjects),
        units=found.units,
        lowest=found.lowest,
        highest=found.highest,
        reason=found.reason,
        cost=_cost(one, other),
        speed=_compare_speeds(one, other),
        differs=tuple(differences(one, other)),
    )


def _mean(metric: Metric, statistics: Statistics) -> float:
    return float(metric.value(statistics.sum(axis=1)).mean())


def _cost(a: Record, b: Record) -> dict[str, Ratio]:
    def ratio(one: float | None, other: float | None) -> Ratio:
        return Ratio(a=one, b=other, ratio=other / one if one and other is not None else None)

    missed = dict.fromkeys([*a.macs_missed, *b.macs_missed])
    macs = ratio(a.macs_per_frame, b.macs_per_frame)
    if missed:
        macs = macs.model_copy(update={"ratio": None, "reason": f"the counts are short: {', '.join(missed)}"})
    costs = a.cost, b.cost
    latency = [cost.latency.p50_ms if cost and cost.latency else None for cost in costs]
    return {
        "parameters": ratio(*(cost.parameters_total if cost else None for cost in costs)),
        "macs": macs,
        "latency": ratio(latency[0], latency[1]),
        "memory": ratio(*(cost.peak_memory_bytes if cost else None for cost in costs)),
    }


def _compare_speeds(a: Record, b: Record) -> dict[str, Speed]:
    left, right = (record.cost.relative if record.cost else {} for record in (a, b))
    return {name: Speed(a=left[name], b=right[name]) for name in left if name in right}
