"""Inputs other than frames: sound, text and shipped features as steps with a time, which covers frames."""

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.contracts import DataError, Model, Sound, Track
from abawbench.harness.data.feature_cache import Entry, entry_file, folder, limit, load, shrink, store, trim
from abawbench.harness.data.frames import Where, digest
from abawbench.harness.data.steps import ReadLog, Rows, Steps, StoredSteps
from abawbench.nn import as_tuple, is_frozen

KEPT_BYTES = 2**29
"""Of waveforms held for a network that is trained on them."""


class LiveSteps(Steps):
    """Units for a network that is trained on them and computes their steps in every batch."""

    def __init__(self, reader: "Reader", tracks: Sequence[Track], width: int, log: ReadLog) -> None:
        self._reader, self._tracks = reader, tracks
        self._held: OrderedDict[int, Tensor] = OrderedDict()
        self.width, (self.first, self.kept) = width, reader.layout(width)
        counts = [0 if (found := _units(reader, track, log)) is None else len(found) for track in tracks]
        shows = [reader.rows(track, n * self.kept, self.kept) for track, n in zip(tracks, counts, strict=True)]
        super().__init__(shows, (torch.zeros_like(reader.probe()),))

    def gather(self, pairs: Rows) -> tuple[Tensor, ...]:
        """Return the units [U, ...] themselves."""
        return (torch.stack([self._of(track)[unit] for track, unit in pairs.tolist()]),)

    def _of(self, number: int) -> Tensor:
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        units = self._reader.units(self._tracks[number])
        assert units is not None
        self._held[number] = units
        while len(self._held) > 1 and sum(held.nbytes for held in self._held.values()) > KEPT_BYTES:
            self._held.popitem(last=False)
        return units


class Reader(ABC):
    """How one kind of input becomes units for its network."""

    name: str
    """Of the input."""
    seconds = float("inf")
    """That a unit covers."""

    @abstractmethod
    def units(self, track: Track) -> Tensor | None:
        """Return the units of a track [C, ...], None where it lacks the input. Raises DataError for a broken file."""

    @abstractmethod
    def probe(self) -> Tensor:
        """Return one fixed unit [1, ...]."""

    @abstractmethod
    def identity(self, track: Track) -> object:
        """Return what tells the track's input from another's, as JSON; None where it lacks the input."""

    @property
    @abstractmethod
    def prepared(self) -> Sequence[object]:
        """What else shapes the units, as JSON."""

    def layout(self, width: int) -> tuple[int, int]:
        """Return which of a unit's ``width`` steps are kept: the first, and how many."""
        return 0, width

    @abstractmethod
    def rows(self, track: Track, count: int, kept: int) -> Rows:
        """Return the step that covers each frame, [n_frames], of ``count`` steps of which each unit has ``kept``."""


