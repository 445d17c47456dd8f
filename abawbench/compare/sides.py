"""The two sides of a comparison: runs found by path or by the name of a baseline, paired task by task."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby, pairwise
from pathlib import Path

from abawbench.contracts.errors import DataError, UsageError
from abawbench.records import store
from abawbench.records.record import Record

BASELINES = Path("leaderboards", "baselines")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Run:
    """A record and where it was read."""

    path: Path
    record: Record


@dataclass(frozen=True)
class Pair:
    """The runs of one task on both sides, by seed; one side is empty where it has none."""

    task: str
    a: tuple[Run, ...]
    b: tuple[Run, ...]


def load_side(spec: str) -> list[Run]:
    """Return the runs that a run folder, a folder of runs, a result file or a baseline's name stands for.

    Raises DataError for the first result that cannot be read, and UsageError when there is none at all.
    """
    path = Path(spec)
    if not path.exists():
        path = _baseline(spec)
    if path.is_file() or (path / store.RESULT).is_file():
        return [Run(path, store.read(path))]
    runs = [Run(folder, record) for folder, record in store.find(path, _refuse)]
    if not runs:
        raise UsageError(
            f"{spec}: no {store.RESULT} at or below this folder; give a run, a folder of runs or a baseline"
        )
    return runs


def pairs(a: Sequence[Run], b: Sequence[Run]) -> list[Pair]:
    """Return the runs of both sides task by task, in the order of A and then of B.

    Where both sides hold one model, those two are compared; otherwise equal names are. Raises UsageError when a side
    holds two runs of one model, task and seed: which one is meant?
    """
    single = all(len({run.record.model for run in side}) == 1 for side in (a, b))
    left, right = _by_task(a, single), _by_task(b, single)
    return [Pair(key[0], left.get(key, ()), right.get(key, ())) for key in dict.fromkeys([*left, *right])]


def save_baseline(name: str, runs: Sequence[Run], folder: Path = BASELINES, *, replace: bool = False) -> Path:
    """Store the records and statistics of runs as a baseline and return its folder; predictions and weights stay out.

    Raises UsageError for a name that is no plain word, one that is taken unless ``replace``, and runs that could not
    be compared later.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot name a baseline; use letters, digits, dots, dashes and underscores")
    target, fresh, old = folder / name, folder / f".{name}.tmp", folder / f".{name}.old"
    if target.exists() and not replace:
        raise UsageError(f"{target} is there already; --force replaces it")
    _by_task(runs, single=False)
    failed = [run for run in runs if run.record.status != "ok"]
    if failed:
        raise UsageError(f"{failed[0].path}: the run is {failed[0].record.status}; a baseline holds whole runs only")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for run in runs:
            statistics = store.read_run_statistics(run.path, run.record)
            store.write(store.folder_of(fresh, run.record), run.record, statistics=statistics)
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
    def key(run: Run) -> _Key:
        return run.record.task, () if single else run.record.entry

    found = {}
    for name, same in groupby(sorted(runs, key=lambda run: (key(run), run.record.seed)), key):
        group = tuple(same)
        for one, other in pairwise(group):
            if one.record.seed == other.record.seed:
                raise UsageError(
                    f"{one.path} and {other.path} are both {one.record.model} on {one.record.task} with seed "
                    f"{one.record.seed}; give the one that is meant"
                )
        found[name] = group
    order = list(dict.fromkeys(key(run) for run in runs))
    return {name: found[name] for name in order}


def _refuse(error: DataError) -> None:
    raise error
