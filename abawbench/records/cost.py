"""What a network costs to run, as the record holds it."""

import re
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from abawbench.records.fields import Count, Number, RecordPart

Times = tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]
COUNTERS = ("flop_counter", "fvcore")
"""The counters of MACs: torch's, whose total is the one printed, and the one that checks it."""
TOLERANCE = 1e-3
"""Share of the MACs by which the counters may differ without an explanation."""
UNNAMED = frozenset({"matmul", "convolution", "attention"})
"""Kinds that name no operator: a difference in them is unexplained."""


TOO_NOISY = 0.1
"""Noise above which a time is not to be quoted."""
_PRODUCTS = re.compile(
    r"lstm|gru|rnn|attention|encoder_layer|conv(?!ert)|(?<!bi)linear|mm\b|matmul|einsum|bilinear\b|dot\b|mv\b|cdist|fft|_trilinear",
    re.ASCII,
)
"""In the names of torch's own operators: those that hold products or convolutions."""
_OURS = frozenset({"aten", "prim", "prims", "profiler", "quantized", "onnx"})
"""Whose operators torch names itself."""
_NO_PRODUCTS = frozenset({"nms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool"})
"""Operators of other packages that are known to hold none."""
State = Literal["valid", "noisy", "invalid"]


def hiding_products(operators: Iterable[str]) -> list[str]:
    """Return those of the uncounted operators that may hold products or convolutions, so that a count is short by them.

    Of torch's own operators the name tells. One of another package, and a Python function that calls a kernel past
    torch (``prim::PythonOp``), may hold anything.
    """
    return [name for name in operators if _hides_products(name)]


def _hides_products(operator: str) -> bool:
    package, _, name = operator.replace("::", ".").partition(".")
    if is_python_call(operator):
        return True
    if package not in _OURS:
        return name not in _NO_PRODUCTS
    return _PRODUCTS.search(name) is not None


def is_python_call(operator: str) -> bool:
    """Return whether fvcore saw a Python function of its own, in which a kernel may run that torch knows nothing of."""
    return operator.startswith("prim::PythonOp")


def is_unexplained(total: Mapping[str, float | None], difference: Mapping[str, float | None]) -> bool:
    """Return whether two counters differ by more than ``TOLERANCE`` in products that no operator accounts for."""
    counts = [total.get(name) for name in COUNTERS]
    if None in counts:
        return False
    gap = sum(abs(value or 0) for kind, value in difference.items() if kind in UNNAMED)
    return gap > TOLERANCE * max(count or 0 for count in counts)


class Timed(RecordPart):
    """How something was timed, and whether it may be quoted."""

    threads: Count
    device: str
    runtime: str
    affinity: tuple[int, ...] = ()
    """The cores that the process could use."""
    seconds: Number = None
    """How long the timed part took."""
    noise: Number = None
    """Of consecutive parts of the run, the largest median less the smallest, divided by the median of all."""
    answers_sha256: str | None = None
    """Over the answers to each distinct input; those given under the clock were the same, or the run is not valid."""
    answers_difference: Number = None
    """The largest difference of an answer from the one that was scored, where the inputs were scored."""
    valid: bool | None = None
    """Whether the rules of the scenario were kept; null in results from before there were rules."""
    advice: tuple[str, ...] = ()
    """What would make it valid, and warnings."""

    @property
    def state(self) -> State:
        """Return whether it may be quoted: it keeps the rules, keeps them but drifted, or breaks them."""
        if self.valid is False:
            return "invalid"
        return "noisy" if self.noise is not None and self.noise > TOO_NOISY else "valid"

    @property
    def where(self) -> str:
        """Return by what and on what it was timed."""
        return f"{self.runtime}, {self.device}, {self.threads} threads"


class Latency(Timed):
    """Single stream: time from a batch of clips to its outputs. A percentile is null unless enough samples earn it."""

    p50_ms: Number
    p90_ms: Number = None
    p99_ms: Number = None
    min_ms: Number = None
    max_ms: Number = None
    iqr_ms: Number = None
    """The third quartile less the first: how far the samples spread."""
    samples: Count
    batch: Count
    """Clips per call."""
    timed_on: str | None = None
    """The task whose network was timed; a run times a model's networks once when their MACs agree to 0.1%."""


class RelativeTime(RecordPart):
    """The network and a reference workload interleaved, so that a slower machine slows both."""

    workload: str
    """Which reference workload, with its version."""
    model_ms: Times
    """One call of the network, one number per round."""
    reference_ms: Times
    """One call of the reference workload, one number per round."""
    model_cpu_ms: Times = ()
    """Processor time of the same calls; empty where the device is no CPU."""
    reference_cpu_ms: Times = ()
    batch: Count
    """Clips per call of the network."""
    threads: Count
    device: str
    runtime: str

    @model_validator(mode="after")
    def _rounds_agree(self) -> Self:
        rounds = len(self.model_ms)
        if not rounds or len(self.reference_ms) != rounds:
            raise ValueError("model_ms and reference_ms must hold one number per round")
        if {len(self.model_cpu_ms), len(self.reference_cpu_ms)} not in ({0}, {rounds}):
            raise ValueError("model_cpu_ms and reference_cpu_ms must hold one number per round, or none")
        return self

    @property
    def ratios(self) -> tuple[float, ...]:
        """Return the network's time over the reference's, one number per round."""
        return tuple(m / r for m, r in zip(self.model_ms, self.reference_ms, strict=True))

    @property
    def cpu_ratios(self) -> tuple[float, ...]:
        """Return the network's processor time over the reference's, one number per round."""
        return tuple(m / r for m, r in zip(self.model_cpu_ms, self.reference_cpu_ms, strict=True))

    @property
    def share(self) -> float:
        """Return for how much of its time, in the median round, the reference had the processor: 1 undisturbed."""
        shares = [cpu / wall for cpu, wall in zip(self.reference_cpu_ms, self.reference_ms, strict=False)]
        return median(shares) if shares else 1.0


