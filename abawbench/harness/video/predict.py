"""A stored run on videos: people found and followed, predicted, with the cost of each stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abawbench.contracts import DataError, UsageError
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.learn.postprocessing import rescale_to_threshold
from abawbench.harness.stored.load import StoredRun
from abawbench.harness.video.decode import Frame, decode, decode_sound, frame_rate
from abawbench.harness.video.faces import Detector, Face, find_detector
from abawbench.harness.video.follow import follow
from abawbench.harness.video.tracks import MARGIN, ShownTrack, align, crop, shrink, stem_of
from abawbench.progress import Progress
from abawbench.system.repeatable import make_repeatable

WHOLE = "none"
CROPS = ("face", "aligned", WHOLE)


@dataclass(frozen=True, kw_only=True)
class PredictRequest:
    """How videos become tracks."""

    crop: str = "face"
    """``face``: a track for each person; ``aligned``: as well, turned upright and scaled by eyes, nose and mouth;
    ``none``: one of whole frames, as databases of videos give them."""
    margin: float = MARGIN
    detector: str | None = None
    """A file of YuNet, or ``mtcnn``; None for what is there."""
    device: str = "auto"


@dataclass
class Stages:
    """Seconds spent in each stage."""

    decode: float = 0.0
    detect: float = 0.0
    crop: float = 0.0
    network: float = 0.0

    @property
    def total(self) -> float:
        """All stages together."""
        return self.decode + self.detect + self.crop + self.network


@dataclass(frozen=True)
class Shown:
    """One person of a video, predicted."""

    name: str
    first: int
    """The first frame of the video in which the person is seen, from 0."""
    times: NDArray[np.float64]
    """In seconds since the first frame of the video."""
    boxes: tuple[Face | None, ...]
    """The face in each frame; None where it was not found, or nobody looked."""
    scores: NDArray[np.float32]
    """[frames, K], or [1, K] of a task that predicts whole tracks."""
    decisions: NDArray[Any]
    filled: int
    """Frames without a face of the person, that show another's."""


@dataclass(frozen=True)
class Watched:
    """A video, predicted."""

    video: str
    path: Path
    frames: int
    seconds: float
    """How long it lasts."""
    without_face: int
    """Frames in which nobody was found."""
    people: tuple[Shown, ...]
    stages: Stages = field(default_factory=Stages)

    @property
    def real_time(self) -> float:
        """How many times longer than the video all stages took."""
        return self.stages.total / self.seconds if self.seconds else float("nan")


def predict_videos(
    run: StoredRun, videos: Sequence[Path], wanted: PredictRequest, progress: Progress
) -> tuple[str, list[Watched]]:
    """Return the name of the detector and what a run says of each video.

    Raises UsageError for a run without a network and without a detector, DataError for a video that cannot be read.
    """
    learner = run.learner(wanted.device)
    name, look = find_look(wanted)
    found = []
    for video in progress.track(videos, "predict videos", len(videos), "video"):
        found.append(_watch(run, learner, video, look))
    return name, found


@dataclass(frozen=True)
class Look:
    """How the faces of a frame are found and cut out; without a detector there are whole frames alone."""

    detect: Detector | None
    cut: Callable[[Frame, Face], Frame]


def find_look(wanted: PredictRequest) -> tuple[str, Look]:
    """Return the name of the detector and how it looks. Raises UsageError for an unknown crop and with no detector."""
    if wanted.crop not in CROPS:
        raise UsageError(f"unknown crop '{wanted.crop}'; use {', '.join(CROPS)}")
    name, detect = ("none", None) if wanted.crop == WHOLE else find_detector(wanted.detector)
    cut = align if wanted.crop == "aligned" else crop
    return name, Look(detect, partial(cut, margin=wanted.margin))


def _watch(run: StoredRun, learner: NetworkLearner, video: Path, look: Look) -> Watched:
    stages = Stages()
    times, faces, crops = _look(video, look, stages)
    rate = frame_rate(times)
    sound = decode_sound(video) if "audio" in learner.model.inputs else None
    middles = times + 0.5 / rate
    if look.detect is None:
        images = [one[0] for one in crops]
        nobody: tuple[Face | None, ...] = (None,) * len(images)
        tracks = [(0, ShownTrack(stem_of(video), images, middles, rate, sound), nobody)]
    else:
        tracks = []
        for number, person in enumerate(follow(faces), 1):
            first, last = min(person.faces), person.last
            boxes = tuple(person.faces.get(at) for at in range(first, last + 1))
            own = [
                None if box is None else crops[first + k][faces[first + k].index(box)] for k, box in enumerate(boxes)
            ]
            name = f"{stem_of(video)}/{number}"
            tracks.append((first, ShownTrack(name, own, middles[first : last + 1], rate, sound), boxes))
    people = []
    if tracks:
        began = perf_counter()
        given = [track for _, track, _ in tracks]
        with make_repeatable(run.record.seed):
            inputs = learner.embed(given, Progress(), once=True)
            scores = learner.predict(inputs, given)
        stages.network = perf_counter() - began
        for (first, track, boxes), one in zip(tracks, scores, strict=True):
            final = rescale_to_threshold(run.task, one, run.thresholds)
            if not np.isfinite(final).all():
                raise DataError(f"{video}: the model predicts NaN or infinity for {track.id}")
            seen = times[first : first + track.n_frames]
            filled = inputs.images_of(track).filled
            people.append(Shown(track.id, first, seen, boxes, final, np.asarray(run.task.decide(final)), filled))
    lasts = float(times[-1] + 1 / rate) if len(times) else 0.0
    empty = 0 if look.detect is None else sum(not one for one in faces)
    return Watched(video.name, video, len(times), lasts, empty, tuple(people), stages)


def _look(video: Path, look: Look, stages: Stages) -> tuple[NDArray[np.float64], list[list[Face]], list[list[Any]]]:
    """Return the time of each frame, the faces in it and their crops; whole frames without a detector."""
    times: list[float] = []
    faces: list[list[Face]] = []
    crops: list[list[Any]] = []
    began = perf_counter()
    for time, frame in decode(video):
        stages.decode += (decoded := perf_counter()) - began
        found = [] if look.detect is None else look.detect(frame)
        stages.detect += (detected := perf_counter()) - decoded
        times.append(time)
        faces.append(found)
        crops.append([shrink(frame)] if look.detect is None else [look.cut(frame, face) for face in found])
        began = perf_counter()
        stages.crop += began - detected
    return np.array(times), faces, crops
