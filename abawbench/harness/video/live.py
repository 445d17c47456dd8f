"""A stored run on frames as they come, from a camera, a pipe or a file: what it says of each person by now."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from abawbench.contracts import DataError, UsageError
from abawbench.harness.data.frames import ImageRules, Where, embed_images
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.data.whole import ONE_TENSOR
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.learn.postprocessing import rescale_to_threshold
from abawbench.harness.stored.load import StoredRun
from abawbench.harness.video.decode import Frame, decode
from abawbench.harness.video.faces import Face
from abawbench.harness.video.follow import PATIENCE, SHORTEST, WINDOW, Follower
from abawbench.harness.video.predict import Look, PredictRequest, Stages, find_look
from abawbench.harness.video.tracks import ShownTrack, shrink
from abawbench.progress import Progress


@dataclass
class Statement:
    """What is said of one person by now."""

    person: int
    """From 1, in the order in which they appear."""
    box: Face | None
    """Where the face is; None while it is hidden, and for whole frames."""
    scores: NDArray[np.float32] | None = None
    """[K] of the newest frame, or of the clip; None until a person was seen long enough."""
    new: bool = False
    """Whether this frame changed the scores."""
    strongest: tuple[tuple[str, float], ...] = ()
    """The two outputs with the highest scores, or all of a task of values, with their scores."""


@dataclass
class Seen:
    """A live stream, when it is over."""

    detector: str
    frames: int = 0
    dropped: int = 0
    """Frames of a camera that came while others were being worked on."""
    seconds: float = 0.0
    """From the first frame to the end."""
    people: int = 0
    predictions: int = 0
    stages: Stages = field(default_factory=Stages)


Show = Callable[[Frame, float, Sequence[Statement]], bool]
"""Shows a frame, its time in seconds and what is said; False ends the stream."""


def watch_live(run: StoredRun, source: Path, wanted: PredictRequest, show: Show, seconds: float | None = None) -> Seen:
    """Predict the people of a stream as its frames come, until it ends, ``show`` returns False, time is up or Ctrl-C.

    Each person is predicted from the last frames, as many as the network's clips have, every stride of them. Of a
    camera the newest frame is taken and those that came meanwhile are dropped; of anything else every frame. Raises
    UsageError for a model that takes more than images and without a detector, DataError for what cannot be read.
    """
    learner = run.learner(wanted.device)
    if learner.model.inputs != ONE_TENSOR:
        raise UsageError(
            f"{run.folder}: takes {', '.join(sorted(learner.model.inputs))}, and a live stream gives images alone; "
            "predict a file"
        )
    name, look = find_look(wanted)
    seen, people = Seen(name), _People(run, learner, look)
    camera = _Newest(decode(source)) if source.is_char_device() else None
    stream: _Newest | Generator[tuple[float, Frame], None, None] = camera or decode(source)
    began = last = perf_counter()
    with closing(stream) as frames, suppress(KeyboardInterrupt):
        for time, frame in frames:
            if not seen.frames:
                began = perf_counter()
            seen.stages.decode += perf_counter() - last
            seen.frames += 1
            said = people.take(frame, seen.stages)
            seen.predictions += sum(one.new for one in said)
            last = perf_counter()
            if not show(frame, time, said) or (seconds is not None and last - began >= seconds):
                break
            last = perf_counter()
    seen.seconds, seen.people = perf_counter() - began, people.count
    seen.dropped = camera.dropped if camera else 0
    return seen


class _People:
    """Everybody in the stream, with their last crops."""

    def __init__(self, run: StoredRun, learner: NetworkLearner, look: Look) -> None:
        self._run, self._learner, self._look = run, learner, look
        self._follower, self._windows = Follower(), dict[int, _Window]()
        self._numbers: dict[int, int] = {}
        self._frame = -1

    @property
    def count(self) -> int:
        """How many people were predicted."""
        return sum(one.scores is not None for one in self._windows.values())

    def take(self, frame: Frame, stages: Stages) -> list[Statement]:
        """Return what is said after one more frame."""
        self._frame += 1
        began = perf_counter()
        boxes = self._find(frame)
        stages.detect += (detected := perf_counter()) - began
        length, stride = self._learner.model.clip.length, self._learner.model.clip.stride
        for number, box in boxes.items():
            window = self._windows.setdefault(number, _Window(deque(maxlen=length)))
            image = shrink(frame) if self._look.detect is None else None if box is None else self._look.cut(frame, box)
            window.crops.append(image)
        stages.crop += (cropped := perf_counter()) - detected
        said = []
        for number, box in boxes.items():
            window = self._windows[number]
            window.waited += 1
            due = window.waited >= stride or (window.scores is None and len(window.crops) == length)
            if new := due and any(one is not None for one in window.crops):
                window.scores, window.waited = self._predict(window), 0
            said.append(Statement(number, box, window.scores, new, self._strongest(window.scores)))
        stages.network += perf_counter() - cropped
        return said

    def _find(self, frame: Frame) -> dict[int, Face | None]:
        """Return the people who are followed now, with their faces in this frame."""
        if self._look.detect is None:
            return {1: None}
        self._follower.step(self._look.detect(frame))
        at, found = self._frame, {}
        for place, one in enumerate(self._follower.people):
            if at - one.last <= PATIENCE and len(one.faces) >= SHORTEST:
                number = self._numbers.setdefault(place, len(self._numbers) + 1)
                found[number] = one.faces.get(at)
                for old in sorted(one.faces)[:-WINDOW]:  # a stream may last for hours
                    del one.faces[old]
        return found

    def _strongest(self, scores: NDArray[np.float32] | None) -> tuple[tuple[str, float], ...]:
        if scores is None:
            return ()
        task = self._run.task
        order = range(len(scores)) if task.kind == "regression" else np.argsort(-scores)[:2].tolist()
        return tuple((task.outputs[k], float(scores[k])) for k in order)

    def _predict(self, window: "_Window") -> NDArray[np.float32]:
        """Return the scores of the newest frame of a window; its images are in no cache."""
        learner, clip = self._learner, self._learner.model.clip
        crops = list(window.crops)
        track = ShownTrack("live", crops, np.arange(len(crops)) / clip.length, float(clip.length))
        where = Where(learner.setting.device, Progress(), 0)
        rules = ImageRules(clip, learner.setting.protocol.stand_in, live=True)
        with torch.inference_mode():
            images = embed_images(learner.network.get_submodule("embed"), [track], rules, where)
            (scores,) = learner.predict(Inputs([track], {"frames": images}, images.log, 0), [track])
        found = rescale_to_threshold(self._run.task, scores, self._run.thresholds)[-1]
        if not np.isfinite(found).all():
            raise DataError(f"{self._run.folder}: the model predicts NaN or infinity for the stream")
        return np.asarray(found)


@dataclass
class _Window:
    crops: "deque[Frame | None]"
    waited: int = 0
    scores: NDArray[np.float32] | None = None


class _Newest:
    """The newest frame of a camera whenever one is asked for; what came meanwhile is dropped and counted."""

    def __init__(self, frames: Iterator[tuple[float, Frame]]) -> None:
        self._frames, self._changed = frames, Condition()
        self._newest: tuple[float, Frame] | None = None
        self._error: Exception | None = None
        self._over = False
        self.dropped = 0
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            for one in self._frames:
                with self._changed:
                    self.dropped += self._newest is not None
                    self._newest = one
                    self._changed.notify()
                    if self._over:
                        break
        except Exception as error:
            self._error = error
        with self._changed:
            self._over = True
            self._changed.notify()

    def __iter__(self) -> Iterator[tuple[float, Frame]]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._over)
                one, self._newest = self._newest, None
            if one is None:
                if self._error is not None:
                    raise self._error
                return
            yield one

    def close(self) -> None:
        """Let the camera go after its next frame."""
        with self._changed:
            self._over = True
