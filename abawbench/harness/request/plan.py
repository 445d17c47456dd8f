"""A plan: the jobs of a run as one file, so that any scheduler on any machine can do one of them by its number."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from abawbench._version import __version__
from abawbench.contracts import DataError, UsageError
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.jobs import Job
from abawbench.system.files import replace_file

FORM = 1
"""Version of the file's form."""
_NAMED = {"model": str, "task": str, "seed": int, "overrides": dict}
"""What tells the jobs of a plan apart; in all else they are like each other."""
_MOST = 2**30
"""Bytes of a plan, about four million jobs."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The jobs of a run, and what they share. Where results go is said when they are run."""

    jobs: tuple[Job, ...]
    """At least one."""
    sources: Sources
    latency_seconds: float = 60.0
    checkpoint_minutes: float = 15.0
    trackers: tuple[str, ...] = ()

    @cached_property
    def _shared(self) -> bytes:
        like = {name: value for name, value in asdict(self.jobs[0]).items() if name not in _NAMED}
        return json.dumps([like, asdict(self.sources)], sort_keys=True, default=str).encode()

    def digest(self, number: int) -> str:
        """Return the SHA-256 of what a job was asked to do; that of its result needs the files and the machine, too."""
        named = json.dumps([getattr(self.jobs[number], name) for name in _NAMED], sort_keys=True, default=str)
        return hashlib.sha256(self._shared + named.encode()).hexdigest()

    @cached_property
    def name(self) -> str:
        """Eight characters that tell plans apart."""
        return hashlib.sha256("".join(map(self.digest, range(len(self.jobs)))).encode()).hexdigest()[:8]

    def only(self, number: int) -> "Plan":
        """Return a plan of one job, which keeps its digest: what travels to a node stays small."""
        return replace(self, jobs=(self.jobs[number],))

    def pick(self, numbers: str | None) -> tuple[int, ...]:
        """Return the numbers of jobs that a text names: ``3``, ``0-99`` or ``0-9,20``; all for None.

        Raises UsageError for one that the plan does not have.
        """
        if numbers is None:
            return tuple(range(len(self.jobs)))
        found: list[int] = []
        for part in numbers.split(","):
            first, dash, last = part.strip().partition("-")
            if not first.isdecimal() or (dash and not last.isdecimal()):
                raise UsageError(f"jobs '{numbers}': write numbers from 0, for example 3, 0-99 or 0-9,20")
            beyond = int(last or first)
            if beyond >= len(self.jobs) or int(first) > beyond:
                raise UsageError(f"jobs '{part}': the plan has {len(self.jobs)}, 0 to {len(self.jobs) - 1}")
            found += range(int(first), beyond + 1)
        return tuple(dict.fromkeys(found))


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan, whole or not at all, one line a job."""
    like = {name: value for name, value in asdict(plan.jobs[0]).items() if name not in _NAMED}
    head = {
        "plan": FORM,
        "abawbench": __version__,
        "sources": asdict(plan.sources),
        "latency_seconds": plan.latency_seconds,
        "checkpoint_minutes": plan.checkpoint_minutes,
        "trackers": plan.trackers,
        "like": like,
    }
    with replace_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=1, default=str)[:-2] + ',\n "jobs": [\n')
        for number, job in enumerate(plan.jobs):
            row = {**{name: getattr(job, name) for name in _NAMED}, "digest": plan.digest(number)}
            file.write(("  " if number == 0 else ",\n  ") + json.dumps(row, default=str))
        file.write("\n ]\n}\n")


def read_plan(path: Path) -> Plan:
    """Return the plan of a file. Raises DataError naming the file and what is wrong with it."""
    try:
        with path.open("rb") as file:
            given = json.loads(file.read(_MOST))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); write a plan with 'abawbench plan'") from error
    except ValueError as error:
        raise DataError(f"{path}: not a plan: {error}; write it again with 'abawbench plan'") from error
    if not isinstance(given, dict) or given.get("plan") != FORM:
        raise DataError(f"{path}: not a plan of form {FORM}; write it again with 'abawbench plan'")
    try:
        like = _only(Job, {**given["like"]})
        rows = given["jobs"]
        plan = Plan(
            jobs=tuple(replace(like, **{name: kind(row[name]) for name, kind in _NAMED.items()}) for row in rows),
            sources=_only(Sources, given["sources"]),
            latency_seconds=float(given["latency_seconds"]),
            checkpoint_minutes=float(given["checkpoint_minutes"]),
            trackers=tuple(map(str, given["trackers"])),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: {where}: {first['msg']}; write it again with 'abawbench plan'") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a whole plan ({error}); write it again with 'abawbench plan'") from error
    if not plan.jobs:
        raise DataError(f"{path}: has no job; write it again with 'abawbench plan'")
    for number, row in enumerate(rows):
        if row.get("digest") != plan.digest(number):
            raise DataError(
                f"{path}: job {number} was edited since it was planned; write it again with 'abawbench plan'"
            )
    return plan


def _only(kind: type[Any], given: dict[str, Any]) -> Any:
    """Return a dataclass of values that fit its fields, nothing else among them."""
    known = {field.name for field in fields(kind)}
    if extra := given.keys() - known:
        raise ValueError(f"unknown {', '.join(sorted(extra))}")
    return TypeAdapter(kind).validate_python(given)


def numbers_text(numbers: Sequence[int]) -> str:
    """Return numbers as ``Plan.pick`` reads them, runs of them joined.

    >>> numbers_text([0, 1, 2, 7])
    '0-2,7'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
