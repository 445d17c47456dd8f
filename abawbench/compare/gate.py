"""A gate for CI: which changes are worse than allowed, which are not, and which this data cannot tell."""

import math
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from abawbench.compare.comparison import Comparison, Speed, TaskComparison
from abawbench.contracts.errors import DataError, UsageError
from abawbench.statistics.ranktest import mann_whitney, rounds_needed
from abawbench.system.files import read_whole
from abawbench.system.text import number

ALPHA = 0.002
"""Level of the rank test, as asv's: a busy machine makes the rounds of one process alike, so 5% would be too loose."""
UNDISTURBED = 0.9
"""Share of its time for which the reference workload must have had the processor, or the clock on the wall misleads."""
Outcome = Literal["pass", "fail", "unsure", "refused"]


_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
"""A limit is a finite number: infinity, a text or ``true`` would limit nothing."""


class TaskLimits(BaseModel):
    """Limits of one task."""

    model_config = _STRICT

    max_drop: float = Field(ge=0)


class Gate(BaseModel):
    """What a change may cost. A limit that is not given is not looked at; ratios are B's over A's."""

    model_config = _STRICT

    max_drop: float | None = Field(default=None, ge=0)
    """How much worse the metric may get, in its own unit."""
    max_parameters: float | None = Field(default=None, gt=0)
    max_macs: float | None = Field(default=None, gt=0)
    max_memory: float | None = Field(default=None, gt=0)
    max_latency: float | None = Field(default=None, gt=0)
    """How many times longer one clip may take, against the reference workload."""
    max_throughput_time: float | None = Field(default=None, gt=0)
    """How many times longer a batch of clips may take, against the reference workload."""
    when_unsure: Literal["fail", "pass"] = "fail"
    """What the exit status says when the data cannot tell: 2 for ``fail``, 0 for ``pass``; one refused stays 2."""
    tasks: dict[str, TaskLimits] = Field(default_factory=dict)
    """Limits of single tasks, which replace the general one."""


@dataclass(frozen=True)
class Check:
    """One limit, looked at."""

    what: str
    outcome: Outcome
    words: str


def read_gate(path: Path) -> Gate:
    """Return the gate in a TOML file. Raises DataError naming the file and the entry that is wrong."""
    try:
        given = tomllib.loads(read_whole(path).decode("utf-8-sig"))
        if not given:
            raise DataError(f"{path}: empty, so it limits nothing; give a limit, for example max_drop = 0.02")
        return Gate.model_validate(given)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: not a readable TOML file ({error})") from error
    except ValidationError as error:
        raise DataError(f"{path}: {_first(error)}") from error


