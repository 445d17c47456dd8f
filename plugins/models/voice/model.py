"""The model plugin ``voice``: recipe, weights and network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import nn

from abawbench.contracts import Clip, Model, Recipe, Sound, Task, UsageError, Weights
from abawbench.nn import InputsNetwork, freeze
from abawbench_plugins.models._faces import require
from abawbench_plugins.models._sources import RESEMBLYZER
from abawbench_plugins.models._weights import find
from abawbench_plugins.models.voice.network import RATE, SIZES, Encoder, MomentsHead, Size, read_encoder


@dataclass(kw_only=True)
class VoiceSettings(Recipe):
    """A linear head on a frozen encoder; the numbers are ours."""

    on_synthetic: ClassVar[Mapping[str, Any]] = {
        "size": "tiny", "length": 16, "stride": 16, "batch": 16, "epochs": 15, "lr": 2e-3,
    }  # fmt: skip
    epochs: int = 20
    batch: int = 16
    lr: float = 1e-3
    weight_decay: float = 1e-2
    schedule: str = "cosine"
    clip_norm: float = 1.0
    size: Size = "full"
    """``tiny`` is the same code with some twenty thousand parameters, trained from nothing by a CPU."""
    freeze: Literal["auto", "published", "none"] = "auto"
    """``published`` freezes the encoder, ``none`` nothing; ``auto`` is ``published``, but ``none`` when it starts from
    random parameters, whose features would be poor."""
    length: int = 64
    """Frames in a clip."""
    stride: int = 64
    """Frames between the starts of neighbouring clips."""

    def __post_init__(self) -> None:
        require(1 <= self.stride <= self.length, "stride", self.stride, f"1 to the clip's length {self.length}")


class Voice(Model):
    """Resemblyzer's LSTM and a linear layer on mean and deviation of its states over a clip; one output per clip.

    The encoder learned from pieces of 1.6 s; here it hears such pieces with 0.8 s more on either side. The package
    raises quiet sound to -30 dB and cuts silence out; here every track is brought to -30 dB and nothing is cut.
    """

    inputs = frozenset({"audio"})
    sound = Sound(rate=RATE, seconds=1.6, context=0.8)
    Settings = VoiceSettings
    settings: VoiceSettings

    def __init__(self, settings: VoiceSettings) -> None:
        super().__init__(settings)
        self.clip = Clip(length=settings.length, stride=settings.stride, size=32)

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return the file of the package, ``resemblyzer`` (the default on real data), ``resemblyzer=FILE`` or ``none``.

        Raises UsageError for any other, and with the command that installs the package where it is missing.
        """
        return find(spec or ("none" if synthetic else RESEMBLYZER.name), (RESEMBLYZER,), self.name)

    def network(self, task: Task, weights: Weights) -> nn.Module:
        """Return the network for a task, its encoder loaded from ``weights``."""
        s = self.settings
        encoder = Encoder(s.size)
        if weights.path is not None:
            if s.size != "full":
                raise UsageError(f"{self.name}: weights are of the full network; leave out --set size=tiny")
            encoder.load_state_dict(read_encoder(Path(weights.path)))
        frozen = s.freeze == "published" or (s.freeze == "auto" and weights.path is not None)
        head = MomentsHead(SIZES[s.size][0], len(task.outputs))
        return InputsNetwork({"audio": freeze(encoder) if frozen else encoder}, head, self.inputs, s.length)
