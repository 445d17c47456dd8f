"""What a network costs to run: counted always, timed in the scenarios asked for, by the runtime asked for."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from math import inf
from pathlib import Path
from subprocess import TimeoutExpired
from time import perf_counter
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from abawbench.contracts import Clip, Example, Runtime
from abawbench.harness.measure.bench import TIMED_CLIPS, Bench, ScoredClips, measure_parity
from abawbench.harness.measure.counting import (
    FLOP_COUNTER,
    Macs,
    count_bytes,
    count_macs,
    count_parameters,
    evaluation_mode,
    macs_per_frame,
)
from abawbench.harness.measure.examples import FRAME_RATE, example_of
from abawbench.harness.measure.latency import measure_latency
from abawbench.harness.measure.live import Stage, measure_live
from abawbench.harness.measure.memory import peak_memory
from abawbench.harness.measure.offline import MEMORY_LIMIT, best_throughput, measure_loaded, repeat_example
from abawbench.harness.measure.reference import one_thread, relative_time
from abawbench.harness.measure.timing import EARNED, Call, Conditions
from abawbench.harness.request.jobs import EAGER
from abawbench.nn import ClipNetwork
from abawbench.progress import Progress
from abawbench.records.cost import Cost, RelativeTime, SharedTimes
from abawbench.records.parity import Parity
from abawbench.system.files import replace_file

ANSWERING = 0.1
"""Share of the seconds in which the scored clips may be answered once more."""
SAME = 1e-3
"""Share of the MACs by which the networks of one model may differ between tasks and still be timed once."""


@dataclass(frozen=True)
class Subject:
    """What is measured: a network by a runtime, on one clip."""

    network: nn.Module
    runtime: Runtime
    clip: Clip
    example: Example
    compile: Callable[[Example], Call]
    """Returns the network by the runtime for such an example."""
    scored: ScoredClips | None = None
    """Clips of the scored split, which are then timed, and whose answers must be those that were scored."""


@dataclass(frozen=True, kw_only=True)
class Scenarios:
    """Which scenarios are measured, and for how long."""

    seconds: Mapping[str, float]
    """Of ``single-stream``, ``offline``, ``relative``, ``live`` and ``memory``: seconds at most."""
    batch: int = 4
    """Clips per call where throughput is compared with the reference workload."""
    memory_limit: int = MEMORY_LIMIT
    workers: int | None = None
    """Processes that decode the frames of offline batches; None where frames are not decoded."""
    until: float = inf
    """The moment of ``perf_counter`` from which nothing more is begun."""
    stage: Stage = field(default_factory=Stage)


def measure(subject: Subject, wanted: Scenarios, progress: Progress) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the timed fields of a ``Cost``, and scenario -> why it was left out. The network keeps its mode."""
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    with evaluation_mode(subject.network):
        for name, seconds in wanted.seconds.items():
            try:
                if found and perf_counter() >= wanted.until:
                    raise _LeftOut(NO_TIME)
                found |= _SCENARIOS[name](subject, wanted, seconds, progress)
            except _LeftOut as error:
                left_out[name] = str(error)
    return found, left_out


NO_TIME = "no time was left for it: give more seconds"


class _LeftOut(Exception):
    """Raised with the reason why a scenario means nothing for a network."""


def _single_stream(subject: Subject, wanted: Scenarios, seconds: float, progress: Progress) -> dict[str, Any]:
    scored = subject.scored
    examples = scored.examples if scored else [subject.example]
    with progress.bar("single stream", EARNED[99], "clip") as advance:
        conditions = Conditions(runtime=subject.runtime.name, seconds=seconds, until=wanted.until, advance=advance)
        call = subject.compile(examples[0])
        return {"latency": measure_latency(call, examples, conditions, scored.answers if scored else None)}


