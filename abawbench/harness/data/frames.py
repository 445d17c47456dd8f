"""Images as steps: their features, computed once by a frozen network and cached, or the images themselves."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.contracts import Clip, Model, Track
from abawbench.harness.data.feature_cache import (
    Entry,
    entry_file,
    folder,
    free_bytes,
    limit,
    load,
    restore,
    shrink,
    store,
    trim,
)
from abawbench.harness.data.images import TrackImages, resize, resize_answer, track_images
from abawbench.harness.data.loader import count_workers, stream_images
from abawbench.harness.data.slots import allocate
from abawbench.harness.data.steps import ReadLog, Rows, Steps
from abawbench.nn import as_tuple, is_frozen
from abawbench.progress import Progress

BATCH = 32
"""Images embedded together. Always exactly so many, so that no image's features depend on what else was missing."""

HELD = 2**30
"""Bytes of features that are held in memory where nobody asks for them again."""

MANY = 10_000
"""Images from which on it is said, with the time that it takes, when their features are not kept."""


@dataclass(frozen=True)
class Where:
    """Where inputs are computed, who is told how far that is, and by how many processes images are read."""

    device: torch.device
    progress: Progress
    workers: int | None = None
    """None: as many as suit the machine and the images."""
    once: bool = False
    """Whether nobody asks for the features of these images again: up to ``HELD`` bytes of them are not written down."""


@dataclass(frozen=True)
class ImageRules:
    """How a network sees images."""

    clip: Clip
    stand_in: Literal["black", "zero"] | None = None
    """What a frame without an image shows: a black image or zero features; None for the nearest image of its track, and
    black where its track has none."""
    always: bool = True
    """Whether every frame shows something; else one without an image of its track, or with a stand-in, has no step."""
    live: bool = False
    """Whether images are given as they are, whatever is frozen."""
    form: str = "float16"
    """As what features are kept."""


class ImageSteps(Steps):
    """The distinct images of each track as steps, or their features; ``images[n]`` says what track n shows."""

    def __init__(self, images: list[TrackImages], log: ReadLog, rules: ImageRules) -> None:
        self.images, self.log, self.rules = images, log, rules
        shows = [one.shows for one in images]
        if not rules.always:
            shows = [np.where(one.shows == len(one.rows), -1, one.shows).astype(np.intp) for one in images]
        super().__init__(shows, ())

    def fill_blank(self) -> None:
        """Set the unit for a batch without any image, once images can be gathered."""
        size = self.rules.clip.size
        first = next((n for n, one in enumerate(self.images) if len(one.rows)), None)
        if first is None:
            self.blank = (torch.zeros(1, 3, size, size, dtype=torch.uint8),)
        else:
            self.blank = tuple(torch.zeros_like(x) for x in self.gather(np.array([[first, 0]], dtype=np.intp)))


class CachedImages(ImageSteps):
    """Outputs of a frozen network, memory-mapped."""

    def __init__(
        self,
        images: list[TrackImages],
        log: ReadLog,
        rules: ImageRules,
        stored: list[tuple[Tensor, ...]],
        stand_in: tuple[Tensor, ...] | None = None,
    ) -> None:
        super().__init__(images, log, rules)
        self._stored = stored
        self._stand_in = stand_in

    def gather(self, pairs: Rows) -> tuple[Tensor, ...]:
        """Return the stored features, [U, ...] float16 on the CPU."""
        per_image = [self._levels(number, row) for number, row in pairs.tolist()]
        return restore(torch.stack(level) for level in zip(*per_image, strict=True))

    def _levels(self, number: int, row: int) -> Sequence[Tensor]:
        if self._stand_in is not None and row == len(self.images[number].rows):
            return self._stand_in
        return [level[row] for level in self._stored[number]]


