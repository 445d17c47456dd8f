"""Jobs of a plan as arrays of a Slurm cluster, submitted by submitit: those for a GPU apart from the others.

Results, checkpoints, the plan and the logs lie in one folder that the head and the nodes see. A job whose node is lost,
that is preempted or requeued goes on from its checkpoint.
"""

import math
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import submitit

from abawbench.contracts import UsageError
from abawbench.harness.engines.endings import FOLDER, forget_ending, note_ending, read_ending
from abawbench.harness.engines.engine import Ended, Engine, Errand, Lost, Parts, describe_lost, needs_gpu
from abawbench.harness.engines.local import do_one
from abawbench.harness.request.jobs import describe
from abawbench.harness.request.plan import Plan, write_plan
from abawbench.plugins import one_line
from abawbench.progress import Progress
from abawbench.records.record import Record
from abawbench.system.limits import Limits
from abawbench.system.text import plain

LARGEST = 1000
"""Jobs of one array: a cluster allows 1,001 unless it is told otherwise (``MaxArraySize``)."""
_LOOK = (1.0, 15.0)
"""Seconds between looks at the results, at first and at most."""
_GRACE = 30.0
"""Seconds for the note of a job that left the queue to appear: a shared folder may show it late."""
_SPARE = 10
"""Minutes that Slurm gives a job beyond its own limit, to start and to say how it ended."""
_RUNNING = "R"
"""What squeue calls a job that runs."""
_GPU_KEYS = ("gpus_per_node", "gpus_per_task", "gres", "num_gpus", "mem_per_gpu", "cpus_per_gpu")


class SlurmArrays(Engine):
    """``options`` are ``key=value`` for sbatch; with ``wait`` false the jobs are left to the cluster."""

    def __init__(self, options: Sequence[str] = (), wait: bool = True, grace: float = _GRACE) -> None:
        self._options, self._wait, self._grace = parse_options(options), wait, grace

    def run(self, errand: Errand, ended: Ended) -> None:
        """Submit the jobs, wait for them unless they are to be left, and take them back when interrupted."""
        if errand.limits is None:
            raise UsageError("--in-process is for this machine; leave it or --engine out")
        folder = errand.out / FOLDER / f"slurm-{errand.plan.name}"
        plan = folder / "plan.json"
        write_plan(plan, errand.plan)
        for number in errand.numbers:
            forget_ending(errand.out, errand.plan.digest(number))
        there: dict[int, str] = {}
        try:
            for numbers, options in self._arrays(errand):
                given = [(errand.plan.only(n), str(errand.out), errand.limits, errand.force) for n in numbers]
                jobs = _submit(folder / "log", PlannedJob(), given, options)
                there.update(zip(numbers, (str(job.job_id) for job in jobs), strict=True))
            errand.progress.note(f"{len(there)} jobs handed to Slurm; see: abawbench collect --plan {plan}")
            if self._wait:
                self._watch(errand, there, ended)
        except BaseException:
            _cancel(there.values())
            raise

    def spread(self, parts: Parts) -> list[Any]:
        """Do each part as a job of an array, of a GPU where one was asked for and the work may use it."""
        options = _limits(parts.limits) | {k: v for k, v in self._options.items() if parts.on_gpu or k not in _GPU_KEYS}
        jobs = _submit(parts.log, _Part(parts.work), parts.given, options)
        try:
            return [_part(job) for job in parts.progress.track(jobs, "parts", len(jobs), "part")]
        except BaseException:
            _cancel(str(job.job_id) for job in jobs)
            raise

    def _arrays(self, errand: Errand) -> list[tuple[list[int], dict[str, Any]]]:
        """Return the jobs of each array, with what sbatch is told of it."""
        assert errand.limits is not None
        wants_gpu = any(key in self._options for key in _GPU_KEYS)
        kinds: dict[bool, list[int]] = {}
        for number in errand.numbers:
            kind = wants_gpu and needs_gpu(errand.plan.jobs[number], errand.plugins)
            kinds.setdefault(kind, []).append(number)
        found = []
        for kind, numbers in kinds.items():
            options = self._options if kind else {k: v for k, v in self._options.items() if k not in _GPU_KEYS}
            options = {**_limits(errand.limits), **options}
            found += [(numbers[at : at + LARGEST], options) for at in range(0, len(numbers), LARGEST)]
        return found

    def _watch(self, errand: Errand, there: Mapping[int, str], ended: Ended) -> None:
        """Tell of each job as the note of how it ended appears; one that left the queue without is lost."""
        left, gone, pause = dict(there), dict[int, float](), _LOOK[0]
        with errand.progress.jobs({number: describe(errand.plan.jobs[number]) for number in there}) as table:
            while left:
                answer = _queued()
                # a controller that is silent has lost nothing
                queued = dict.fromkeys(left.values(), "") if answer is None else answer
                table.running(number for number, name in left.items() if queued.get(name) == _RUNNING)
                before = len(left)
                for number, name in list(left.items()):
                    if name in queued:
                        gone.pop(number, None)
                    record = read_ending(errand.out, errand.plan, number).record
                    since = gone.setdefault(number, time.monotonic()) if name not in queued else math.inf
                    if record is None and time.monotonic() - since >= self._grace:
                        record = _describe_gone(errand, number, name)
                    if record is not None:
                        del left[number]
                        table.ended(number, record.status)
                        ended(number, record)
                if left:
                    pause = _LOOK[0] if len(left) < before else min(pause * 1.5, _LOOK[1])
                    time.sleep(pause)


