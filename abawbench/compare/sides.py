"""The two sides of a comparison: runs found by path or by the name of a baseline, paired task by task."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from abawbench.contracts.errors import DataError, UsageError
from abawbench.records import store
from abawbench.records.record import Record

BASELINES = Path("leaderboards", "baselines")
SKEW = timedelta(hours=1)
"""By which the clocks of two machines may differ."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Run:
    """A record and where it was read."""

    path: Path
    record: Record

    @cached_property
    def asked(self) -> datetime:
        """When it was made, or last asked for and read back."""
        return store.last_asked(self.path, self.record)

    @property
    def is_to_come(self) -> bool:
        """Whether that time is still to come: the clock was wrong, so it tells nothing about which run is newer."""
        return self.asked > datetime.now(UTC) + SKEW


@dataclass(frozen=True)
class Pair:
    """The runs of one task on both sides, by seed; one side is empty where it has none."""

    task: str
    a: tuple[Run, ...]
    b: tuple[Run, ...]


def load_side(spec: str) -> list[Run]:
    """Return the runs that a run folder, a folder of runs, a result file or a baseline's name stands for.

    Jobs that gave no result are among them: an old result must not stand for a job that failed since. Raises DataError
    for the first result that cannot be read, and UsageError when there is none at all.
    """
    path = Path(spec)
    if not path.exists():
        path = _baseline(spec)
    if path.is_file():
        return [Run(path, store.read(path))]
    runs = [Run(*found) for found in (*store.find(path, _refuse), *store.find_failed(path, _refuse))]
    if not runs:
        raise UsageError(
            f"{spec}: no {store.RESULT} at or below this folder; give a run, a folder of runs or a baseline"
        )
    return runs


def pairs(a: Sequence[Run], b: Sequence[Run]) -> list[Pair]:
    """Return the runs of both sides task by task, in the order of A and then of B.

    Where both sides hold one model, those two are compared; otherwise equal names are. Of several runs of one model,
    task and seed the newest is taken, a failure too.
    """
    single = one_model(a, b)
    left, right = (_by_task(newest(side, single=single), single) for side in (a, b))
    for mine, theirs in ((left, right), (right, left)):
        _move_failures(mine, theirs)
    return [Pair(key[0], left.get(key, ()), right.get(key, ())) for key in dict.fromkeys([*left, *right])]


def one_model(a: Sequence[Run], b: Sequence[Run]) -> bool:
    """Return whether each side holds a single model, so that those two are compared whatever their names."""
    return all(len({run.record.model for run in side}) == 1 for side in (a, b))


def older_runs(runs: Sequence[Run], *, single: bool) -> list[tuple[Run, Run]]:
    """Return each run with a result that is not compared, with the newer one that is."""
    kept = newest(runs, single=single)
    chosen = {id(run) for run in kept}
    left_out = [run for run in runs if id(run) not in chosen and run.record.status == "ok"]
    return [(run, next(one for one in kept if _same_job(one.record, run.record))) for run in left_out]


def newest(runs: Sequence[Run], *, single: bool = False) -> list[Run]:
    """Return the runs without those that a newer one of the same system, task and seed takes the place of.

    A job that gave no result knows only its model: it takes the place of every older run of that model. With ``single``
    a model's options and settings do not tell its runs apart. Raises DataError where the time of one is still to come.
    """
    _require_past(runs)
    kept: dict[tuple[object, ...], Run] = {}
    for run in sorted(runs, key=lambda run: run.asked):
        record = run.record
        if record.status != "ok" or single:
            kept = {key: one for key, one in kept.items() if not _same_job(one.record, record)}
        else:
            kept = {
                key: one
                for key, one in kept.items()
                if not (one.record.status != "ok" and _same_job(one.record, record))
            }
        kept[record.task, record.seed, record.entry] = run
    chosen = {id(run) for run in kept.values()}
    return [run for run in runs if id(run) in chosen]


def _require_past(runs: Sequence[Run]) -> None:
    """Raise DataError for a run from the future that has a rival: a clock that was wrong must not decide for good."""
    for run in runs:
        if run.is_to_come and any(other is not run and _same_job(other.record, run.record) for other in runs):
            raise DataError(
                f"{run.path}: made at {run.asked:%Y-%m-%d %H:%M} UTC, which is still to come, so which run of "
                f"{run.record.model} on {run.record.task} is the newest cannot be told; remove it, or run it again"
            )


def _same_job(one: Record, other: Record) -> bool:
    return (one.model, one.task, one.seed) == (other.model, other.task, other.seed)


def save_baseline(name: str, runs: Sequence[Run], folder: Path = BASELINES, *, replace: bool = False) -> Path:
    """Store the records and statistics of runs as a baseline and return its folder.

    Predictions, weights and the paths of the data stay out: a baseline is committed, and read on other machines.
    Of several runs of one system, task and seed the newest is kept. Raises UsageError for a name that is no plain word,
    one that is taken unless ``replace``, and runs that could not be compared later.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot name a baseline; use letters, digits, dots, dashes and underscores")
    target, fresh, old = folder / name, folder / f".{name}.tmp", folder / f".{name}.old"
    if target.exists() and not replace:
        raise UsageError(f"{target} is there already; --force replaces it")
    runs = newest(runs)
    failed = [run for run in runs if run.record.status != "ok"]
    if failed:
        raise UsageError(f"{failed[0].path}: the run is {failed[0].record.status}; a baseline holds whole runs only")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for run in runs:
            statistics = store.read_run_statistics(run.path, run.record)
            record = run.record.without_paths()
            store.write(store.folder_of(fresh, record), record, statistics=statistics)
        _put_in_place(fresh, target, old)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _put_in_place(fresh: Path, target: Path, old: Path) -> None:
    """Rename one folder to another's name; that one is there again when it fails, and gone only at the end."""
    try:
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
        fresh.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def baselines() -> dict[str, Path]:
    """Return the baselines by name: those of the working folder, then those that came with abawbench."""
    spec = find_spec("abawbench_leaderboards")
    installed = [Path(spec.origin).parent / BASELINES.name] if spec and spec.origin else []
    found: dict[str, Path] = {}
    for folder in [BASELINES, *installed]:
        for path in sorted(folder.glob("*")):
            if path.is_dir() and not path.name.startswith("."):
                found.setdefault(path.name, path)
    return found


def _baseline(name: str) -> Path:
    known = baselines()
    if name not in known:
        words = f"the baselines are {', '.join(known)}" if known else "no baseline is stored"
        raise UsageError(f"{name}: no such file, folder or baseline; {words}")
    return known[name]


_Key = tuple[str, tuple[str, ...]]
"""A task, and what ran on it where that tells runs apart."""


def _by_task(runs: Sequence[Run], single: bool) -> dict[_Key, tuple[Run, ...]]:
    found: dict[_Key, list[Run]] = {}
    for run in runs:
        found.setdefault((run.record.task, () if single else run.record.entry), []).append(run)
    return {key: tuple(sorted(group, key=lambda run: run.record.seed)) for key, group in found.items()}


def _move_failures(mine: dict[_Key, tuple[Run, ...]], theirs: dict[_Key, tuple[Run, ...]]) -> None:
    """Let a job that gave no result, and so knows only its model, stand where the other side has a run of it."""
    for key in [key for key, group in mine.items() if all(run.record.status != "ok" for run in group)]:
        task, entry = key
        wanted = [other for other in theirs if other not in mine and (other[0], other[1][:1]) == (task, entry[:1])]
        if wanted:
            mine[wanted[0]] = mine.pop(key)


def _refuse(error: DataError) -> None:
    raise error