class LiveImages(ImageSteps):
    """Images themselves, uint8 [U, 3, size, size]; the network embeds them in every batch.

    With zero features as the stand-in a mask [U] comes with them, false where the features are to be zero.
    """

    def __init__(self, tracks: Sequence[Track], rules: ImageRules, log: ReadLog | None = None) -> None:
        shown = [track_images(track.frame_mask(), rules.stand_in is not None) for track in tracks]
        super().__init__(shown, log or ReadLog(), rules)
        self._tracks = tracks

    def gather(self, pairs: Rows) -> tuple[Tensor, ...]:
        """Return the images, read now; a broken one is black and counted."""
        return self.finish(self.take(pairs), torch.device("cpu"))

    def take(self, pairs: Rows) -> dict[str, Any]:
        """Return images as large as their files have them, in ``groups`` of one size, and which are ``broken``."""
        size = self.rules.clip.size
        groups: dict[tuple[int, ...], _Group] = {}
        own = np.zeros(len(pairs), dtype=np.bool_)
        broken = []
        for number in np.unique(pairs[:, 0]):
            rows, mine = self.images[number].rows, np.flatnonzero(pairs[:, 0] == number)
            real = mine[pairs[mine, 1] < len(rows)]
            own[real] = True
            if real.size:
                frames, readable = self._tracks[number].frames(rows[pairs[real, 1]])
                _group(groups, frames, len(pairs)).add(real, frames)
                broken += [(number, rows[pairs[real[at], 1]]) for at in np.flatnonzero(~readable)]
            if other := len(mine) - len(real):
                black = np.zeros((other, size, size, 3), dtype=np.uint8)
                _group(groups, black, len(pairs)).add(mine[~own[mine]], black)
        order = np.argsort(np.concatenate([at for group in groups.values() for at in group.rows]))
        return {
            "groups": [torch.from_numpy(group.images) for group in groups.values()],
            "order": None if (np.diff(order) == 1).all() else torch.from_numpy(order),
            "own": torch.from_numpy(own),
            "broken": broken,
        }

    def finish(self, raw: Any, device: torch.device) -> tuple[Tensor, ...]:
        """Return the images resized on a device, uint8 [U, 3, size, size]; broken ones are counted."""
        if raw is None:
            return super().finish(raw, device)
        for number, frame in raw["broken"]:
            self.log.note_image(self._tracks[number], int(frame))
        groups = [resize(one.to(device).permute(0, 3, 1, 2), self.rules.clip.size) for one in raw["groups"]]
        images = groups[0] if len(groups) == 1 else torch.cat(groups)
        if raw["order"] is not None:
            images = images[raw["order"].to(device)]
        return (images, raw["own"].to(device)) if self.rules.stand_in == "zero" else (images,)


class _Group:
    """Images of one size that are read one track after the other, each put where it is sent from at once."""

    def __init__(self, shape: tuple[int, ...], most: int) -> None:
        self.rows: list[Rows] = []
        """Their places in the batch."""
        self._memory = allocate((most, *shape))
        self._count = 0

    def add(self, rows: Rows, images: NDArray[np.uint8]) -> None:
        self._memory[self._count : self._count + len(rows)] = images
        self._count += len(rows)
        self.rows.append(rows)

    @property
    def images(self) -> NDArray[np.uint8]:
        return self._memory[: self._count]


def _group(groups: dict[tuple[int, ...], _Group], images: NDArray[np.uint8], most: int) -> _Group:
    if images.shape[1:] not in groups:
        groups[images.shape[1:]] = _Group(images.shape[1:], most)
    return groups[images.shape[1:]]


