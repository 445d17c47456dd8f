"""How far a runtime's answers are from those of eager execution."""

from abawbench.records.fields import Count, Number, RecordPart

TOLERANCE = 0.002
"""Largest change of the official metric that leaves a result in the ranking."""


class Parity(RecordPart):
    """A runtime beside eager execution, the same network on the same clips of the scored split."""

    runtime: str
    precision: str
    """In which most of its arithmetic is done: ``fp32``, ``bf16`` or ``int8``."""
    threads: Count
    largest_difference: Number
    """Of all scores."""
    mean_difference: Number
    """Of all scores, the mean of the absolute differences."""
    scores: Count
    """How many scores were compared: frames (or tracks) times outputs."""
    eager_value: Number
    """The official metric by eager execution on whole clips, where the split has labels that it was not fitted to."""
    value: Number
    """The official metric by the runtime."""

    @property
    def change(self) -> float | None:
        """Return by how much the runtime changes the metric; None where it has no value."""
        return None if self.value is None or self.eager_value is None else self.value - self.eager_value

    @property
    def compared(self) -> bool:
        """Return whether eager execution has a value, so that there is one to keep."""
        return self.eager_value is not None

    @property
    def kept(self) -> bool:
        """Return whether the metric stays within ``TOLERANCE``; a change that is not known is none."""
        return self.change is not None and abs(self.change) <= TOLERANCE

    @property
    def mark(self) -> str:
        """Return what stands beside a result whose runtime does not keep the metric."""
        amount = "an unknown amount" if self.change is None else f"{self.change:+.3f}"
        return f"{self.runtime} changes the metric by {amount}"

    @property
    def text(self) -> str:
        """Return the figures in one sentence."""
        change = "no value to compare" if self.change is None else f"the metric changes by {self.change:+.4f}"
        return (
            f"timed by {self.runtime} ({self.precision}); beside eager execution its scores differ by "
            f"{self.largest_difference or 0:.2g} at most, {self.mean_difference or 0:.2g} on average; {change}, "
            f"{'which is kept' if self.kept else 'so it is not ranked'}"
        )