class Throughput(Timed):
    """Offline: clips and frames per second at the best batch that the memory allows."""

    clips_per_second: Number
    frames_per_second: Number
    batch: Count
    by_batch: dict[int, Number] = Field(default_factory=dict)
    """Clips per call -> clips per second, of the batches that were tried."""
    memory_limit_bytes: Count | None = None
    joules_per_clip: Number = None
    """Where the machine tells the energy of processor or GPU; the whole of it, whoever used it."""
    loaded_frames_per_second: Number = None
    """With frames that worker processes decode and that are resized, in the same batches; of a profile alone."""
    workers: Count | None = None
    """How many processes decoded them; 0 for the network's own."""


class Live(Timed):
    """Live: the newest frame of a camera is decoded, prepared and embedded once; the clip that it ends is predicted."""

    frame_rate: Number
    """Frames per second of the camera."""
    every: Count
    """Frames from one prediction to the next."""
    frames: Count
    """Frames that were taken from the camera under the clock."""
    dropped: Count
    """Frames that were replaced by a newer one before the network was ready for them."""
    embedded: Count
    """Images that went through the part that works frame by frame: as many as frames, since results are kept."""
    p50_ms: Number
    """From a frame's arrival to the prediction for the clip that ends with it."""
    p90_ms: Number = None
    p99_ms: Number = None
    max_ms: Number = None
    real_time_factor: Number
    """Time of work per time of video; above 1 it cannot keep up."""
    stage_ms: dict[str, Number] = Field(default_factory=dict)
    """Stage -> mean milliseconds per frame: ``decoding``, ``preparing``, ``per frame``, ``per clip``."""
    whole_clip_difference: Number = None
    """The largest difference of a prediction from that of the whole clip."""


class Cost(RecordPart):
    """What the network costs to run.

    A MAC is one multiplication with its addition in a product of matrices or a convolution; one MAC is two
    floating-point operations. Biases, normalisation, activations, pooling and softmax do not count.
    """

    parameters_total: Count
    parameters_trained: Count
    macs_per_clip: dict[str, Number] = Field(default_factory=dict)
    """Counter (``flop_counter``, ``fvcore``) -> MACs of one clip."""
    macs_per_frame: dict[str, Number] = Field(default_factory=dict)
    """Counter -> MACs of one clip divided by its frames."""
    uncounted_operators: dict[str, dict[str, Count]] = Field(default_factory=dict)
    """Counter -> operators it saw and could not count, with their calls."""
    macs_difference_by_operator: dict[str, Number] = Field(default_factory=dict)
    """Operator -> MACs by fvcore minus MACs by flop_counter, per clip."""
    macs_missed: tuple[str, ...] = ()
    """Operators that may compute products and that no counter has a formula for: every count of MACs is short by them,
    is printed as a lower bound, and is not ranked."""
    count_failures: dict[str, str] = Field(default_factory=dict)
    """Counter -> why it gave no number."""
    macs_by_stage: dict[str, Number] = Field(default_factory=dict)
    """Stage (``audio front end``, ``backbone``, ``temporal head``, ``fusion``) -> MACs of one clip by flop_counter."""
    frame_rate: Number = None
    """Frames per second of the video that the next two are for."""
    macs_per_second: Number = None
    """MACs of one second of video, every clip computed whole."""
    macs_per_second_kept: Number = None
    """The same where what works frame by frame is computed once per frame and kept."""
    latency: Latency | None = None
    throughput: Throughput | None = None
    relative: dict[str, RelativeTime] = Field(default_factory=dict)
    """``latency`` (one clip) and ``throughput`` (several clips) -> time against a reference workload, interleaved."""
    live: Live | None = None
    left_out: dict[str, str] = Field(default_factory=dict)
    """Scenario (``single-stream``, ``offline``, ``relative``, ``memory``) -> why it was not measured."""
    peak_memory_bytes: Count | None = None
    weights_bytes: Count | None = None
    """Bytes of the network's parameters and buffers as saved."""

    @property
    def macs_explained(self) -> bool:
        """Return whether the counters agree, or named operators account for what they differ by."""
        return not is_unexplained(self.macs_per_clip, self.macs_difference_by_operator)


class SharedTimes(RecordPart):
    """What was timed of a network, for other jobs of the run whose networks cost the same."""

    task: str
    """Whose network was timed."""
    macs: float
    latency: Latency | None = None
    throughput: Throughput | None = None
    relative: dict[str, RelativeTime] = Field(default_factory=dict)
    peak_memory_bytes: Count | None = None
    left_out: dict[str, str] = Field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        """Return them as the fields of a ``Cost``."""
        return {
            "latency": self.latency and self.latency.model_copy(update={"timed_on": self.task}),
            "left_out": self.left_out,
            "throughput": self.throughput,
            "relative": self.relative,
            "peak_memory_bytes": self.peak_memory_bytes,
        }
