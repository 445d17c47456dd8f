"""The cost of a model's network, measured without training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch
from torch import nn

from abawbench._version import __version__
from abawbench.contracts import AbawbenchError, Model, Runtime, Task, UsageError, Weights
from abawbench.harness.data.loader import FEW, count_workers
from abawbench.harness.measure.counting import Macs, count_macs, evaluation_mode, stage_of
from abawbench.harness.measure.examples import FRAME_RATE, example_of
from abawbench.harness.measure.interleaved import Rounds, compile_for, interleave
from abawbench.harness.measure.live import Stage
from abawbench.harness.measure.measure import Scenarios, Subject, count_fields, measure
from abawbench.harness.measure.offline import MEMORY_LIMIT
from abawbench.harness.request import devices
from abawbench.harness.request.jobs import EAGER, runtime_plugin
from abawbench.harness.request.settings import apply
from abawbench.plugins import FIRST_PARTY, Plugins, one_line
from abawbench.progress import Progress
from abawbench.records.cost import Cost
from abawbench.records.profile import Interleaved, ModuleCost, Profile
from abawbench.records.record import WeightsRecord
from abawbench.system.repeatable import make_repeatable
from abawbench.weights.telling import report_fetching

SCENARIOS = ("single-stream", "offline", "live")
DEFAULT_TASK = "va"
"""The task whose outputs the network has unless another is asked for."""


@dataclass(frozen=True, kw_only=True)
class ProfileRequest:
    """What a profile is asked for."""

    model: str
    task: str = DEFAULT_TASK
    weights: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    runtimes: Sequence[str] = ()
    """The first is measured in single stream and offline (live is eager), all of them interleaved; none is eager."""
    scenarios: Sequence[str] = SCENARIOS
    threads: int | None = None
    seconds: float = 60.0
    """For each scenario at most; live takes as long as its frames do."""
    frame_rate: float = FRAME_RATE
    every: int = 1
    """Frames from one live prediction to the next."""
    memory_limit: int = MEMORY_LIMIT
    batch: int = 4
    """Clips per call where runtimes are interleaved."""
    device: str = "auto"
    workers: int | None = None
    """Processes that decode the frames of offline batches; None: one per processor."""


def profile(wanted: ProfileRequest, plugins: Plugins, progress: Progress) -> Profile:
    """Return the profile. Raises UsageError for unknown names and for what this machine cannot do."""
    for name in wanted.scenarios:
        if name not in SCENARIOS:
            raise UsageError(f"unknown scenario '{name}'; use {', '.join(SCENARIOS)}")
    runtimes = [runtime_plugin(plugins, name).build() for name in wanted.runtimes or (EAGER,)]
    task: Task = plugins.get("task", wanted.task, (FIRST_PARTY,) if wanted.task == DEFAULT_TASK else ()).build()
    with report_fetching(progress):
        model, weights = _model(wanted, plugins)
    threads = torch.get_num_threads()
    if wanted.threads is not None:
        torch.set_num_threads(wanted.threads)
    try:
        with make_repeatable(seed=0):
            network = model.network(task, weights).to(devices.device_named(wanted.device)).eval()
            return _Profiling(wanted, model, network, progress).run(runtimes, task, weights)
    finally:
        torch.set_num_threads(threads)


def _model(wanted: ProfileRequest, plugins: Plugins) -> tuple[Model, Weights]:
    """Return the model with what its weights are, those for a synthetic database unless others are named."""
    plugin = plugins.get("model", wanted.model)
    settings: Any = plugin.builder().Settings
    stand_ins = settings.on_synthetic if wanted.weights is None else {}
    model = plugin.build(apply(settings, {**stand_ins, **wanted.overrides}, wanted.model))
    if not isinstance(model, Model):
        raise UsageError(f"model '{wanted.model}' has no network, so there is nothing to profile")
    return model, model.weights(wanted.weights, synthetic=True)


@dataclass(frozen=True)
class _Profiling:
    wanted: ProfileRequest
    model: Model
    network: nn.Module
    progress: Progress

    def run(self, runtimes: list[Runtime], task: Task, weights: Weights) -> Profile:
        wanted, model, network = self.wanted, self.model, self.network
        device = devices.device_named(wanted.device)
        example = example_of(model, device)
        macs = count_macs(network, *example)
        subject = Subject(
            network, runtimes[0], model.clip, example, lambda inputs: compile_for(runtimes[0], network, inputs)
        )
        seconds = {name: wanted.seconds for name in SCENARIOS if name in wanted.scenarios} | {"memory": 0.0}
        stage = Stage(rate=wanted.frame_rate, every=wanted.every)
        # a runtime of its own would be compared with what only eager execution is fed with
        workers = count_workers(wanted.workers, FEW) if runtimes[0].name == EAGER else None
        scenarios = Scenarios(seconds=seconds, memory_limit=wanted.memory_limit, stage=stage, workers=workers)
        timed, left_out = measure(subject, scenarios, self.progress)
        turns, refused = self.interleave(runtimes, subject)
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
            cost=Cost(**count_fields(network, macs, model.clip, example), **timed),
            modules=module_costs(network, macs),
            interleaved=tuple(turns),
            left_out={**macs.failed, **left_out, **refused},
            hardware=devices.hardware(device),
            versions=devices.versions(),
        )

    def interleave(self, runtimes: list[Runtime], subject: Subject) -> tuple[list[Interleaved], dict[str, str]]:
        wanted = self.wanted
        if not wanted.runtimes:
            return [], {}
        self.progress.note(f"interleaved: {', '.join(runtime.name for runtime in runtimes)}")
        rounds = Rounds(batch=wanted.batch, seconds=wanted.seconds)
        with evaluation_mode(self.network):
            found, refused = interleave(self.network, runtimes, subject.example, self.model.clip.length, rounds)
        return found, {
            name: str(error) if isinstance(error, AbawbenchError) else one_line(error)
            for name, error in refused.items()
        }


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
