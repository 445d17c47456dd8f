"""Whole clips: what a network is called with, ``network(*example)``, when it is measured, exported or compared."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from abawbench.contracts import DataError, Example, Model, Track
from abawbench.harness.data.clips import ClipIndex
from abawbench.harness.data.frames import ImageRules, LiveImages, normalise
from abawbench.harness.data.inputs import SHIPPED
from abawbench.harness.data.readers import prepare_sound, read_shipped
from abawbench.harness.request.protocol import Protocol
from abawbench.nn import gather

ONE_TENSOR = frozenset({"frames"})
"""The inputs of a network that is called with images [B, T, 3, S, S] alone."""


class WholeClips:
    """The clips of some tracks as a network is called with them.

    A network of frames alone takes images [B, T, 3, S, S]. Any other takes a tensor per input in alphabetical order, as
    ``abawbench.nn.InputsNetwork`` says, and last ``present`` bool [B, I, T]. Sound is what is heard while the clip
    lasts: a run cuts longer windows, so its answers differ a little for a model that hears.
    """

    def __init__(self, model: Model, tracks: Sequence[Track], protocol: Protocol) -> None:
        self._model, self._tracks = model, tracks
        self._alone = model.inputs == ONE_TENSOR
        stand_in = protocol.stand_in if self._alone else protocol.stand_in and "black"
        rules = ImageRules(model.clip, stand_in)
        self.images = LiveImages(tracks, rules) if "frames" in model.inputs else None
        self._seconds = model.clip.length / float(np.median([track.rate for track in tracks])) if tracks else 0.0

    @property
    def exact(self) -> bool:
        """Whether a network gives for whole clips what a run scored."""
        return "audio" not in self._model.inputs

    def example(self, clips: Sequence[ClipIndex]) -> Example:
        """Return what the network is called with for these clips."""
        found = [self._given(name, clips) for name in sorted(self._model.inputs)]
        if self._alone:
            return (found[0][0],)
        return (*(given for given, _ in found), torch.stack([present for _, present in found], dim=1))

    def _given(self, name: str, clips: Sequence[ClipIndex]) -> tuple[Tensor, Tensor]:
        """Return one input of the clips, and which of their frames have it, [B, T]."""
        if name == "frames":
            return self._see(clips)
        if name == "audio":
            return _stack([self._hear(clip) for clip in clips])
        if name == "text":
            return _stack([self._read(clip) for clip in clips])
        return self._take(name, clips)

    def _see(self, clips: Sequence[ClipIndex]) -> tuple[Tensor, Tensor]:
        assert self.images is not None
        shown = [(clip.track, self.images.images[clip.track]) for clip in clips]
        rows = [one.shows[clip.frames] for clip, (_, one) in zip(clips, shown, strict=True)]
        units, index = self.images.batch([(track, row) for (track, _), row in zip(shown, rows, strict=True)])
        images = normalise(units[0], self._model.clip)
        if len(units) > 1:
            images = images * units[1].view(-1, 1, 1, 1)
        present = [row < len(one.rows) for row, (_, one) in zip(rows, shown, strict=True)]
        return gather(images.contiguous(), index), torch.from_numpy(np.stack(present))

    def _hear(self, clip: ClipIndex) -> tuple[Tensor, Tensor]:
        sound, track = self._model.sound, self._tracks[clip.track]
        length = round(self._seconds * sound.rate)
        try:
            samples = prepare_sound(track, sound)
        except DataError:
            samples = None
        times = track.times()[clip.frames]
        if samples is None:
            return torch.zeros(length), torch.zeros(len(times), dtype=torch.bool)
        start = max(round((float(times[0]) - 0.5 / track.rate) * sound.rate), 0)
        heard = samples[start : start + length]
        padded = torch.nn.functional.pad(heard, (0, length - len(heard)))
        return padded, torch.from_numpy(times * sound.rate < len(samples))

    def _read(self, clip: ClipIndex) -> tuple[Tensor, Tensor]:
        text = self._tracks[clip.track].text()
        there = bool(text and text.strip())
        tokens = torch.from_numpy(self._model.tokens(text if text and there else "none"))
        return tokens, torch.full((len(clip.frames),), there)

    def _take(self, name: str, clips: Sequence[ClipIndex]) -> tuple[Tensor, Tensor]:
        tracks = [self._tracks[clip.track] for clip in clips]
        size = self._model.feature_sizes[name]
        steps = read_shipped(name.removeprefix(SHIPPED), size, tracks)
        rows = [(n, steps.shows[n][clip.frames]) for n, clip in enumerate(clips)]
        (units,), index = steps.batch(rows)
        present = index >= 0
        zero = torch.cat([units.to(torch.float32), torch.zeros(1, size)])
        return gather(zero, torch.where(present, index, len(units))), present


def _stack(found: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    return torch.stack([one for one, _ in found]), torch.stack([present for _, present in found])
