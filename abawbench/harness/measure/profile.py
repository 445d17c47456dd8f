"""The cost of a model's network, measured without training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch
from torch import nn

from abawbench._version import __version__
from abawbench.contracts import AbawbenchError, Model, Runtime, Task, UsageError, Weights
from abawbench.harness.measure.cost import counted
from abawbench.harness.measure.counting import Macs, count_macs, evaluating, stage_of
from abawbench.harness.measure.examples import FRAME_RATE, example_of
from abawbench.harness.measure.interleaved import by_turns, compiled
from abawbench.harness.measure.latency import measure_latency
from abawbench.harness.measure.live import measure_live
from abawbench.harness.measure.memory import peak_memory
from abawbench.harness.measure.offline import MEMORY_LIMIT, best_throughput
from abawbench.harness.measure.timing import EARNED, Inputs
from abawbench.harness.request import devices
from abawbench.harness.request.jobs import EAGER, runtime_plugin
from abawbench.harness.request.settings import apply
from abawbench.nn import ClipNetwork
from abawbench.plugins import FIRST_PARTY, Plugins, one_line
from abawbench.progress import Progress
from abawbench.records.cost import Cost
from abawbench.records.profile import ModuleCost, Profile, Turns
from abawbench.records.record import WeightsRecord
from abawbench.system.repeatable import repeatable

SCENARIOS = ("single-stream", "offline", "live")
DEFAULT_TASK = "va"
"""The task whose outputs the network has unless another is asked for."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a profile is asked for."""

    model: str
    task: str = DEFAULT_TASK
    weights: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    runtimes: Sequence[str] = ()
    """The first is measured in single stream and offline (live is eager), all of them by turns; none is eager alone."""
    scenarios: Sequence[str] = SCENARIOS
    threads: int | None = None
    seconds: float = 60.0
    """For each scenario at most; live takes as long as its frames do."""
    frame_rate: float = FRAME_RATE
    every: int = 1
    """Frames from one live prediction to the next."""
    memory_limit: int = MEMORY_LIMIT
    batch: int = 4
    """Clips per call where runtimes take turns."""
    device: str = "auto"


def profile(wanted: Wanted, plugins: Plugins, progress: Progress) -> Profile:
    """Return the profile. Raises UsageError for unknown names and for what this machine cannot do."""
    for name in wanted.scenarios:
        if name not in SCENARIOS:
            raise UsageError(f"unknown scenario '{name}'; use {', '.join(SCENARIOS)}")
    runtimes = [runtime_plugin(plugins, name).build() for name in wanted.runtimes or (EAGER,)]
    task: Task = plugins.get("task", wanted.task, (FIRST_PARTY,) if wanted.task == DEFAULT_TASK else ()).build()
    model, weights = _model(wanted, plugins)
    threads = torch.get_num_threads()
    if wanted.threads is not None:
        torch.set_num_threads(wanted.threads)
    try:
        with repeatable(seed=0):
            return _measured(wanted, model, task, weights, runtimes, progress)
    finally:
        torch.set_num_threads(threads)


def _model(wanted: Wanted, plugins: Plugins) -> tuple[Model, Weights]:
    """Return the model with what its weights are, those for a synthetic database unless others are named."""
    builder: Any = plugins.get("model", wanted.model).builder()
    stand_ins = builder.Settings.on_synthetic if wanted.weights is None else {}
    model: Model = builder(apply(builder.Settings, {**stand_ins, **wanted.overrides}, wanted.model))
    return model, model.weights(wanted.weights, synthetic=True)