def normalise(images: Tensor, clip: Clip) -> Tensor:
    """Return uint8 images [U, 3, H, W] as float32, scaled to [0, 1] and standardised by the clip's mean and std."""
    mean = torch.tensor(clip.mean, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(clip.std, device=images.device).view(1, 3, 1, 1)
    scaled = (images.to(torch.float32) / 255 - mean) / std
    return scaled.contiguous(memory_format=torch.channels_last)


def digest_of(embed: nn.Module, clip: Clip) -> str:
    """Return the SHA-256 of a frozen network that sees images, and of how they are prepared; see ``digest``."""
    probe = torch.linspace(-2, 2, 3 * clip.size**2).view(1, 3, clip.size, clip.size)
    device = next(embed.parameters()).device
    with torch.inference_mode():
        answer = as_tuple(embed(probe.to(device).contiguous(memory_format=torch.channels_last)))
    return digest(embed, [clip.size, clip.mean, clip.std, resize_answer(clip.size, device)], answer)


def digest(embed: nn.Module, prepared: Sequence[object], answer: Sequence[Tensor]) -> str:
    """Return the SHA-256 of a frozen network: its structure, its parameters, its answer, how inputs are ``prepared``.

    The answer to a fixed input is what tells two networks apart that hold the same parameters and use them differently,
    such as one that gives three of its maps and one that gives the last.
    """
    sha = hashlib.sha256(json.dumps([torch.__version__, repr(embed), *prepared]).encode())
    for name, tensor in embed.state_dict().items():
        sha.update(name.encode())
        sha.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    for level in answer:
        sha.update(json.dumps(level.shape).encode())
        sha.update(level.to(torch.float16).cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


@dataclass(frozen=True)
class Caching:
    """Whether the features of a frozen part are kept."""

    kept: bool
    size: int = 0
    """Bytes that they take, or would take."""
    reason: str = ""
    """Why they are not kept, where there is a frozen part."""


def decide_caching(embed: nn.Module, clip: Clip, device: torch.device, images: int, form: str) -> Caching:
    """Return whether the frozen part gives no more numbers than an image has, and those of all images have room."""
    if not is_frozen(embed):
        return Caching(False)
    with torch.inference_mode():
        levels = as_tuple(embed(torch.zeros(1, 3, clip.size, clip.size, device=device)))
    size, free = sum(one.nbytes for one in shrink(levels, form)) * images, free_bytes()
    would = f"features of {images:,} images would take {size / 1e9:.3g} GB as {form}"
    if sum(level.numel() for level in levels) > 3 * clip.size**2:
        return Caching(False, size, f"{would}, more than the images")
    if size > limit():
        return Caching(False, size, f"{would}, and their cache may hold {limit() / 1e9:.3g} ($ABAWBENCH_CACHE_LIMIT)")
    if size > free:
        return Caching(False, size, f"{would}, and the disk of the cache has {free / 1e9:.3g} free")
    return Caching(True, size)


def decide_caching_of(
    network: nn.Module, model: Model, device: torch.device, tracks: Sequence[Track]
) -> Caching | None:
    """Return whether a network's features of the images of tracks are kept; None where it sees no images."""
    embed = network.get_submodule("embed")
    frames = dict(embed).get("frames") if isinstance(embed, nn.ModuleDict) else embed
    if frames is None:
        return None
    images = int(sum(track.frame_mask().sum() for track in tracks))
    return decide_caching(frames, model.clip, device, images, model.settings.features)


def count_cached(embed: nn.Module, clip: Clip, tracks: Sequence[Track], form: str) -> int:
    """Return of how many images of the tracks the cache has a file with the features."""
    key = digest_of(embed, clip)
    there = [track for track in tracks if entry_file(key, track, track.identify_frames(), form).exists()]
    return int(sum(track.frame_mask().sum() for track in there))


def measure_embedding(embed: nn.Module, tracks: Sequence[Track], clip: Clip, where: Where, seconds: float) -> float:
    """Return how many images a second are read by one process and embedded; the first batch does not count."""
    done, began, spent = 0, 0.0, 0.0
    for _, images, _ in stream_images(dict(enumerate(tracks)), clip.size, where.device, 0):
        for batch in torch.split(images, BATCH):
            _see(embed, batch, clip)
            done, began = (done + len(batch), began) if began else (0, perf_counter())
            spent = perf_counter() - began
            if spent > seconds:
                return done / spent
    return done / spent if spent else 0.0


def embed_images(embed: nn.Module, tracks: Sequence[Track], rules: ImageRules, where: Where) -> ImageSteps:
    """Return the images of the tracks as steps: features from the cache where it has them, computed where not.

    Without a frozen part, when the features outgrow the cache or when ``rules.live`` asks for it, images are given.
    """
    embed.eval()
    log, clip = ReadLog(), rules.clip
    masks = [track.frame_mask() for track in tracks]
    log.images = int(sum(mask.sum() for mask in masks))
    found: ImageSteps
    caching = decide_caching(embed, clip, where.device, log.images, rules.form)
    if rules.live or not caching.kept:
        if caching.reason and not rules.live and log.images >= MANY:
            rate = measure_embedding(embed, tracks, clip, where, 0.2)
            time = f"about {log.images / rate / 60:.0f} min at {rate:.0f} images/s by one process" if rate else ""
            where.progress.note(f"{caching.reason}; the images are read anew each epoch: {time}")
        found = LiveImages(tracks, rules, log)
    else:
        where = replace(where, once=where.once and caching.size <= HELD)
        found = _cached(embed, tracks, rules, where, masks, log)
    if not rules.always:
        found.fill_blank()
    return found


def _cached(
    embed: nn.Module,
    tracks: Sequence[Track],
    rules: ImageRules,
    where: Where,
    masks: list[NDArray[np.bool_]],
    log: ReadLog,
) -> CachedImages:
    files: list[Path] = []
    stored: list[Entry | None] = [None] * len(tracks)
    if not where.once:
        key = digest_of(embed, rules.clip)
        files = [entry_file(key, track, track.identify_frames(), rules.form) for track in tracks]
        stored = [load(file) for file in files]
    missing = [number for number, entry in enumerate(stored) if entry is None]
    log.cached = log.images - int(sum(masks[number].sum() for number in missing))
    if missing:
        total = log.images - log.cached
        log.workers = count_workers(where.workers, total)
        where = replace(where, workers=log.workers)
        for number, entry in _embed(embed, rules, {n: tracks[n] for n in missing}, where, total):
            if files:
                store(files[number], entry)
            stored[number] = load(files[number]) if files else entry
        if files:
            trim(folder(), keep=set(files))
    images, levels = [], []
    for one, track, mask in zip(stored, tracks, masks, strict=True):
        assert one is not None
        exists = mask.copy()
        rows = np.flatnonzero(mask)
        if rows.size:
            exists[rows[~one.readable]] = False
            for row in rows[~one.readable]:
                log.note_image(track, int(row))
        images.append(track_images(exists, rules.stand_in is not None))
        kept = np.flatnonzero(one.readable) if exists.any() else np.zeros(1, dtype=np.intp)
        levels.append(one.levels if len(kept) == len(one.readable) else tuple(x[kept] for x in one.levels))
    return CachedImages(images, log, rules, levels, _stand_in(embed, rules, where.device))


def _stand_in(embed: nn.Module, rules: ImageRules, device: torch.device) -> tuple[Tensor, ...] | None:
    """Return the features of a black image, or zeros in their shape; None where nearest images are shown."""
    if rules.stand_in is None:
        return None
    size = rules.clip.size
    black = _see(embed, torch.zeros((BATCH, 3, size, size), dtype=torch.uint8, device=device), rules.clip, rules.form)
    return tuple(torch.zeros_like(level[0]) if rules.stand_in == "zero" else level[0].clone() for level in black)


def _see(embed: nn.Module, images: Tensor, clip: Clip, form: str = "float16") -> list[Tensor]:
    """Return the features of images uint8 [U, 3, size, size] as they are kept."""
    with torch.inference_mode():
        return shrink(as_tuple(embed(normalise(images, clip))), form)


def _embed(
    embed: nn.Module, rules: ImageRules, tracks: Mapping[int, Track], where: Where, total: int
) -> Iterator[tuple[int, Entry]]:
    """Yield the entry of each track as soon as its last image went through the network."""
    clip = rules.clip
    parts: dict[int, list[tuple[Tensor, ...]]] = {number: [] for number in tracks}
    readable: dict[int, list[NDArray[np.bool_]]] = {number: [] for number in tracks}
    waiting = {number: max(int(track.frame_mask().sum()), 1) for number, track in tracks.items()}
    owners: list[int] = []
    queue: list[Tensor] = []

    def flush() -> Iterator[tuple[int, Entry]]:
        batch = torch.zeros((BATCH, 3, clip.size, clip.size), dtype=torch.uint8, device=where.device)
        count = min(BATCH, len(queue))
        batch[:count] = torch.stack(queue[:count])
        mine = owners[:count]
        del queue[:count], owners[:count]
        levels = _see(embed, batch, clip, rules.form)
        for at, number in enumerate(mine):
            parts[number].append(tuple(level[at] for level in levels))
            waiting[number] -= 1
            if waiting[number] == 0:
                stacked = tuple(torch.stack(level) for level in zip(*parts.pop(number), strict=True))
                yield number, Entry(stacked, np.concatenate(readable.pop(number)))

    for number, track in tracks.items():
        if not track.frame_mask().any():
            queue.append(torch.zeros((3, clip.size, clip.size), dtype=torch.uint8, device=where.device))
            owners.append(number)
            readable[number].append(np.zeros(1, dtype=bool))
    with where.progress.bar("embed", total, "frame") as advance:
        for number, images, good in stream_images(tracks, clip.size, where.device, where.workers or 0):
            readable[number].append(good)
            queue += images
            owners += [number] * len(images)
            while len(queue) >= BATCH:
                yield from flush()
            advance(len(images))
        while queue:
            yield from flush()
