"""The official prediction files of the tasks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import BadRow, Decided, Submission, Task, Template


def frames(task: Task) -> Submission:
    """Return the form of VA, EXPR, AU and CE: ``image_location`` and the outputs, then a line per frame.

    A class is one number although the header names all of them. Source: abaw-protocols, section 2.6.
    """
    return Submission(task, ("image_location", *task.outputs))


def clips(task: Task) -> Submission:
    """Return the form of EMI: ``Filename`` and the outputs, then a line per clip."""
    return ClipSubmission(task, ("Filename", *task.outputs))


def bah_frames(task: Task) -> Submission:
    """Return the form of AH in ABAW8: no header, a line ``<pid>/<visit>/<video>.mp4/frame-<k>.jpg,<0|1>`` per frame."""
    return Submission(task)


def bah_videos(task: Task) -> Submission:
    """Return the form of AH in ABAW10 and 11: no header, a line per video."""
    return VideoSubmission(task, widths=(1, 3))


def multitask(task: Task) -> Submission:
    """Return the form of MTL: ``image,valence,arousal,expression,aus``, then a line per image with all 15 numbers.

    Source: abaw-protocols, section 6.
    """
    return Submission(task, ("image", "valence", "arousal", "expression", "aus"))


class ClipSubmission(Submission):
    """Lines ``<id>,<values>``. Ids have five digits; winning entries also left the leading zeros out.

    Source: abaw-protocols, section 4.2.
    """

    def canonical(self, name: str) -> str:
        """Return the id with five digits and no ending."""
        bare = name.strip().strip('"').removesuffix(".mp4")
        return bare.zfill(5) if bare.isdecimal() else name


class VideoSubmission(Submission):
    """Lines ``<path>,<p0>,<p1>,<label>`` or ``<path>,<label>``; p0 + p1 must be exactly 1 as floats.

    It is written with probabilities where they are known, with four decimals: of all 10,001 such pairs each sums to 1.
    Source: abaw-protocols, section 5.4.
    """

    def decode(self, values: NDArray[np.float64]) -> Decided:
        """Return the labels, and the probabilities where they stand beside them."""
        decided = super().decode(values[:, -1:])
        if values.shape[1] == 1:
            return decided
        scores = values[:, :2]
        wrong = np.flatnonzero((scores < 0).any(axis=1) | (scores[:, 0] + scores[:, 1] != 1.0))
        if wrong.size:
            first, second = scores[wrong[0]].tolist()
            raise BadRow(int(wrong[0]), f"p0 {first!r} and p1 {second!r} must not be negative and must sum to 1")
        return Decided(decided.decisions, scores)

    def width_of(self, predicted: Decided) -> int:
        """Return 3 where probabilities stand beside the label, else 1."""
        return 1 if predicted.scores is None else 3

    def write(self, path: Path, template: Template, predicted: Decided) -> None:
        """Write the predictions in the form of the template: labels alone where it has one value beside each name."""
        super().write(path, template, Decided(predicted.decisions) if template.width == 1 else predicted)

    def encode(self, predicted: Decided) -> Iterator[str]:
        """Yield ``<p0>,<p1>,<label>``, or ``<label>`` without probabilities."""
        if predicted.scores is None:
            yield from super().encode(predicted)
            return
        for label, present in zip(predicted.decisions.tolist(), predicted.scores[:, 1].tolist(), strict=True):
            second = f"{present:.4f}"
            yield f"{1 - float(second):.4f},{second},{label}"
