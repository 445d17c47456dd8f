"""What the record of an ensemble says of its members, and of the gap between tuning and testing."""

from abawbench.records.fields import Count, Number, RecordPart, Settings


class Member(RecordPart):
    """A run that takes part."""

    model: str
    seed: int
    job: str
    """The digest of its job, by which it is found again."""
    predictions_sha256: str
    value: Number
    """Its official value alone."""


class EnsembleRecord(RecordPart):
    """How the scores of members became one, and what that gains.

    The score of the record is the out-of-fold one: each track was combined, and its thresholds chosen, by what was
    fitted to tracks of other subjects.
    """

    method: str
    """``mean``, ``weights``, ``rank``, ``ridge``, ``logistic`` or ``greedy``."""
    members: tuple[Member, ...]
    folds: Count
    """Of subjects; 0 where nothing is fitted, so that out of fold and in sample are the same."""
    parameters: Settings
    """Of the combination as it is applied to new tracks, fitted to all scored ones."""
    in_sample: Number
    """The value where the combination was fitted to the tracks it is scored on: too high."""
    best: str
    """The member with the highest value."""
    gain: Number
    """Out of fold, less the best member."""
    gain_low: Number
    gain_high: Number
    gain_p_value: Number
    gain_reason: str | None = None
    """Why no interval is claimed, where none is."""