class SoundReader(Reader):
    """Windows of samples [C, N]; see ``Sound``."""

    name = "audio"

    def __init__(self, sound: Sound) -> None:
        self.sound = sound
        self.seconds = sound.seconds

    def units(self, track: Track) -> Tensor | None:
        """Return the windows of a track's sound."""
        samples, s = prepare_sound(track, self.sound), self.sound
        if samples is None:
            return None
        hop, context = round(s.seconds * s.rate), round(s.context * s.rate)
        count = max(-(-len(samples) // hop), 1)
        padded = nn.functional.pad(samples, (context, count * hop + s.samples - hop - context - len(samples)))
        return padded.unfold(0, s.samples, hop)

    def probe(self) -> Tensor:
        """Return a rising tone."""
        return torch.sin(torch.linspace(0, 40, self.sound.samples) ** 2)[None]

    def identity(self, track: Track) -> object:
        """Return the file of the sound, or the digest of its samples."""
        return sound_identity(track)

    @property
    def prepared(self) -> Sequence[object]:
        """How the sound is cut."""
        return [asdict(self.sound)]

    def layout(self, width: int) -> tuple[int, int]:
        """Return the steps of a window without those of its context."""
        whole = self.sound.seconds + 2 * self.sound.context
        return round(width * self.sound.context / whole), max(round(width * self.sound.seconds / whole), 1)

    def rows(self, track: Track, count: int, kept: int) -> Rows:
        """Return the steps at the times of the frames, -1 past the last window of the sound.

        One step or one frame after it has the last step still: ordinary sound ends a little before the video.
        """
        seconds, times = count / kept * self.sound.seconds, track.times()
        slack = max(self.sound.seconds / kept, 1 / track.rate)
        return np.where(times < seconds + slack, find_step(times, count, seconds), -1)


def prepare_sound(track: Track, sound: Sound) -> Tensor | None:
    """Return the samples [N] of a track as a model hears them, None without any. Raises DataError if broken."""
    heard = track.audio()
    if heard is None or not len(heard[0]):
        return None
    samples, own = torch.from_numpy(heard[0]), heard[1]
    if own != sound.rate:
        from torchaudio.functional import resample

        samples = resample(samples, own, sound.rate)
    return (samples - samples.mean()) / (samples.std(correction=0) + 1e-7) if sound.normalise else samples


def sound_identity(track: Track) -> object:
    """Return what tells a track's sound from another, as JSON: its file, or the digest of its samples; None without.

    Raises DataError for sound that is broken and has no file of its own.
    """
    file = track.audio_file()
    if file is not None:
        return list(file)
    heard = track.audio()
    return None if heard is None else [hashlib.sha256(heard[0].tobytes()).hexdigest(), heard[1]]


class TextReader(Reader):
    """The tokens of a transcript [1, L]: one step for all frames."""

    name = "text"

    def __init__(self, model: Model) -> None:
        self._model = model

    def units(self, track: Track) -> Tensor | None:
        """Return the tokens of a track's transcript; an empty one is none."""
        text = track.text()
        return torch.from_numpy(self._model.tokens(text))[None] if text and text.strip() else None

    def probe(self) -> Tensor:
        """Return the tokens of a few words."""
        return torch.from_numpy(self._model.tokens("what this network says of a few words"))[None]

    def identity(self, track: Track) -> object:
        """Return the transcript."""
        return track.text()

    @property
    def prepared(self) -> Sequence[object]:
        """The tokens of the probe."""
        return [self.probe().tolist()]

    def rows(self, track: Track, count: int, kept: int) -> Rows:
        """Return the one step for every frame."""
        return np.full(track.n_frames, 0 if count else -1, dtype=np.intp)


def find_step(times: NDArray[np.float64], steps: int, seconds: float) -> Rows:
    """Return which of ``steps`` that share ``seconds`` evenly covers each time [N]; the last one past the end.

    -1 everywhere without any step.
    """
    if not steps:
        return np.full(len(times), -1, dtype=np.intp)
    return np.minimum(times * (steps / seconds), steps - 1).astype(np.intp)


def embed_steps(
    reader: Reader, embed: nn.Module, tracks: Sequence[Track], where: Where, form: str
) -> tuple[Steps, ReadLog]:
    """Return the steps that a network gives: those of a frozen one from the cache, or units for one that is trained.

    They are kept in a form of the cache.
    """
    embed.eval()
    log = ReadLog()
    with torch.inference_mode():
        answer = as_tuple(embed(reader.probe().to(where.device)))
    width = answer[0].shape[1] if answer[0].ndim > 2 else 1
    per_second = sum(level.nbytes for level in shrink(answer, form)) / reader.seconds
    expected = per_second * sum(track.n_frames / track.rate for track in tracks)
    if not is_frozen(embed) or expected > limit():
        return LiveSteps(reader, tracks, width, log), log
    first, kept = reader.layout(width)
    key = digest(embed, reader.prepared, answer)
    files = [_entry_of(reader, key, track, form, log) for track in tracks]
    stored = [None if file is None else load(file) for file in files]
    missing = [n for n, file in enumerate(files) if file is not None and stored[n] is None]
    for number in where.progress.track(missing, f"embed {reader.name}", len(missing), "track"):
        units = _units(reader, tracks[number], log)
        file = files[number]
        if units is None or file is None:
            continue
        store(file, _embed_units(embed, units, slice(first, first + kept), where.device, form))
        stored[number] = load(file)
    if missing:
        trim(folder(), keep={file for file in files if file is not None})
    levels = [None if entry is None else entry.levels for entry in stored]
    counts = [0 if found is None else len(found[0]) for found in levels]
    shows = [reader.rows(track, count, kept) for track, count in zip(tracks, counts, strict=True)]
    steps = [level.flatten(0, 1) if level.ndim > 2 else level for level in answer]
    blank = tuple(torch.zeros_like(level[:1], dtype=torch.float16, device="cpu") for level in steps)
    return StoredSteps(shows, blank, levels), log


def read_shipped(name: str, size: int, tracks: Sequence[Track]) -> Steps:
    """Return the features of that name that come with the tracks, [T', size], spread evenly over its frames.

    Raises DataError when they have another size.
    """
    found = [track.features(name) for track in tracks]
    for track, rows in zip(tracks, found, strict=True):
        if rows is not None and rows.shape[1:] != (size,):
            raise DataError(f"track '{track.id}': its features '{name}' have the shape {rows.shape}, not [T, {size}]")
    stored = [None if rows is None or not len(rows) else (torch.from_numpy(rows),) for rows in found]
    shows = [
        find_step((np.arange(track.n_frames) + 0.5) / track.n_frames, 0 if rows is None else len(rows[0]), 1.0)
        for track, rows in zip(tracks, stored, strict=True)
    ]
    return StoredSteps(shows, (torch.zeros(1, size),), stored)


def _units(reader: Reader, track: Track, log: ReadLog) -> Tensor | None:
    try:
        return reader.units(track)
    except DataError as error:
        log.note_error(track, error)
        return None


def _entry_of(reader: Reader, key: str, track: Track, form: str, log: ReadLog) -> Path | None:
    try:
        identity = reader.identity(track)
    except DataError as error:
        log.note_error(track, error)
        return None
    return None if identity is None else entry_file(key, track, identity, form)


def _embed_units(embed: nn.Module, units: Tensor, kept: slice, device: torch.device, form: str) -> Entry:
    """Return the steps of a track's units, one unit at a time, so that a long track takes no more memory."""
    parts = []
    for unit in units:
        with torch.inference_mode():
            given = as_tuple(embed(unit[None].to(device)))
        levels = [level[0, kept] if level.ndim > 2 else level for level in given]
        parts.append(shrink(levels, form))
    levels_ = tuple(torch.cat(level).contiguous() for level in zip(*parts, strict=True))
    return Entry(levels_, np.ones(len(levels_[0]), dtype=np.bool_))