def _offline(subject: Subject, wanted: Scenarios, seconds: float, progress: Progress) -> dict[str, Any]:
    progress.note("offline: batches that double until they gain no more")
    example = subject.scored.examples[0] if subject.scored else subject.example
    conditions = Conditions(runtime=subject.runtime.name, seconds=seconds, until=wanted.until)
    length = subject.clip.length
    found = best_throughput(subject.compile, example, length, conditions, wanted.memory_limit)
    if wanted.workers is None or not isinstance(subject.network, ClipNetwork) or found.batch is None:
        return {"throughput": found}
    progress.note(f"offline: frames decoded by {wanted.workers} processes")
    device = subject.example[0].device  # type: ignore[union-attr]
    rate = measure_loaded(subject.network, subject.clip, device, found.batch, wanted.workers, seconds / 4)
    return {"throughput": found.model_copy(update={"loaded_frames_per_second": rate, "workers": wanted.workers})}


def _relative(subject: Subject, wanted: Scenarios, seconds: float, progress: Progress) -> dict[str, Any]:
    example = subject.scored.examples[0] if subject.scored else subject.example
    conditions = Conditions(runtime=subject.runtime.name, seconds=seconds, until=wanted.until)
    found: dict[str, RelativeTime] = {}
    for name, batch in (("latency", 1), ("throughput", wanted.batch)):
        inputs = repeat_example(example, batch)
        with one_thread():  # a runtime keeps the threads that it was compiled with
            call = subject.compile(inputs)
        found[name] = relative_time(partial(_call, call, inputs), inputs[0], conditions)
    return {"relative": found}


def _call(call: Call, inputs: Example, first: Tensor) -> Tensor:
    return call(*inputs)


def _live(subject: Subject, wanted: Scenarios, seconds: float, progress: Progress) -> dict[str, Any]:
    if not isinstance(subject.network, ClipNetwork):
        raise _LeftOut("a live stream is measured for models that see frames alone")
    with progress.bar("live", wanted.stage.predictions, "clip") as advance:
        device = subject.example[0].device  # type: ignore[union-attr]
        return {"live": measure_live(subject.network, subject.clip, device, wanted.stage, advance)}


def _memory(subject: Subject, wanted: Scenarios, seconds: float, progress: Progress) -> dict[str, Any]:
    left = wanted.until - perf_counter()
    try:
        found = peak_memory(subject.network, *subject.example, seconds=None if left == inf else left)
    except TimeoutExpired as error:
        raise _LeftOut(NO_TIME) from error
    return {"peak_memory_bytes": found}


_SCENARIOS: dict[str, Callable[[Subject, Scenarios, float, Progress], dict[str, Any]]] = {
    "single-stream": _single_stream,
    "offline": _offline,
    "relative": _relative,
    "live": _live,
    "memory": _memory,
}


@dataclass(frozen=True)
class Measuring:
    """How jobs are measured."""

    seconds: float = 60.0
    """For all that is timed, which ends earlier once the 99th percentile is earned; 0 leaves time and memory out."""
    at_once: int = 1
    """Jobs at work at the same time."""
    times: Path | None = None
    """The folder in which the jobs of a run leave times for each other; without one each times for itself."""


def measure_job(bench: Bench, runtime: Runtime, measuring: Measuring, progress: Progress) -> tuple[Cost, Parity | None]:
    """Return what the network of a job costs, and the parity of its runtime (None for eager execution).

    Clips of the scored split are timed, and answered as they were scored. The networks of one model differ between
    tasks by their last layer alone: a run times them once, as long as their MACs agree to 0.1%, and the record names
    the task whose network was on the clock.
    """
    learner, network = bench.learner, bench.network
    example = example_of(learner.model, learner.setting.device)
    macs = count_macs(network, *example)
    times = _known_times(bench, runtime, measuring, macs)
    if times is None and measuring.seconds > 0:
        until = perf_counter() + measuring.seconds
        scored = _scored_clips(bench, measuring.seconds)
        subject = Subject(
            network, runtime, learner.model.clip, example, lambda inputs: bench.compile(runtime, inputs), scored
        )
        timed, left_out = measure(subject, replace(job_scenarios(measuring.seconds), until=until), progress)
        times = SharedTimes(task=learner.setting.task.name, macs=_total(macs), left_out=left_out, **timed)
        _leave_times(bench, runtime, measuring, times)
    cost = Cost(**count_fields(network, macs, learner.model.clip, example), **(times.fields if times else {}))
    return cost, None if runtime.name == EAGER else measure_parity(bench, runtime, progress)


