"""What a database tells about a copy of itself: what it should hold, what it holds, and which files to read whole."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from abawbench.contracts.problems import Problem

Confidence = Literal["CONFIRMED", "SINGLE", "INFERRED"]


@dataclass(frozen=True)
class Count:
    """A number found on disk. ``split`` joins several splits with ``+``; both names are empty for the whole copy."""

    label: str
    split: str
    what: str
    number: int
    detail: bool = field(default=False, kw_only=True)
    """Left out of tables unless there is an official number."""


@dataclass(frozen=True, kw_only=True)
class Expected(Count):
    """A number that an official copy has, and how well that is known.

    Only ``CONFIRMED`` numbers make a copy incomplete; one that a single source gives, or that follows from others, is
    shown beside what was found and decides nothing.
    """

    confidence: Confidence
    source: str
    """Where the number stands, and what it counts where that is not plain."""


class FileGroup(ABC):
    """Some files of a copy that are read together; small, picklable, and checked in any process."""

    files: int
    """About how many files, for the progress bar."""

    @abstractmethod
    def check(self, fast: bool) -> Sequence[Problem]:
        """Return what is wrong with the files, which are named by their full paths.

        Every image is decoded and every sound and text read; ``fast`` reads headers and sizes only.
        """


@dataclass(frozen=True)
class Inspection:
    """What reading the annotations and listing the folders gave, and the groups that are still to be read."""

    counts: Sequence[Count]
    groups: Sequence[FileGroup]
