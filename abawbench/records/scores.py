"""What a record says of the official value: the score, its interval and parts, and the floor."""

from typing import Any, Self

from pydantic import Field, model_validator

from abawbench.records.fields import Count, Number, RecordPart, finite


class Interval(RecordPart):
    """A confidence interval, and how it was made."""

    low: Number
    high: Number
    level: float = Field(default=0.95, gt=0, lt=1)
    method: str
    """For example ``track bootstrap, percentile``."""
    replicates: Count
    units: str
    """What was resampled, for example ``tracks``."""
    reason: str | None = None
    """Why there is none, where ``low`` and ``high`` are null: too few units claim nothing."""


class PartScore(RecordPart):
    """A named part of the metric: a class, a dimension, a companion metric."""

    value: Number
    interval: Interval | None = None
    percentile: Interval | None = None
    """The plain percentile interval of the same resamples, which is too narrow over few tracks."""


class Confusion(RecordPart):
    """Which class was taken for which, over the annotated frames of all scored tracks."""

    classes: tuple[str, ...]
    counts: tuple[tuple[Count, ...], ...]
    """Row: the labelled class. Column: the predicted one."""

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        if {len(self.counts), *(len(row) for row in self.counts)} != {len(self.classes)}:
            raise ValueError("counts must hold one row and one column per class")
        return self


class Score(RecordPart):
    """The official value on the scored split."""

    metric: str
    higher_is_better: bool = True
    """Which way the metric ranks."""
    direction_declared: bool = True
    """Whether the metric says so itself; else more is taken for better, and nothing is ranked."""
    value: Number
    reason: str | None = None
    """Why there is no value, where there is none."""
    interval: Interval | None = None
    percentile: Interval | None = None
    """The plain percentile interval of the same resamples, which is too narrow over few tracks."""
    design_effect: Number = None
    """How many times larger the variance over tracks is than if every annotated frame were drawn by itself."""
    effective_frames: Number = None
    """Annotated frames divided by the design effect: how many independent frames would know as much."""
    parts: dict[str, PartScore] = Field(default_factory=dict)
    confusion: Confusion | None = None
    """Of a task with one class per frame; null for others, and in results from before it was kept."""

    @model_validator(mode="before")
    @classmethod
    def _explain_a_missing_value(cls, data: Any) -> Any:
        if isinstance(data, dict) and finite(data.get("value")) is None and not data.get("reason"):
            return {**data, "reason": "the metric is not defined on these labels and predictions"}
        return data

    @property
    def merit(self) -> float | None:
        """Return the value so that larger is better: negated where lower is."""
        return self.value if self.value is None or self.higher_is_better else -self.value


class Floor(RecordPart):
    """What the best predictor that looks at no input scores: the value to beat."""

    value: Number
    interval: Interval | None = None
    what: str
    """Which constant predictor it is, for example ``the most frequent class of the training labels``."""


Ends = tuple[Number, Number, Number]
"""A value and the ends of its interval; null where nothing is claimed."""


class BinRecord(RecordPart):
    """Answers of about one confidence, and how many of them are right."""

    confidence: Number
    answers: Count
    right: Ends


class KeptRecord(RecordPart):
    """The surest answers, and how many of them are wrong."""

    coverage: Number
    risk: Ends


class PartRecord(RecordPart):
    """How far the scores of one part of a task can be taken as probabilities."""

    part: str
    error: Ends
    """Expected calibration error."""
    brier: Ends
    bins: tuple[BinRecord, ...]
    kept: tuple[KeptRecord, ...]


class CalibrationRecord(RecordPart):
    """The calibration of one run, which ``abawbench calibration --keep`` leaves beside it for the page."""

    seal: str | None
    """Of the run's record: another one is another run."""
    parts: tuple[PartRecord, ...]
