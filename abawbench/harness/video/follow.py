"""Faces of frame after frame as people: a box goes on with its speed, and takes the face that overlaps it most."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

from abawbench.harness.video.faces import Face

OVERLAP = 0.25
"""Intersection over union from which on a face may be the one followed."""
PATIENCE = 30
"""Frames for which a person without a face is waited for."""
SHORTEST = 5
"""Frames with a face below which a person is taken for a false alarm."""
WINDOW = 15
"""Faces by whose median a person's size and speed are known: the last ones before one is hidden are half hidden."""


@dataclass
class Person:
    """One person: the face in each frame that has one."""

    faces: dict[int, Face] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The last frame with a face."""
        return max(self.faces)

    def expected(self, frame: int) -> Face:
        """Return where the face should be in a frame, and how large."""
        known = sorted(self.faces)[-WINDOW:]
        own = [self.faces[at] for at in known]
        width, height = median(one.width for one in own), median(one.height for one in own)
        middles = [(one.left + one.width / 2, one.top + one.height / 2) for one in own]
        x, y = (
            median(middle[k] + speed * (frame - at) for at, middle in zip(known, middles, strict=True))
            for k, speed in enumerate(_speed(known, middles))
        )
        return Face(x - width / 2, y - height / 2, width, height, own[-1].score)


def _speed(known: Sequence[int], middles: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the median speed in pixels a frame over all pairs of places; source: Theil (1950), Sen (1968)."""
    pairs = list(combinations(range(len(known)), 2))
    if not pairs:
        return 0.0, 0.0
    x, y = (median((middles[j][k] - middles[i][k]) / (known[j] - known[i]) for i, j in pairs) for k in (0, 1))
    return x, y


class Follower:
    """Joins the faces of frame after frame to people."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self._frame = -1

    def step(self, faces: Sequence[Face]) -> None:
        """Take the faces of the next frame.

        Of all pairs of a person and a face those that overlap most are joined first; a face that nobody takes begins a
        new person.
        """
        self._frame += 1
        frame = self._frame
        alive = [one for one in self.people if frame - one.last <= PATIENCE]
        pairs = sorted(
            (
                (overlap(one.expected(frame), face), -n, -k)
                for n, one in enumerate(alive)
                for k, face in enumerate(faces)
            ),
            reverse=True,
        )
        owners: set[int] = set()
        taken: set[int] = set()
        for share, n, k in pairs:
            if share >= OVERLAP and -n not in owners and -k not in taken:
                owners.add(-n)
                taken.add(-k)
                alive[-n].faces[frame] = faces[-k]
        for k, face in enumerate(faces):
            hides = any(overlap(face, alive[n].faces[frame]) > 0.5 for n in owners if frame in alive[n].faces)
            if k not in taken and not hides:
                self.people.append(Person({frame: face}))


def follow(frames: Sequence[Sequence[Face]]) -> list[Person]:
    """Return the people in the faces of each frame, in the order in which they appear.

    One with fewer than ``SHORTEST`` faces is dropped.
    """
    follower = Follower()
    for faces in frames:
        follower.step(faces)
    return [one for one in follower.people if len(one.faces) >= min(SHORTEST, len(frames))]


def overlap(a: Face, b: Face) -> float:
    """Return the intersection of two boxes over their union, 0 to 1."""
    wide = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    high = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared / (a.width * a.height + b.width * b.height - shared) if shared else 0.0
