"""From names to jobs: which model runs on which task, on which database, or why it cannot."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from abawbench.contracts import SuiteDeclaration, UsageError
from abawbench.harness.request.assumptions import check_assumptions
from abawbench.harness.request.databases import Sources
from abawbench.harness.request.protocol import OFFICIAL, Protocol
from abawbench.harness.request.settings import spread
from abawbench.plugins import FIRST_PARTY, Plugin, Plugins
from abawbench.system.limits import Limits

CONTROLS = ("shuffled-labels",)
DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
PRECISIONS = ("no", "fp16", "bf16")
SEEDS = 2**32
"""How many seeds there are, from 0: numpy takes no others."""
EAGER = "eager"
"""What runs networks unless another runtime is asked for, and always when scores are made."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model on one task with one seed. Everything in it can be pickled."""

    model: str = ""
    task: str = ""
    seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    device: str = "auto"
    precision: str = "no"
    workers: int | None = None
    """Processes that read images, which change no result; None for as many as suit the machine and the images."""
    runtime: str = EAGER
    """What the network is timed by, and compared with eager execution."""
    protocol: Protocol = OFFICIAL
    control: str | None = None
    """``shuffled-labels`` trains on labels shuffled across tracks: a control that must fall to the floor."""


def describe(job: Job) -> str:
    """Return the words that name a job to people."""
    return f"{job.model} on {job.task}, seed {job.seed}"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """On what jobs run, and how their networks are timed."""

    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``."""
    precision: str = "no"
    """Mixed precision of training: ``no``, ``fp16`` (CUDA only) or ``bf16``. Scores are made in full precision."""
    workers: int | None = None
    """Processes that read images for each job; None for as many as suit the machine and the images."""
    runtime: str = EAGER
    """What the network is timed by, and compared with eager execution."""
    latency_seconds: float = 60.0
    """For latency, once per model and runtime; 0 leaves time and memory out."""
    checkpoint_minutes: float = 15.0
    """Between two checkpoints within an epoch of training; 0 writes them at the ends of epochs only."""
    trackers: tuple[str, ...] = ()
    """Experiment trackers to which losses and values are written: ``tensorboard``, ``wandb``, ``mlflow``."""
    limits: Limits | None = None
    """Gives each job a process of its own within these limits; None runs all in this process."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the jobs of a run share. Everything in it can be pickled."""

    plugins: Plugins
    sources: Sources
    out: Path
    """Where results lie."""
    force: bool = False
    """Whether to run again what is there already."""
    latency_seconds: float = 60.0
    """For latency, once per model and runtime; 0 leaves time and memory out."""
    checkpoint_minutes: float = 15.0
    """Between two checkpoints within an epoch of training; 0 writes them at the ends of epochs only."""
    at_once: int = 1
    """Jobs at work at the same time."""
    trackers: tuple[str, ...] = ()
    """Experiment trackers that follow the jobs."""
    times: Path | None = None
    """The folder in which the jobs leave times for each other; set when they are run."""


def list_jobs(
    plugins: Plugins,
    models: Sequence[str],
    tasks: Sequence[str],
    seeds: Sequence[int],
    like: Job,
    grid: Mapping[str, Sequence[Any]] | None = None,
) -> list[Job]:
    """Return the jobs: every model on every task with every seed, in all else like a given one.

    ``grid`` holds values of settings: each combination of them is a job.

    What is asked for twice is one job. Raises UsageError for an unknown name, a seed that is none and for options that
    exclude each other.
    """
    check_device(like.device)
    if like.precision not in PRECISIONS:
        raise UsageError(f"unknown precision '{like.precision}'; use {', '.join(PRECISIONS)}")
    if (like.device, like.precision) == ("cpu", "fp16"):
        raise UsageError("fp16 is half precision of a GPU; with device 'cpu' use precision 'no' or 'bf16'")
    runtime_plugin(plugins, like.runtime)
    if like.control is not None and like.control not in CONTROLS:
        raise UsageError(f"unknown control '{like.control}'; use {', '.join(CONTROLS)}")
    if like.control is not None and like.protocol.pooled:
        raise UsageError(f"control '{like.control}' needs the official split; leave out folds and refit")
    wrong = next((seed for seed in seeds if not 0 <= seed < SEEDS), None)
    if wrong is not None:
        raise UsageError(f"seed {wrong} is none: give a whole number from 0 to {SEEDS - 1}")
    protocol = replace(like.protocol, assumptions=check_assumptions(plugins, like.protocol.assumptions))
    several = spread(like.overrides, grid or {})
    each = [one for place, one in enumerate(several) if one not in several[:place]]
    return [
        replace(like, model=model, task=task, seed=seed, overrides=overrides, protocol=protocol)
        for model in model_names(plugins, models)
        for task in task_names(plugins, tasks)
        for overrides in each
        for seed in dict.fromkeys(seeds)
    ]


def check_device(name: str) -> None:
    """Raise UsageError for a name that is none of ``DEVICES``."""
    if re.sub(r":\d+$", ":N", name) not in DEVICES:
        raise UsageError(f"unknown device '{name}'; use {', '.join(DEVICES)}")


def runtime_plugin(plugins: Plugins, name: str) -> Plugin:
    """Return the runtime of that name; eager execution is abawbench's own. Raises UsageError for an unknown name."""
    return plugins.get("runtime", name, (FIRST_PARTY,) if name == EAGER else ())


def task_names(plugins: Plugins, wanted: Sequence[str]) -> list[str]:
    """Return the task names asked for, a suite standing for its tasks and ``all`` for our first suite.

    Raises UsageError for an unknown name.
    """
    suites = plugins.suites()
    names: list[str] = []
    for name in wanted:
        if name in suites:
            suite = suites[name]
            assert isinstance(suite.declaration, SuiteDeclaration)
            names += [plugins.get("task", task, suite.near).name_in(plugins) for task in suite.declaration.tasks]
        else:
            plugins.get("task", name, others=suites)
            names.append(name)
    return list(dict.fromkeys(names))


def model_names(plugins: Plugins, wanted: Sequence[str]) -> list[str]:
    """Return the model names asked for, ``all`` standing for every one; unknown ones raise."""
    names: list[str] = []
    for name in wanted:
        names += plugins.names("model") if name == "all" else [name]
    for name in names:
        plugins.get("model", name)
    return list(dict.fromkeys(names))
