"""Is a copy of a database complete and readable? Counts beside the official ones, and every file read."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from pathlib import Path

from abawbench.contracts import Count, Database, DatabaseDeclaration, Expected, FileGroup, UsageError
from abawbench.contracts.problems import Problem
from abawbench.harness.data.hashes import compare_hashes, hash_files, read_hashes, write_hashes
from abawbench.harness.request.databases import Sources, open_database
from abawbench.plugins import Plugin
from abawbench.progress import Progress
from abawbench.system.processes import map_in_processes

SPLITS = ("train", "val", "test")


class Status(IntEnum):
    """What a copy is worth; the number is the exit status."""

    COMPLETE = 0
    INCOMPLETE = 1
    UNUSABLE = 2


@dataclass(frozen=True)
class Line:
    """A number found on disk beside the official one, either of which may be unknown."""

    label: str
    split: str
    what: str
    found: int | None
    official: Expected | None = None
    detail: bool = False

    @property
    def verdict(self) -> str:
        """``same``, ``differs`` (a confirmed number), ``note`` (one that is not), or nothing to compare with."""
        if self.official is None:
            return ""
        if self.found == self.official.number:
            return "same"
        return "differs" if self.official.confidence == "CONFIRMED" else "note"


@dataclass(frozen=True)
class Verification:
    """What was found in a copy."""

    database: str
    edition: int | None
    lines: Sequence[Line]
    problems: Sequence[Problem]
    files: int
    """Files that were read."""
    seconds: float

    @property
    def defects(self) -> list[Problem]:
        """The problems without files that only do not belong."""
        return [problem for problem in self.problems if not problem.extra]

    @property
    def status(self) -> Status:
        """Unusable without a single readable track; incomplete with a defect or a confirmed number that differs."""
        if not any(line.what == "tracks" and line.found for line in self.lines):
            return Status.UNUSABLE
        differs = any(line.verdict == "differs" for line in self.lines)
        return Status.INCOMPLETE if differs or self.defects else Status.COMPLETE


@dataclass(frozen=True, kw_only=True)
class VerifyRequest:
    """What of a copy is looked at, and how thoroughly."""

    edition: int | None = None
    labels: Sequence[str] = ()
    splits: Sequence[str] = ()
    """Both empty for all."""
    fast: bool = False
    """Read sizes and headers only."""
    jobs: int | None = None
    """Processes; one per processor unless given."""


def open_copy(
    plugin: Plugin, sources: Sources, edition: int | None, progress: Progress, assumptions: Mapping[str, str]
) -> Database:
    """Return the database of a plugin's name, as of an edition.

    Raises UsageError for missing roots and an edition that the plugin does not know.
    """
    declared, roots = plugin.declaration, sources.roots.get(plugin.name)
    if edition is not None and roots and isinstance(declared, DatabaseDeclaration) and declared.editions:
        if edition not in declared.editions:
            known = ", ".join(map(str, declared.editions))
            raise UsageError(f"database '{plugin.name}' has no edition {edition}; it knows {known}")
        database: Database = plugin.build_under(assumptions, roots, edition=edition)
        return database
    if not roots and not (isinstance(declared, DatabaseDeclaration) and declared.generated):
        raise UsageError(f"database '{plugin.name}' needs a folder: abawbench data verify {plugin.name} ROOT")
    return open_database(plugin, plugin.name, sources, progress, assumptions)


def verify(database: Database, wanted: VerifyRequest, progress: Progress | None = None) -> Verification:
    """Return what is in a copy beside what should be.

    Every image is decoded and every sound and text read. Raises UsageError for a database whose plugin cannot tell, and
    for a label it does not have.
    """
    labels, splits = wanted.labels, wanted.splits
    started = time.perf_counter()
    inspection = database.inspect(labels, splits)
    groups = sorted(inspection.groups, key=lambda group: -group.files)  # the longest first, so that none is waited for
    total = sum(group.files for group in groups)
    with (progress or Progress()).bar(f"reading {database.name}"[:18], total, "file") as advance:
        results = map_in_processes(
            partial(_check, wanted.fast), groups, wanted.jobs or processors(), chunk=1 + len(groups) // 2000
        )
        for group, found in zip(groups, results, strict=True):
            for problem in found:
                database.problems.add(problem.file, problem.what, problem.line, problem.track, extra=problem.extra)
            advance(group.files)
    expected = [e for e in database.expected(wanted.edition) if _is_asked_for(e, labels, splits)]
    return Verification(
        database=database.name,
        edition=wanted.edition,
        lines=_beside(inspection.counts, expected),
        problems=sorted(database.problems.items, key=lambda problem: (problem.extra, problem.file, problem.line or 0)),
        files=total,
        seconds=time.perf_counter() - started,
    )


def verify_contents(
    found: Verification, root: Path, file: Path, wanted: VerifyRequest, progress: Progress
) -> Verification:
    """Return what was found, and what differs from the contents that a file knows; it is written where it is not there.

    Raises DataError for a file that is none of ours.
    """
    known = read_hashes(file) if file.exists() else None
    hashes = hash_files(root, wanted.jobs or processors(), progress)
    if known is None:
        write_hashes(file, hashes)
        progress.note(f"{file}: the contents of {len(hashes):,} files, to compare with later")
        return found
    return replace(found, problems=[*found.problems, *compare_hashes(known, hashes, file)])


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check(fast: bool, group: FileGroup) -> Sequence[Problem]:
    return group.check(fast)


def _is_asked_for(expected: Expected, labels: Sequence[str], splits: Sequence[str]) -> bool:
    if not expected.label:
        return not labels and not splits
    named = not labels or expected.label in labels
    return named and (not splits or set(expected.split.split("+")) <= set(splits))


def _beside(counts: Sequence[Count], expected: Sequence[Expected]) -> list[Line]:
    """Return a line for every count and every expected number, by label and split; what is whole comes last."""
    official = {(e.label, e.split, e.what): e for e in expected}
    found = {(c.label, c.split, c.what): c for c in counts}
    labels = list(dict.fromkeys(label for label, _, _ in [*official, *found] if label))
    keys = sorted({**found, **official}, key=lambda key: (_place(key[0], labels), _place(key[1], SPLITS)))
    lines = []
    for key in keys:
        count = found.get(key)
        number, detail = (count.number, count.detail) if count else (None, False)
        lines.append(Line(*key, number, official.get(key), detail))
    return lines


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)