class _Printed(Progress):
    """Prints notes, which Slurm keeps in the log of the job."""

    def note(self, text: str) -> None:
        print(plain(text), flush=True)


class PlannedJob:
    """One job of a plan, done on a node; picklable, and submitted once more where Slurm takes the node away."""

    def __call__(self, plan: Plan, out: str, limits: Limits, force: bool) -> str:
        """Do the only job of a plan and return how it ended; the result lies under ``out``."""
        force = force and not int(os.environ.get("SLURM_RESTART_COUNT", "0"))  # else no checkpoint would be left
        signal.signal(signal.SIGTERM, _leave)
        return do_one(plan, Path(out), limits, force, _Printed()).status

    def checkpoint(self, *given: Any) -> submitit.helpers.DelayedSubmission:
        """Return what is submitted again: the job itself, which finds its checkpoint in its run folder."""
        return submitit.helpers.DelayedSubmission(self, *given)


@dataclass(frozen=True)
class _Part:
    """A part of some work, done on a node; picklable, and submitted again like a job."""

    work: Callable[..., Any]

    def __call__(self, *given: Any) -> Any:
        """Return what came of it."""
        signal.signal(signal.SIGTERM, _leave)
        return self.work(*given)

    def checkpoint(self, *given: Any) -> submitit.helpers.DelayedSubmission:
        """Return what is submitted again: itself, which finds in the cache what was stored."""
        return submitit.helpers.DelayedSubmission(self, *given)


def _leave(number: int, frame: Any) -> NoReturn:
    """End without a word where Slurm takes the node away: the job is no failure, it goes on elsewhere."""
    raise SystemExit(128 + number)


def parse_options(items: Sequence[str]) -> dict[str, Any]:
    """Return what sbatch is told, from ``key=value``; numbers as such. Names may have ``-`` or ``_``.

    >>> parse_options(["partition=gpu", "gpus-per-node=1"])
    {'partition': 'gpu', 'gpus_per_node': 1}
    """
    found: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise UsageError(f"--slurm '{item}': write key=value, for example --slurm partition=gpu")
        found[key.strip().lstrip("-").replace("-", "_")] = int(value) if value.isdecimal() else value
    return found


def _limits(limits: Limits) -> dict[str, Any]:
    """Return what Slurm is to allow a job of these limits."""
    wanted: dict[str, Any] = {"job_name": "abawbench"}
    if limits.seconds is not None:
        wanted["time"] = math.ceil(limits.seconds / 60) + _SPARE
    if limits.memory is not None:
        wanted["mem"] = f"{math.ceil(limits.memory / 2**20)}M"
    if limits.jobs > 1:
        wanted["array_parallelism"] = limits.jobs
    return wanted


def _submit(
    log: Path, work: Callable[..., Any], given: Sequence[tuple[Any, ...]], options: Mapping[str, Any]
) -> list[Any]:
    """Submit one array, a job for each of what is given, and return its jobs."""
    try:
        executor = submitit.SlurmExecutor(folder=log, max_num_timeout=1000)
        known = executor._valid_parameters()
        more = {key.replace("_", "-"): value for key, value in options.items() if key not in known}
        executor.update_parameters(
            **{key: value for key, value in options.items() if key in known}, additional_parameters=more
        )
        return list(executor.map_array(work, *zip(*given, strict=True)))
    except (RuntimeError, OSError, ValueError, TypeError, subprocess.CalledProcessError) as error:
        said = str(error).strip().splitlines()
        raise UsageError(f"Slurm did not take the jobs: {said[-1] if said else type(error).__name__}") from error


def _part(job: Any) -> Any:
    """Return what came of a part, once its job has ended."""
    try:
        return job.result()
    except (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError) as error:
        return Lost(f"{_state(str(job.job_id))}; {one_line(error)}")


def _describe_gone(errand: Errand, number: int, name: str) -> Record:
    """Return the record of a job that left the queue without a note of how it ended, noted now."""
    record = describe_lost(errand, number, f"Slurm job {name} ended without a result ({_state(name)})")
    note_ending(errand.out, errand.plan.digest(number), record)
    return record


def _queued() -> dict[str, str] | None:
    """Return the state of this user's jobs that wait or run, by name; None where the controller does not answer."""
    said = _ask("squeue", "-h", "-r", "--me", "-o", "%i %t")
    return None if said is None else dict(zip(said[::2], said[1::2], strict=True))


def _state(name: str) -> str:
    """Return what Slurm still knows of a job."""
    said = " ".join(_ask("scontrol", "show", "job", "-o", name) or ())
    found = {key: re.search(rf"\b{key}=(\S+)", said) for key in ("JobState", "Reason", "ExitCode")}
    return ", ".join(f"{key} {match[1]}" for key, match in found.items() if match) or "Slurm knows no more of it"


def _cancel(names: Any) -> None:
    if arrays := sorted({name.partition("_")[0] for name in names}):
        _ask("scancel", *arrays)


def _ask(*command: str) -> list[str] | None:
    """Return the words that a command of Slurm prints; None where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.split()
