"""What ``abawbench profile`` gives: the cost of one network, module by module, with no training behind it."""

from statistics import median

from pydantic import AwareDatetime, Field

from abawbench.records.cost import Cost
from abawbench.records.fields import Count, RecordPart, Settings
from abawbench.records.record import Hardware, WeightsRecord

PLAIN = "plain eager"
"""The network as a library would build it, contiguous in memory, by eager execution: what ratios are to."""


class ModuleCost(RecordPart):
    """One module of the network, with all below it."""

    name: str
    kind: str
    """The class."""
    stage: str
    parameters: Count
    trained: Count
    macs: Count
    """Of one clip, by flop_counter."""


class Interleaved(RecordPart):
    """A runtime interleaved with plain eager execution, so that whatever else the machine does falls on both."""

    runtime: str
    precision: str
    batch: Count
    """Clips per call."""
    frames: Count
    """Frames in a clip."""
    threads: Count
    compile_seconds: float
    runtime_ms: tuple[float, ...]
    """One call, one number per round."""
    plain_ms: tuple[float, ...]
    """One call of plain eager in the same round."""

    @property
    def frames_per_second(self) -> float:
        """Return frames per second, by the median of the rounds."""
        return 1e3 * self.batch * self.frames / median(self.runtime_ms)

    @property
    def ratios(self) -> tuple[float, ...]:
        """Return how many times as fast as plain eager it was, sorted."""
        return tuple(sorted(p / r for p, r in zip(self.plain_ms, self.runtime_ms, strict=True)))


class Profile(RecordPart):
    """The cost of one model's network for one task."""

    abawbench: str
    at: AwareDatetime
    model: str
    task: str
    settings: Settings
    weights: WeightsRecord
    clip_length: Count
    clip_stride: Count
    size: Count
    inputs: tuple[str, ...]
    cost: Cost
    modules: tuple[ModuleCost, ...]
    interleaved: tuple[Interleaved, ...] = ()
    left_out: dict[str, str] = Field(default_factory=dict)
    """What was asked for and could not be measured -> why."""
    hardware: Hardware
    versions: dict[str, str]
