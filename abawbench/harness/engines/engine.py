"""What every engine does, and the engines there are."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from abawbench.contracts import UsageError
from abawbench.harness.jobs.failures import Failure, describe_unopened, record_of
from abawbench.harness.request.jobs import Job
from abawbench.harness.request.plan import Plan
from abawbench.plugins import Plugins
from abawbench.progress import Progress
from abawbench.records.record import Record
from abawbench.system.limits import Limits

ENGINES = {
    "local": ("abawbench.harness.engines.local:Local", None),
    "ray": ("abawbench.harness.engines.ray_tasks:RayTasks", "ray"),
    "slurm": ("abawbench.harness.engines.slurm_arrays:SlurmArrays", "submitit"),
}
"""Name -> where it is defined, and the module it needs, which is the extra of the engine's name."""

Ended = Callable[[int, Record], None]
"""Is told how a job ended: its number in the plan, and its record."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """Which jobs are to be done, and how."""

    plan: Plan
    numbers: tuple[int, ...]
    """Of the jobs, in the plan."""
    out: Path
    """Where results lie, absolute."""
    limits: Limits | None = field(default_factory=Limits)
    """Of each job; None runs them in the process that does them."""
    force: bool = False
    """Whether to run again what is there already."""
    noted: bool = True
    """Whether it is noted beside the results how each job ended."""
    plugins: Plugins
    progress: Progress = field(default_factory=Progress)

    @property
    def jobs(self) -> list[Job]:
        """The jobs to be done."""
        return [self.plan.jobs[number] for number in self.numbers]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Work on one large thing, cut into parts."""

    work: Callable[..., Any]
    """Of a module, so that it can be found by its name elsewhere."""
    given: tuple[tuple[Any, ...], ...]
    """To the work, for each part."""
    on_gpu: bool
    """Whether it may use one."""
    log: Path
    """A folder that the nodes see, for what they print."""
    limits: Limits
    progress: Progress


@dataclass(frozen=True)
class Lost:
    """Stands for what would have come of a part whose process or node ended before."""

    why: str


class Engine(ABC):
    """Does jobs somewhere."""

    @abstractmethod
    def run(self, errand: Errand, ended: Ended) -> None:
        """Do the jobs and tell of each as it ends; one that an interrupt leaves undone is not told of."""

    @abstractmethod
    def spread(self, parts: Parts) -> list[Any]:
        """Have parts of some work done side by side and return what came of each, ``Lost`` where its process ended."""


def engine_named(name: str, options: Sequence[str] = (), *, wait: bool = True) -> Engine:
    """Return an engine, imported now. ``options`` are ``name=value`` for its scheduler.

    Raises UsageError for an unknown one, for one that is not installed, and for options that it does not have.
    """
    if name not in ENGINES:
        raise UsageError(f"unknown engine '{name}'; use {', '.join(ENGINES)}")
    place, needs = ENGINES[name]
    if needs is not None and find_spec(needs) is None:
        raise UsageError(f"engine '{name}' needs {needs}; run: pip install 'abawbench[{name}]'")
    if name != "slurm" and (options or not wait):
        raise UsageError(f"--slurm and --leave are for engine 'slurm', not for '{name}'")
    module, _, attribute = place.partition(":")
    built = getattr(import_module(module), attribute)
    engine: Engine = built(options, wait) if name == "slurm" else built()
    return engine


def needs_gpu(job: Job, plugins: Plugins) -> bool:
    """Return whether a job has a network and may compute it on a GPU: others would keep one from those that do."""
    declared = plugins.get("model", job.model).declaration
    return bool(getattr(declared, "inputs", ())) and job.device.partition(":")[0] in ("auto", "cuda")


def describe_lost(errand: Errand, number: int, what: str) -> Record:
    """Return the record of a job that ended outside of its own process, so that no plugin is to blame."""
    job = errand.plan.jobs[number]
    failure = Failure("failed", what, explains_itself=True)
    return record_of(job, describe_unopened(job), failure).sealed()
