"""Protocol options: the choices between a network's outputs and a value that teams make differently."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from abawbench.contracts import Clip, Entrant, Task, UsageError
from abawbench.harness.request.settings import check_options
from abawbench.records.record import ProtocolRecord

NoFace = Literal["nearest", "interpolate", "black", "zero"]

PUBLISHED = "published"
SMOOTHINGS = "none, box:HALF_WIDTH or gaussian:SIGMA, both in frames, or published"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How frames become decisions and which tracks are fitted and scored; the defaults are the official protocol.

    abaw-protocols, section 11, tells who does what.
    """

    no_face: NoFace = "nearest"
    """What stands for a frame without an image: the ``nearest`` image of its track (of two equally near, the later),
    ``interpolate`` (the nearest image where clips need one, but its score from the neighbours with a face), a ``black``
    image, or ``zero`` features."""
    smoothing: str = "none"
    """Of the scores of each track before decisions: ``none``, ``box:d`` (mean of 2d+1 frames), ``gaussian:sigma``, or
    ``published``: what the model's publication does."""
    thresholds: Literal["fixed", "tuned", "published"] = "fixed"
    """Of multilabel tasks and parts: the task's own, or one per output that is ``tuned`` on training subjects or
    ``published`` with the model."""
    folds: int = 0
    """With 2 or more, training and validation tracks are pooled and each is scored by a network that saw no track of
    its subject: not the official split."""
    refit: bool = False
    """Fit on training and validation tracks together, for a submission; nothing is left to score."""
    limit: int = 0
    """Only the first so many labelled tracks of each split, for a quick look: such a result has no rank. 0: all."""
    assumptions: Mapping[str, str] = field(default_factory=dict)
    """Of uncertain facts, where another than the default is chosen; see ``abawbench.harness.request.assumptions``."""

    def __post_init__(self) -> None:
        if self.smoothing != PUBLISHED:
            parse_smoothing(self.smoothing)
        if self.folds < 0 or self.folds == 1:
            raise UsageError(f"protocol option folds={self.folds}: give 2 or more, or 0 for the official split")
        if self.limit < 0:
            raise UsageError(f"protocol option limit={self.limit}: give the tracks of each split, or 0 for all")
        if self.folds and self.refit:
            raise UsageError("folds and refit exclude each other: a refit leaves no track to score")

    @property
    def pooled(self) -> bool:
        """Whether training and validation tracks are one set, not the official split."""
        return bool(self.folds) or self.refit

    @property
    def stand_in(self) -> Literal["black", "zero"] | None:
        """What a frame without an image shows instead of the nearest image."""
        return self.no_face if self.no_face in ("black", "zero") else None

    @property
    def scored_split(self) -> str | None:
        """Name the split that is scored, None for a refit."""
        if self.refit:
            return None
        return "train+val" if self.folds else "val"

    def for_task(self, task: Task) -> "Protocol":
        """Return the protocol as it takes effect on a task: options that mean nothing for it fall to their defaults.

        A track-level task has one score, so none to smooth or interpolate; only multilabel tasks, and a multitask task
        with such a part, have thresholds.
        """
        changes: dict[str, Any] = {}
        if task.level == "track":
            changes["smoothing"] = "none"
            if self.no_face == "interpolate":
                changes["no_face"] = "nearest"
        if "multilabel" not in (task.kind, *(part.kind for part in task.parts)):
            changes["thresholds"] = "fixed"
        return replace(self, **changes)

    def of_model(self, model: Entrant, task: Task) -> tuple["Protocol", dict[str, float]]:
        """Return the protocol with the model's ``published`` smoothing in place, and its thresholds by output, if any.

        Raises UsageError when the model publishes none for the task.
        """
        known = model.postprocessing(task)
        for name in ("smoothing", "thresholds"):
            if getattr(self, name) == PUBLISHED and name not in known:
                raise UsageError(f"model '{model.name}' has no published {name} for task '{task.name}'; leave it out")
        smoothing = known["smoothing"] if self.smoothing == PUBLISHED else self.smoothing
        values = known["thresholds"] if self.thresholds == PUBLISHED else ()
        thresholds = dict(zip(task.outputs, values, strict=True)) if values else {}
        return replace(self, smoothing=smoothing), thresholds

    def record(self, clip: Clip | None, **more: Any) -> ProtocolRecord:
        """Return what the record says; ``more`` holds what is known only after fitting."""
        cut: dict[str, Any] = {} if clip is None else {"clip_length": clip.length, "clip_stride": clip.stride}
        return ProtocolRecord(**asdict(self), **cut, **more)


def protocol_of(options: Mapping[str, Any]) -> Protocol:
    """Return the protocol with these options, written with ``-`` or ``_``.

    Raises UsageError for an unknown option, with near misses, and for a value that is not possible.
    """
    given = {name.replace("-", "_"): value for name, value in options.items()}
    return Protocol(**check_options(Protocol, given, "the protocol", "option"))


def parse_smoothing(text: str) -> tuple[str, float]:
    """Return the kind of smoothing, ``none``, ``box`` or ``gaussian``, and its width in frames.

    >>> parse_smoothing("box:50")
    ('box', 50.0)
    """
    kind, _, number = text.partition(":")
    if text == "none":
        return "none", 0.0
    try:
        width = float(number)
    except ValueError:
        width = -1.0
    if kind == "box" and 1 <= width < 1e6 and width == int(width):
        return kind, width
    if kind == "gaussian" and 0 < width < 1e6:
        return kind, width
    raise UsageError(f"protocol option smoothing={text!r}: give {SMOOTHINGS}, for example box:50 or gaussian:2")


OFFICIAL = Protocol()
"""The official protocol."""