def require_limits(gate: Gate, tasks: Collection[str], known: Collection[str]) -> None:
    """Raise UsageError for a gate that limits nothing, and for one of a task that is neither compared nor known."""
    limits = gate.model_dump(exclude={"when_unsure", "tasks"})
    if not gate.tasks and all(limit is None for limit in limits.values()):
        raise UsageError(f"the gate limits nothing; give one of {', '.join(limits)}")
    for name in gate.tasks:
        if name not in tasks and name not in known:
            near = get_close_matches(name, [*tasks, *known], n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"compared are {', '.join(tasks) or 'none'}"
            raise UsageError(f"the gate limits task '{name}', and there is none; {hint}")


def override_limits(gate: Gate, limits: Mapping[str, float]) -> Gate:
    """Return the gate with some limits replaced. Raises UsageError for one out of its range."""
    try:
        return Gate.model_validate(gate.model_dump() | dict(limits))
    except ValidationError as error:
        raise UsageError(f"the limit {_first(error)}") from error


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def checks(gate: Gate, comparison: Comparison) -> list[Check]:
    """Return every limit of the gate with its outcome. A limit nobody measured is unsure.

    A task that B gave no result of, and one that the gate names and nobody ran, fail: what was asked for is missing.
    """
    found = [
        Check(task.task, "fail" if task.lost else "refused", f"not compared: {task.reason}")
        for task in comparison.refused
    ]
    there = {one.task for one in comparison.tasks} | {one.task for one in comparison.refused}
    found += [
        Check(name, "fail", "not compared: no run of it on either side") for name in sorted(gate.tasks.keys() - there)
    ]
    timed: set[tuple[object, ...]] = set()
    for task in comparison.tasks:
        found += _accuracy(gate, task)
        found += _cost(gate, task)
        for check, rounds in _speeds(gate, task):
            if rounds not in timed:  # the networks of one model are timed once for all tasks
                timed.add(rounds)
                found.append(check)
    return found


def exit_status(gate: Gate, found: list[Check]) -> int:
    """Return 1 when a limit is broken, else 2 when a task was refused or one could not be told, else 0.

    A gate may let pass what could not be told, but not what was never compared: it would pass for ever.
    """
    outcomes = {check.outcome for check in found}
    if "fail" in outcomes:
        return 1
    return 2 if "refused" in outcomes or ("unsure" in outcomes and gate.when_unsure == "fail") else 0


def _accuracy(gate: Gate, task: TaskComparison) -> Iterator[Check]:
    drop = gate.tasks[task.task].max_drop if task.task in gate.tasks else gate.max_drop
    if drop is None:
        return
    if not task.direction_declared:
        words = f"direction not declared: metric '{task.metric}' sets no higher_is_better, so no change of it is a drop"
        yield Check(f"{task.task} {task.metric}", "refused", words)
        return
    what, gain, low, high = f"{task.task} {task.metric}", task.difference, task.simultaneous.low, task.simultaneous.high
    beyond = ""
    if low is None or high is None:  # nothing is claimed of other tracks; these are judged all the same
        low, high = task.lowest, task.highest
        beyond = f" on every resample of these {task.units} subjects, with no claim about others"
    if gain is None or low is None or high is None:
        yield Check(what, "unsure", task.reason or "no difference")
        return
    worse = "drop" if task.higher_is_better else "rise"
    words = f"{gain:+.4f} [{low:+.4f}, {high:+.4f}]{beyond}, a {worse} of {drop:g} is allowed"
    if not task.higher_is_better:
        gain, low, high = -gain, -high, -low
    if high < -drop:
        yield Check(what, "fail", words)
    elif low >= -drop:
        yield Check(what, "pass", words)
    else:
        yield Check(what, "unsure", f"{words}; {_tracks_needed(gain, low, high, drop, task)}")


def _tracks_needed(difference: float, low: float, high: float, drop: float, task: TaskComparison) -> str:
    """Return how many more tracks would settle it, were the difference what it seems: widths shrink as 1/sqrt(n)."""
    distance = abs(difference + drop)
    reach = difference - low if difference > -drop else high - difference
    if distance <= 1e-3 * reach:
        return "the difference lies on the limit, and no number of tracks would settle it"
    more = math.ceil(task.tracks * ((reach / distance) ** 2 - 1))
    return f"about {max(more, 1)} more tracks like these {task.tracks} would settle it, or a wider limit"


def _cost(gate: Gate, task: TaskComparison) -> Iterator[Check]:
    for name, limit in (("parameters", gate.max_parameters), ("macs", gate.max_macs), ("memory", gate.max_memory)):
        if limit is None:
            continue
        what, ratio, reason = f"{task.task} {name}", task.cost[name].ratio, task.cost[name].reason
        if ratio is None:
            yield Check(what, "unsure", reason or "not measured on both sides; run with --latency-seconds above 0")
        else:
            words = f"{number(ratio, 4)} times, {limit:g} allowed"
            yield Check(what, "fail" if ratio > limit else "pass", words)


def _speeds(gate: Gate, task: TaskComparison) -> Iterator[tuple[Check, tuple[object, ...]]]:
    for name, limit in (("latency", gate.max_latency), ("throughput", gate.max_throughput_time)):
        if limit is not None:
            speed = task.speed.get(name)
            rounds = (name, speed.a.model_ms, speed.b.model_ms) if speed else (name, task.b)
            yield check_speed(f"{task.b} {name}", speed, limit), rounds


def check_speed(what: str, speed: Speed | None, limit: float) -> Check:
    """Return whether B is slower than ``limit`` times A, by the rank test on rounds against the reference workload.

    Both are asked: slower than the limit (fail), faster than it (pass), and neither for certain (unsure). Where other
    work disturbed the clock on the wall, or it cannot tell, the processor time of the same rounds is asked.
    """
    if speed is None:
        return Check(what, "unsure", "not timed on both sides; run with --latency-seconds above 0")
    for field in ("workload", "batch", "threads", "device", "runtime"):
        one, other = getattr(speed.a, field), getattr(speed.b, field)
        if one != other:
            return Check(what, "unsure", f"the {field} of the timing differs: {one} against {other}")
    outcome, words = _slower(speed.a.ratios, speed.b.ratios, limit, "time")
    disturbed = min(speed.a.share, speed.b.share) < UNDISTURBED
    if (disturbed or outcome == "unsure") and speed.a.cpu_ratios and speed.b.cpu_ratios:
        other, other_words = _slower(speed.a.cpu_ratios, speed.b.cpu_ratios, limit, "processor time")
        if disturbed or other != "unsure":
            outcome, words = other, other_words
    return Check(what, outcome, words)


def _slower(a: Sequence[float], b: Sequence[float], limit: float, clock: str) -> tuple[Outcome, str]:
    """Return whether the rounds of B are slower than ``limit`` times those of A, by one clock, and what to say."""
    allowed = [limit * ratio for ratio in a]
    times = float(np.median(b) / np.median(a))
    slower, faster = mann_whitney(b, allowed), mann_whitney(allowed, b)
    words = (
        f"{times:.2f} times the {clock} against the reference workload, {limit:g} allowed "
        f"(p = {min(slower, faster):.1g})"
    )
    if times > limit and slower < ALPHA:
        return "fail", words
    if times <= limit and faster < ALPHA:
        return "pass", words
    needed, have = rounds_needed(b, allowed, ALPHA), min(len(a), len(b))
    if needed is None:
        return "unsure", f"{words}; it lies on the limit, and no number of rounds would settle it"
    more = f"about {max(needed - have, 1)} more rounds on each side than the {have} here would settle it"
    return "unsure", f"{words}; {more}: run with a longer --latency-seconds"
