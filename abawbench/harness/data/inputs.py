"""What a network is given: the features of frames alone, or several inputs aligned by time."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.contracts import DataError, Model, Track, UsageError
from abawbench.harness.data.features import Features, Reading, features
from abawbench.harness.data.images import TrackImages, track_images
from abawbench.harness.data.sequences import Rows, SoundReader, Steps, TextReader, computed, shipped, sound_identity
from abawbench.harness.request.protocol import Protocol
from abawbench.progress import Progress

SHIPPED = "features:"


class SeveralInputs(Features):
    """Several inputs of the same tracks, each as steps. ``images`` are those of the frames, where they are an input."""

    def __init__(self, images: list[TrackImages], reading: Reading, parts: Mapping[str, Steps]) -> None:
        super().__init__(images, reading)
        self.parts = parts

    def gather(self, pairs: NDArray[np.intp]) -> tuple[Tensor, ...]:
        """Raise TypeError: each of ``parts`` has units of its own."""
        raise TypeError("several inputs are gathered one by one")

    def missing(self, numbers: Sequence[int]) -> dict[str, tuple[int, int]]:
        """Return input -> how many of these tracks lack it wholly, and how many of their frames lack it."""
        found = {}
        for name, part in self.parts.items():
            absent = [part.shows[number] < 0 for number in numbers]
            found[name] = (sum(bool(one.all()) for one in absent), sum(int(one.sum()) for one in absent))
        return found


class ImageSteps(Steps):
    """Images as steps: a track without any has none."""

    def __init__(self, images: Features, size: int) -> None:
        self._images = images
        shows = [np.where(one.shows == len(one.rows), -1, one.shows).astype(np.intp) for one in images.images]
        super().__init__(shows, ())
        first = next((n for n, one in enumerate(images.images) if len(one.rows)), None)
        blank = (torch.zeros(1, 3, size, size, dtype=torch.uint8),) if first is None else self._like(first)
        self.blank = blank

    def _like(self, number: int) -> tuple[Tensor, ...]:
        return tuple(torch.zeros_like(x) for x in self._images.gather(np.array([[number, 0]], dtype=np.intp)))

    def gather(self, pairs: Rows) -> tuple[Tensor, ...]:
        """Return the images or their features, [U, ...]."""
        return self._images.gather(pairs)


def inputs_of(
    network: nn.Module,
    model: Model,
    tracks: Sequence[Track],
    device: torch.device,
    progress: Progress,
    protocol: Protocol,
) -> Features:
    """Return where clips of the tracks get what the network is given, frozen parts computed or read from the cache.

    A network of frames alone has one module ``embed``, any other an ``nn.ModuleDict`` of them; see ``Model``. In the
    latter a frame without an image of its own has no step where the protocol has it black or zero.
    """
    embed = network.get_submodule("embed")
    if not isinstance(embed, nn.ModuleDict):
        live = model.settings.mix > 0
        return features(embed, model.clip, tracks, device, progress, protocol.stand_in, live)
    parts: dict[str, Steps] = {}
    reading, images = Reading(), None
    for name in sorted(model.inputs):
        if name == "frames":
            seen = features(embed[name], model.clip, tracks, device, progress, protocol.stand_in and "black")
            parts[name], images, own = ImageSteps(seen, model.clip.size), seen.images, seen.reading
        elif name.startswith(SHIPPED):
            parts[name], own = shipped(name.removeprefix(SHIPPED), model.feature_sizes[name], tracks), Reading()
        else:
            reader = SoundReader(model.sound) if name == "audio" else TextReader(model)
            parts[name], own = computed(reader, embed[name], tracks, device, progress, name)
        reading.images += own.images
        reading.cached += own.cached
        reading.broken += own.broken
    return SeveralInputs(images or no_inputs(tracks).images, reading, parts)


def no_inputs(tracks: Sequence[Track]) -> SeveralInputs:
    """Return what a model that sees no image is given: no frame is filled with another."""
    return SeveralInputs([track_images(np.ones(track.n_frames, dtype=np.bool_)) for track in tracks], Reading(), {})


def require_inputs(model: Model, name: str, tracks: Sequence[Track], database: str, task: str) -> None:
    """Return nothing. Raises UsageError when no track at all has an input, other than frames, that the model needs."""
    for wanted in sorted(model.inputs - {"frames"}):
        if not any(_has(track, wanted) for track in tracks):
            what = f"features '{wanted.removeprefix(SHIPPED)}'" if wanted.startswith(SHIPPED) else wanted
            raise UsageError(f"model '{name}' needs {what}, and no track of task '{task}' in '{database}' has any")


def _has(track: Track, name: str) -> bool:
    if name.startswith(SHIPPED):
        return track.features(name.removeprefix(SHIPPED)) is not None
    if name == "text":
        return bool((track.text() or "").strip())
    try:
        return track.audio() is not None
    except DataError:
        return True


def identities(model: Model, track: Track) -> list[object]:
    """Return what tells the inputs of a track, other than frames, from others, as JSON; for the digest of a job."""
    found: list[object] = []
    for name in sorted(model.inputs - {"frames"}):
        if name == "audio":
            found.append(_sound(track))
        elif name == "text":
            found.append(track.text())
        else:
            found.append(_shipped_identity(track, name.removeprefix(SHIPPED)))
    return found


def _sound(track: Track) -> object:
    try:
        return sound_identity(track)
    except DataError as error:
        return str(error)


def _shipped_identity(track: Track, name: str) -> object:
    file = track.features_file(name)
    if file is not None:
        return list(file)
    rows = track.features(name)
    return None if rows is None else hashlib.sha256(rows.tobytes()).hexdigest()
