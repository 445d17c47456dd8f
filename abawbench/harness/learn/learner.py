"""A learner: a network or a predictor that is fitted to labelled tracks and predicts tracks without labels."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from abawbench.contracts import (
    Entrant,
    LabelledTrack,
    Metric,
    Model,
    PluginError,
    Predictor,
    Task,
    Track,
)
from abawbench.harness.data.clips import ClipIndex
from abawbench.harness.data.frames import Where
from abawbench.harness.data.inputs import Inputs, embed_inputs, no_inputs
from abawbench.harness.data.loader import closing_workers
from abawbench.harness.learn.checkpoints import Checkpoints, Keeping
from abawbench.harness.learn.forward import BatchNetwork
from abawbench.harness.learn.optimisation import Optimisation
from abawbench.harness.learn.postprocessing import finish_scores
from abawbench.harness.learn.prediction import Forward, Scores, TrackScores
from abawbench.harness.learn.recipe import hold_out
from abawbench.harness.learn.training import Epochs, Training
from abawbench.harness.request.protocol import Protocol
from abawbench.harness.score.prediction_files import find_outside
from abawbench.harness.score.scoring import official_value
from abawbench.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a learner learns, by which protocol it is judged, and where it computes."""

    task: Task
    metric: Metric
    protocol: Protocol
    accelerator: Accelerator
    workers: int | None = None
    """Processes that read images; None for as many as suit the machine and the images."""
    keeping: Keeping | None = None
    """Where the checkpoints of the training lie; None for none."""
    end_epoch: Callable[[Mapping[str, float]], None] | None = None
    """Is told of each epoch that is over."""

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        device: torch.device = self.accelerator.device
        return device


class Learner(ABC):
    """Fits and predicts. Tracks that it predicts carry no labels, and those of the scored split never reach it."""

    model: Entrant
    network: nn.Module | None = None
    earlier_seconds = 0.0
    """What training took before the checkpoint from which it went on."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    @abstractmethod
    def embed(self, tracks: Sequence[Track], progress: Progress) -> Inputs:
        """Return the inputs of tracks, frozen parts computed or read from the cache."""

    @abstractmethod
    def fit(self, inputs: Inputs, tracks: Sequence[LabelledTrack], seed: int, progress: Progress) -> Epochs:
        """Learn from tracks that have labels."""

    @abstractmethod
    def predict(self, inputs: Inputs, tracks: Sequence[Track], progress: Progress | None = None) -> list[Scores]:
        """Return the scores of each track."""

    def value(self, tracks: Sequence[LabelledTrack], scores: Sequence[Scores]) -> float:
        """Return the official value of scores."""
        names = [one.track.id for one in tracks]
        return official_value(self.setting.metric, self.setting.task, names, scores, [one.known for one in tracks])


class TrackLearner(Learner):
    """A predictor, which sees whole tracks."""

    def __init__(self, model: Predictor, setting: Setting) -> None:
        super().__init__(setting)
        self.model: Predictor = model

    def embed(self, tracks: Sequence[Track], progress: Progress) -> Inputs:
        """Return inputs that hold nothing: a predictor reads for itself."""
        return no_inputs(tracks)

    def fit(self, inputs: Inputs, tracks: Sequence[LabelledTrack], seed: int, progress: Progress) -> Epochs:
        """Let the predictor learn from copies of the tracks, and of the labels some that it cannot write to."""
        given = [LabelledTrack(copy(one.track), one.known.read_only()) for one in tracks]
        self.model.fit(deepcopy(self.setting.task), given, seed)
        return []

    def predict(self, inputs: Inputs, tracks: Sequence[Track], progress: Progress | None = None) -> list[Scores]:
        """Return the scores of each track. Raises PluginError when they have another shape than the contract's."""
        task, found = self.setting.task, []
        for track in (progress or Progress()).track(tracks, f"predict {task.name}", len(tracks), "track"):
            # a copy: whatever is noted on a track, nobody who predicts or scores it later is to find
            scores = self._numbers(self.model.predict(deepcopy(task), copy(track)))
            wanted = (1 if task.level == "track" else track.n_frames, len(task.outputs))
            if scores.shape != wanted:
                raise PluginError(f"model '{self.model.name}' gave scores of shape {scores.shape}, not {wanted}")
            row, told = find_outside(task, scores, decided=False)
            if told:
                raise PluginError(f"model '{self.model.name}', track '{track.id}', frame {row}: {told}")
            found.append(finish_scores(scores, np.arange(len(scores)), self.setting.protocol))
        return found

    def _numbers(self, given: object) -> NDArray[np.float64]:
        """Return scores in an array of their own. Raises PluginError for what numpy would make numbers of silently."""
        found, wrong, outputs = np.asarray(given), "", list(self.setting.task.outputs)
        columns = [str(name) for name in getattr(given, "columns", outputs)]
        if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
            wrong = "of which some are masked; give a number for each"
        elif found.dtype.kind not in "fiub":
            wrong = f"of the type {found.dtype}; give an array of real numbers"
        elif columns != outputs and sorted(columns) == sorted(outputs):
            wrong = f"in the columns {', '.join(columns)}; the order of the outputs is {', '.join(outputs)}"
        if wrong:
            raise PluginError(f"model '{self.model.name}' gave scores {wrong}")
        return found.astype(np.float64)


