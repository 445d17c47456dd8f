"""What a network is given of some tracks: its inputs by name, each a sequence of steps aligned with the frames."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from abawbench.contracts import DataError, Model, Track, UsageError
from abawbench.harness.data.clips import ClipIndex, Wanted, cut_clips
from abawbench.harness.data.frames import ImageRules, ImageSteps, LiveImages, Where, embed_images
from abawbench.harness.data.images import TrackImages, image_bytes, track_images
from abawbench.harness.data.loader import build_loader, closing_workers, count_workers, iterate
from abawbench.harness.data.readers import SoundReader, TextReader, embed_steps, read_shipped, sound_identity
from abawbench.harness.data.steps import ReadLog, Steps
from abawbench.harness.request.protocol import Protocol

SHIPPED = "features:"

Units: TypeAlias = dict[str, tuple[Tensor, ...]]
"""Input -> the distinct units of a batch of clips, [U, ...] each."""
Index: TypeAlias = dict[str, Tensor]
"""Input -> int64 [B, T]: which step each frame sees, -1 where there is none."""


class Inputs:
    """The inputs of some tracks. Tracks are told apart by identity: these very objects."""

    def __init__(
        self, tracks: Sequence[Track], steps: Mapping[str, Steps], log: ReadLog, workers: int | None = None
    ) -> None:
        self.tracks = tracks
        self.steps = steps
        self.log = log
        self._workers = workers
        self._numbers = {id(track): number for number, track in enumerate(tracks)}

    def number_of(self, track: Track) -> int:
        """Return the number by which clips name a track."""
        return self._numbers[id(track)]

    def images_of(self, track: Track) -> TrackImages:
        """Return which images a track shows; each frame its own where images are no input."""
        frames = self.steps.get("frames")
        if isinstance(frames, ImageSteps):
            return frames.images[self.number_of(track)]
        return track_images(np.ones(track.n_frames, dtype=np.bool_))

    def clips(self, tracks: Sequence[Track], model: Model, wanted: Wanted | None = None) -> list[ClipIndex]:
        """Return the clips of some of the tracks, in order, all or those that are wanted; each frame is in one."""
        cut = (cut_clips(self.number_of(track), track.n_frames, model.clip, wanted) for track in tracks)
        return [clip for own in cut for clip in own]

    def workers(self, clips: Sequence[ClipIndex]) -> int:
        """Return how many processes read the clips: none where nothing is decoded for them."""
        live = any(isinstance(steps, LiveImages) for steps in self.steps.values())
        count = count_workers(self._workers, sum(len(clip.frames) for clip in clips)) if live else 0
        self.log.workers = max(self.log.workers, count)
        return count

    def batch_bytes(self, batch: int, length: int) -> int:
        """Return about how many bytes the images of so many clips have."""
        live = any(isinstance(steps, LiveImages) for steps in self.steps.values())
        return batch * length * image_bytes(self.tracks) if live else 0

    def read(self, clips: Sequence[ClipIndex]) -> tuple[dict[str, Any], Index]:
        """Return what ``finish`` makes the units of clips of, and their index; it may be asked in another process."""
        found = {
            name: steps.read([(clip.track, steps.shows[clip.track][clip.frames]) for clip in clips])
            for name, steps in self.steps.items()
        }
        return {name: one[0] for name, one in found.items()}, {name: one[1] for name, one in found.items()}

    def finish(self, raw: Mapping[str, Any], device: torch.device) -> Units:
        """Return the units of a batch on a device."""
        return {name: self.steps[name].finish(one, device) for name, one in raw.items()}

    def batch(self, clips: Sequence[ClipIndex], device: torch.device) -> tuple[Units, Index]:
        """Return what a network is given for clips, on a device."""
        raw, index = self.read(clips)
        return self.finish(raw, device), {name: one.to(device) for name, one in index.items()}

    def batches(
        self, clips: Sequence[Sequence[ClipIndex]], device: torch.device
    ) -> Iterator[tuple[Sequence[ClipIndex], Units, Index]]:
        """Yield each list of clips with what a network is given for it, read ahead by workers."""
        workers = self.workers([clip for chosen in clips for clip in chosen])
        largest = self.batch_bytes(len(clips[0]), len(clips[0][0].frames)) if workers else 0
        with closing_workers(build_loader(clips, self._read_one, workers, largest, batch_size=1)) as loader:
            for chosen, (raw, index) in zip(clips, iterate(loader), strict=True):
                yield chosen, self.finish(raw, device), {name: one.to(device) for name, one in index.items()}

    def _read_one(self, batches: Sequence[Sequence[ClipIndex]]) -> tuple[dict[str, Any], Index]:
        return self.read(batches[0])

    def missing(self, tracks: Sequence[Track]) -> dict[str, tuple[int, int]]:
        """Return input -> how many of these tracks lack it wholly, and how many of their frames lack it.

        Frames that always show some image are none: ``images_of`` tells which are filled.
        """
        found = {}
        for name, steps in self.steps.items():
            if isinstance(steps, ImageSteps) and steps.rules.always:
                continue
            absent = [steps.shows[self.number_of(track)] < 0 for track in tracks]
            found[name] = (sum(bool(one.all()) for one in absent), sum(int(one.sum()) for one in absent))
        return found


def embed_inputs(
    network: nn.Module,
    model: Model,
    tracks: Sequence[Track],
    protocol: Protocol,
    where: Where,
) -> Inputs:
    """Return the inputs of the tracks, frozen parts computed or read from the cache.

    A network of frames alone has one module ``embed``, any other an ``nn.ModuleDict`` of them; see ``Model``. In the
    latter a frame without an image of its own has no step where the protocol has it black or zero.
    """
    embed, form = network.get_submodule("embed"), model.settings.features
    if not isinstance(embed, nn.ModuleDict):
        live = bool(model.settings.augmentation) or model.extra_loss(0) is not None
        rules = ImageRules(model.clip, protocol.stand_in, live=live, form=form)
        images = embed_images(embed, tracks, rules, where)
        return Inputs(tracks, {"frames": images}, images.log, where.workers)
    steps: dict[str, Steps] = {}
    log = ReadLog()
    for name in sorted(model.inputs):
        if name == "frames":
            rules = ImageRules(model.clip, "black" if protocol.stand_in else None, always=False, form=form)
            seen = embed_images(embed[name], tracks, rules, where)
            steps[name], own = seen, seen.log
        elif name.startswith(SHIPPED):
            steps[name] = read_shipped(name.removeprefix(SHIPPED), model.feature_sizes[name], tracks)
            own = ReadLog()
        else:
            reader = SoundReader(model.sound) if name == "audio" else TextReader(model)
            steps[name], own = embed_steps(reader, embed[name], tracks, where, form)
        log.take(own)
    return Inputs(tracks, steps, log, where.workers)


def no_inputs(tracks: Sequence[Track]) -> Inputs:
    """Return what a model that sees no input is given: no frame is filled with another."""
    return Inputs(tracks, {}, ReadLog())


def require_inputs(inputs: frozenset[str], tracks: Sequence[Track], who: str, where: str) -> None:
    """Raise UsageError when no track at all has an input, other than frames; messages say who needs it, and where."""
    for wanted in sorted(inputs - {"frames"}):
        if not any(_has(track, wanted) for track in tracks):
            what = f"features '{wanted.removeprefix(SHIPPED)}'" if wanted.startswith(SHIPPED) else wanted
            raise UsageError(f"{who} needs {what}, and no track of {where} has any")


def require_images(tracks: Sequence[Track], who: str, where: str) -> None:
    """Raise UsageError when of no track an image can be read; messages say who needs them, and where.

    Of a track some are tried, the first among them, which is enough for tracks that are whole.
    """
    if tracks and not any(_shows(track) for track in tracks):
        raise UsageError(
            f"{who} needs images, and no track of {where} has one with a name that is understood and that can be read; "
            "'abawbench data verify' tells what lies there"
        )


def _shows(track: Track) -> bool:
    there = np.flatnonzero(track.frame_mask())
    tried = there[:: max(len(there) // 4, 1)]
    return any(bool(track.frames(at)[1].any()) for at in tried[:, None])


def _has(track: Track, name: str) -> bool:
    if name.startswith(SHIPPED):
        return track.features(name.removeprefix(SHIPPED)) is not None
    if name == "text":
        return bool((track.text() or "").strip())
    try:
        return track.audio() is not None
    except DataError:
        return True


def identify_inputs(inputs: frozenset[str], track: Track) -> list[object]:
    """Return what tells the inputs of a track, other than frames, from others, as JSON; for the digest of a job."""
    found: list[object] = []
    for name in sorted(inputs - {"frames"}):
        if name == "audio":
            found.append(_identify_sound(track))
        elif name == "text":
            found.append(track.text())
        else:
            found.append(_identify_shipped(track, name.removeprefix(SHIPPED)))
    return found


def _identify_sound(track: Track) -> object:
    try:
        return sound_identity(track)
    except DataError as error:
        return str(error)


def _identify_shipped(track: Track, name: str) -> object:
    file = track.features_file(name)
    if file is not None:
        return list(file)
    rows = track.features(name)
    return None if rows is None else hashlib.sha256(rows.tobytes()).hexdigest()
