"""From names to jobs: which model runs on which task, on which database, or why it cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from abawbench.config import Roots
from abawbench.contracts import TaskDeclaration, UsageError
from abawbench.harness.request.assumptions import checked_readings
from abawbench.harness.request.databases import Generated
from abawbench.harness.request.protocol import OFFICIAL, Protocol
from abawbench.plugins import FIRST_PARTY, Plugin, Plugins

CONTROLS = ("shuffled-labels",)
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("no", "fp16", "bf16")
EAGER = "eager"
"""What runs networks unless another runtime is asked for, and always when scores are made."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model on one task with one seed. Everything in it can be pickled."""

    model: str
    task: str
    seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    device: str = "auto"
    precision: str = "no"
    runtime: str = EAGER
    """What the network is timed by, and compared with eager execution."""
    protocol: Protocol = OFFICIAL
    control: str | None = None
    """``shuffled-labels`` trains on labels shuffled across tracks: a control that must fall to the floor."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the jobs of a run share. Everything in it can be pickled."""

    plugins: Plugins
    roots: Roots
    generated: Generated
    out: Path
    """Where results lie."""
    force: bool = False
    """Whether to run again what is there already."""
    costs: Mapping[str, Any] = field(default_factory=dict)
    """Options of the meter of costs."""


def plan(
    plugins: Plugins,
    models: Sequence[str],
    tasks: Sequence[str],
    seeds: Sequence[int],
    *,
    overrides: Mapping[str, Any],
    weights: str | None,
    device: str,
    precision: str,
    control: str | None,
    protocol: Protocol = OFFICIAL,
    runtime: str = EAGER,
) -> list[Job]:
    """Return the jobs: every model on every task with every seed. Raises UsageError for an unknown name."""
    if device not in DEVICES:
        raise UsageError(f"unknown device '{device}'; use {', '.join(DEVICES)}")
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision '{precision}'; use {', '.join(PRECISIONS)}")
    runtime_plugin(plugins, runtime)
    if control is not None and control not in CONTROLS:
        raise UsageError(f"unknown control '{control}'; use {', '.join(CONTROLS)}")
    if control is not None and protocol.pooled:
        raise UsageError(f"control '{control}' needs the official split; leave out folds and refit")
    protocol = replace(protocol, readings=checked_readings(plugins, protocol.readings))
    return [
        Job(
            model=model,
            task=task,
            seed=seed,
            overrides=overrides,
            weights=weights,
            device=device,
            precision=precision,
            control=control,
            protocol=protocol,
            runtime=runtime,
        )
        for model in model_names(plugins, models)
        for task in task_names(plugins, tasks)
        for seed in seeds
    ]


def runtime_plugin(plugins: Plugins, name: str) -> Plugin:
    """Return the runtime of that name; eager execution is abawbench's own. Raises UsageError for an unknown name."""
    return plugins.get("runtime", name, (FIRST_PARTY,) if name == EAGER else ())


def task_names(plugins: Plugins, wanted: Sequence[str]) -> list[str]:
    """Return the task names asked for, ``all`` standing for the six of the competition; unknown ones raise."""
    names: list[str] = []
    for name in wanted:
        if name == "all":
            found = plugins.names("task")
            names += [each for each in sorted(found, key=lambda each: _place(found[each])) if _place(found[each])]
        else:
            plugins.get("task", name)
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


def _place(plugin: Plugin) -> int:
    return plugin.declaration.in_all if isinstance(plugin.declaration, TaskDeclaration) else 0