def _scored_clips(bench: Bench, seconds: float) -> ScoredClips | None:
    """Return as many of the clips that take turns under the clock as answering them leaves time for the rest."""
    start = perf_counter()
    one = bench.scored_clips(1)
    took = max(perf_counter() - start, 1e-9)
    return bench.scored_clips(min(TIMED_CLIPS, int(ANSWERING * seconds / took))) or one


def job_scenarios(seconds: float) -> Scenarios:
    """Return what a job measures in these seconds, the warm-up and the start of a process for memory included."""
    return Scenarios(
        seconds={
            "single-stream": 0.4 * seconds,
            "offline": min(seconds / 6, 10.0),
            "relative": seconds / 12,
            "memory": 0.0,
        }
    )


def _times_file(bench: Bench, runtime: Runtime, folder: Path) -> Path:
    model = bench.learner.model
    what = [
        model.name,
        f"{type(model).__module__}.{type(model).__qualname__}",  # two distributions may have models of one name
        asdict(model.settings),
        runtime.name,
        str(bench.learner.setting.device),
        torch.get_num_threads(),
    ]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
    return folder / f"{digest}.json"


def _known_times(bench: Bench, runtime: Runtime, measuring: Measuring, macs: Macs) -> SharedTimes | None:
    """Return the times that an earlier job of the run left for networks like this one."""
    if measuring.times is None:
        return None
    with suppress(OSError, ValidationError):
        known = SharedTimes.model_validate_json(_times_file(bench, runtime, measuring.times).read_bytes())
        if abs(known.macs - _total(macs)) <= SAME * _total(macs):
            return known
    return None


def _leave_times(bench: Bench, runtime: Runtime, measuring: Measuring, times: SharedTimes) -> None:
    if measuring.times is not None:
        with suppress(OSError), replace_file(_times_file(bench, runtime, measuring.times)) as temporary:
            temporary.write_text(times.model_dump_json(), encoding="utf-8")


def _total(macs: Macs) -> float:
    return float(max(macs.total.values(), default=0))


def count_fields(network: nn.Module, macs: Macs, clip: Clip, example: Example) -> dict[str, Any]:
    """Return the fields of a ``Cost`` that are counted and not timed: parameters, bytes and MACs."""
    parameters = count_parameters(network)
    whole = macs.total.get(FLOP_COUNTER)
    frame = macs_per_frame(network, example[0][0, :1]) if len(example) == 1 else None  # type: ignore[index]
    kept = None
    if whole is not None and frame is not None:
        kept = FRAME_RATE * (frame + (whole - frame * clip.length) / clip.stride)
    return {
        "parameters_total": parameters.total,
        "parameters_trained": parameters.trained,
        "weights_bytes": count_bytes(network),
        "macs_per_clip": dict(macs.total),
        "macs_per_frame": {name: value / clip.length for name, value in macs.total.items()},
        "uncounted_operators": {name: dict(calls) for name, calls in macs.uncounted.items()},
        "macs_difference_by_operator": dict(macs.difference),
        "macs_missed": tuple(macs.missed),
        "count_failures": dict(macs.failed),
        "macs_by_stage": macs.by_stage(network),
        "frame_rate": FRAME_RATE,
        "macs_per_second": None if whole is None else FRAME_RATE * whole / clip.stride,
        "macs_per_second_kept": kept,
    }