class NetworkLearner(Learner):
    """A network, of which the frozen part is computed once."""

    network: nn.Module

    def __init__(self, model: Model, network: nn.Module, setting: Setting) -> None:
        super().__init__(setting)
        self.model: Model = model
        self.network = network.to(setting.device)

    def embed(self, tracks: Sequence[Track], progress: Progress, *, once: bool = False) -> Inputs:
        """Return the inputs of tracks, frozen parts computed or read from the cache; see ``Where`` for ``once``."""
        where = Where(self.setting.device, progress, self.setting.workers, once)
        return embed_inputs(self.network, self.model, tracks, self.setting.protocol, where)

    def predict(
        self,
        inputs: Inputs,
        tracks: Sequence[Track],
        progress: Progress | None = None,
        forward: Forward | None = None,
        batch: int | None = None,
    ) -> list[Scores]:
        """Return the scores of each track; ``forward`` stands for the network on ``batch`` clips where it is given."""
        task, size = self.setting.task, batch or self.model.settings.batch
        clips = inputs.clips(tracks, self.model)
        batches = [clips[i : i + size] for i in range(0, len(clips), size)]
        scores = TrackScores(tracks, inputs, task)
        answers = self._answers(inputs, batches) if forward is None else ((one, forward(one)) for one in batches)
        with torch.inference_mode():
            for chosen, logits in (progress or Progress()).track(
                answers, f"predict {task.name}", len(batches), "batch"
            ):
                scores.add(chosen, logits)
        return scores.finish(self.setting.protocol)

    def _answers(
        self, inputs: Inputs, batches: Sequence[Sequence[ClipIndex]]
    ) -> Iterator[tuple[Sequence[ClipIndex], Tensor]]:
        module = BatchNetwork(self.network, self.model.clip).eval()
        for chosen, units, index in inputs.batches(batches, self.setting.device):
            yield chosen, module(units, index)

    def like(self, network: nn.Module, task: Task) -> "NetworkLearner":
        """Return a learner with another network for another task, and all else as here."""
        return NetworkLearner(self.model, network, replace(self.setting, task=task))

    def forward_on(self, inputs: Inputs) -> Forward:
        """Return the network in evaluation mode as a function of clips of these inputs."""
        module = BatchNetwork(self.network, self.model.clip).eval()
        return lambda clips: module(*inputs.batch(clips, self.setting.device))

    def fit(self, inputs: Inputs, tracks: Sequence[LabelledTrack], seed: int, progress: Progress) -> Epochs:
        """Train the network on the tracks, in place, and return a row per epoch.

        With ``recipe.holdout`` some subjects choose the epoch. A network without a trained part stays as it is. A
        training of which there is a checkpoint goes on from it. Raises UsageError when no clip is annotated, and when
        training diverges.
        """
        if not any(parameter.requires_grad for parameter in self.network.parameters()):
            return []
        fitted, held_out = hold_out(tracks, self.model.settings.holdout, seed)
        checkpoints = Checkpoints(self.setting.keeping, self.setting.accelerator, progress)
        optimisation = Optimisation(self, inputs, fitted, seed)
        training = Training(optimisation, checkpoints, progress, self.setting.end_epoch)

        def judge() -> tuple[float, float] | None:
            if not held_out:
                return None
            value = self.value(held_out, self.predict(inputs, [one.track for one in held_out]))
            return value, self.setting.metric.merit(value)

        with closing_workers(optimisation.loader):
            epochs = training.run(judge, self.setting.task.name)
        self.earlier_seconds = training.course.seconds
        return epochs