def _measured(
    wanted: Wanted, model: Model, task: Task, weights: Weights, runtimes: list[Runtime], progress: Progress
) -> Profile:
    device = _device(wanted.device)
    network = model.network(task, weights).to(device).eval()
    example = example_of(model, device)
    macs = count_macs(network, *example)
    fields = counted(network, macs, model.clip, example)
    left_out: dict[str, str] = dict(macs.failed)
    with evaluating(network):
        cost = Cost(**fields, **_timed(wanted, model, network, runtimes[0], example, progress, left_out))
        turns = _turns(wanted, model, network, runtimes, example, progress, left_out)
    return Profile(
        abawbench=__version__,
        at=datetime.now(UTC),
        model=wanted.model,
        task=task.name,
        settings=asdict(model.settings),
        weights=WeightsRecord.of(weights),
        clip_length=model.clip.length,
        clip_stride=model.clip.stride,
        size=model.clip.size,
        inputs=tuple(sorted(model.inputs)),
        cost=cost,
        modules=module_costs(network, macs),
        turns=tuple(turns),
        left_out=left_out,
        hardware=devices.hardware(device),
        versions=devices.versions(),
    )


def _timed(
    wanted: Wanted,
    model: Model,
    network: nn.Module,
    runtime: Runtime,
    example: Inputs,
    progress: Progress,
    left_out: dict[str, str],
) -> dict[str, Any]:
    """Return the timed fields of a ``Cost``."""
    found: dict[str, Any] = {}
    if "single-stream" in wanted.scenarios:
        with progress.bar("single stream", EARNED[99], "clip") as advance:
            call = compiled(runtime, network, example)
            found["latency"] = measure_latency(
                call, [example], runtime=runtime.name, budget_s=wanted.seconds, advance=advance
            )
    if "offline" in wanted.scenarios:
        progress.note("offline: batches that double until they gain no more")
        found["throughput"] = best_throughput(
            lambda inputs: compiled(runtime, network, inputs),
            example,
            model.clip.length,
            runtime=runtime.name,
            budget_s=wanted.seconds,
            memory_limit=wanted.memory_limit,
        )
    if "live" in wanted.scenarios:
        if isinstance(network, ClipNetwork):
            with progress.bar("live", EARNED[99], "clip") as advance:
                found["live"] = measure_live(
                    network,
                    model.clip,
                    example[0].device,
                    rate=wanted.frame_rate,
                    every=wanted.every,
                    advance=advance,
                )
        else:
            inputs = ", ".join(sorted(model.inputs))
            left_out["live"] = f"a live stream is measured for models of frames alone, not of {inputs}"
    found["peak_memory_bytes"] = peak_memory(network, *example)
    return found


def _turns(
    wanted: Wanted,
    model: Model,
    network: nn.Module,
    runtimes: list[Runtime],
    example: Inputs,
    progress: Progress,
    left_out: dict[str, str],
) -> list[Turns]:
    if not wanted.runtimes:
        return []

    def refused(name: str, error: Exception) -> None:
        left_out[name] = str(error) if isinstance(error, AbawbenchError) else one_line(error)

    progress.note(f"by turns: {', '.join(runtime.name for runtime in runtimes)}")
    return by_turns(
        network,
        runtimes,
        example,
        model.clip.length,
        batch=wanted.batch,
        budget_s=wanted.seconds,
        refused=refused,
    )


def module_costs(network: nn.Module, macs: Macs) -> tuple[ModuleCost, ...]:
    """Return every module that holds parameters or computes products, in the order of the network."""
    found = []
    for name, module in network.named_modules():
        parameters = list(module.parameters())
        within = macs.within(name)
        if name and (parameters or within):
            found.append(
                ModuleCost(
                    name=name,
                    kind=type(module).__name__,
                    stage=stage_of(network, name),
                    parameters=sum(p.numel() for p in parameters),
                    trained=sum(p.numel() for p in parameters if p.requires_grad),
                    macs=within,
                )
            )
    return tuple(found)


def _device(name: str) -> torch.device:
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"unknown device '{name}'; use auto, cpu or cuda")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise UsageError("no CUDA device is in reach of torch; use --device cpu")
    return torch.device("cuda" if there and name != "cpu" else "cpu")
