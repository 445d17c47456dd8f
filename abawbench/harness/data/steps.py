"""One input of some tracks as steps: which step each frame sees, and the units that clips need of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abawbench.contracts import DataError, Track
from abawbench.harness.data.feature_cache import restore

Rows = NDArray[np.intp]


@dataclass
class ReadLog:
    """What was met while inputs were read."""

    images: int = 0
    cached: int = 0
    """Images whose features were read back from the cache."""
    workers: int = 0
    """Processes that read ahead, at most."""
    broken: list[str] = field(default_factory=list)
    """Files that could not be decoded, each once."""
    _listed: tuple[Track, Sequence[tuple[str, int, int] | None]] | None = field(default=None, repr=False)
    """The track of the last one, with its files."""

    def note_image(self, track: Track, frame: int) -> None:
        """Count an image that could not be decoded, by whichever process."""
        if self._listed is None or self._listed[0] is not track:
            self._listed = track, track.frame_files()  # once for all of its images
        entry = self._listed[1][frame]
        if self._note(entry[0] if entry else f"{track.id}, frame {frame + 1}"):
            track.frames(np.array([frame], dtype=np.intp))  # so that its database, which is here, hears of it

    def note_error(self, track: Track, error: DataError) -> None:
        """Count a file that cannot be read; the track goes without the input."""
        self._note(f"{track.id}: {error}")

    def take(self, other: "ReadLog") -> None:
        """Add what was met while another input was read."""
        self.images += other.images
        self.cached += other.cached
        self.workers = max(self.workers, other.workers)
        for what in other.broken:
            self._note(what)

    def _note(self, what: str) -> bool:
        """Count something unless it was; return whether it was not."""
        new = what not in self.broken
        if new:
            self.broken.append(what)
        return new


class Steps(ABC):
    """One input of every track as steps. ``shows[n]`` [n_frames] is the step each frame sees, -1 where there is none.

    Steps come in units of ``width`` of which the network gives ``kept`` from ``first`` on; one by one if they are kept.
    """

    width = kept = 1
    first = 0

    def __init__(self, shows: list[Rows], blank: tuple[Tensor, ...]) -> None:
        self.shows = shows
        self.blank = blank
        """One unit of zeros, for a batch of which no track has the input."""

    def batch(self, rows: Sequence[tuple[int, Rows]]) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the distinct units [U, ...] of clips, (track number, steps [T]) each, and the index [B, T] into steps.

        The index counts all ``width`` steps of each unit; it is -1 where a frame has none.
        """
        raw, index = self.read(rows)
        return self.finish(raw, torch.device("cpu")), index

    def read(self, rows: Sequence[tuple[int, Rows]]) -> tuple[Any, Tensor]:
        """Return what ``finish`` makes the units of, and the index; it may be asked in another process."""
        steps = np.stack([row for _, row in rows])
        tracks = np.broadcast_to(np.array([number for number, _ in rows])[:, None], steps.shape)
        there = steps >= 0
        index = np.full(steps.shape, -1, dtype=np.int64)
        if not there.any():
            return None, torch.from_numpy(index)
        pairs = np.stack([tracks[there], steps[there] // self.kept], axis=1)
        unique, unit = np.unique(pairs, axis=0, return_inverse=True)
        index[there] = unit.reshape(-1) * self.width + self.first + steps[there] % self.kept
        return self.take(unique), torch.from_numpy(index)

    def take(self, pairs: Rows) -> Any:
        """Return what ``finish`` makes the units of ``pairs`` of."""
        return self.gather(pairs)

    def finish(self, raw: Any, device: torch.device) -> tuple[Tensor, ...]:
        """Return the units on a device, of what was read; None are the blank ones."""
        return tuple(one.to(device) for one in (self.blank if raw is None else raw))

    @abstractmethod
    def gather(self, pairs: Rows) -> tuple[Tensor, ...]:
        """Return the units (track number, unit) of ``pairs`` [U, 2], at least one."""


class StoredSteps(Steps):
    """Steps that are known: a frozen network's or shipped features, levels [S, ...] per track."""

    def __init__(
        self, shows: list[Rows], blank: tuple[Tensor, ...], stored: Sequence[tuple[Tensor, ...] | None]
    ) -> None:
        super().__init__(shows, blank)
        self._stored = stored

    def gather(self, pairs: Rows) -> tuple[Tensor, ...]:
        """Return the steps, [U, ...]."""
        found = [[level[step] for level in self._stored[track] or ()] for track, step in pairs.tolist()]
        return restore(torch.stack(level) for level in zip(*found, strict=True))
