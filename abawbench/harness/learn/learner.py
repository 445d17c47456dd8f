"""A learner: a network or a predictor that is fitted to labelled tracks and predicts tracks without labels."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch import Tensor, nn

from abawbench.contracts import (
    Entrant,
    ImageBatch,
    LabelledTrack,
    Metric,
    Model,
    PluginError,
    Predictor,
    Task,
    Track,
    UsageError,
)
from abawbench.harness.data.clips import ClipIndex, ClipLabels
from abawbench.harness.data.inputs import Inputs, embed_inputs, no_inputs
from abawbench.harness.data.whole import ONE_TENSOR
from abawbench.harness.learn.forward import BatchNetwork
from abawbench.harness.learn.postprocessing import finish_scores
from abawbench.harness.learn.prediction import Forward, Scores, TrackScores
from abawbench.harness.learn.training import (
    Best,
    Loss,
    build_optimiser,
    build_schedule,
    flat_loss,
    hold_out,
    loss_of,
)
from abawbench.harness.request.protocol import Protocol
from abawbench.harness.score.scoring import official_value
from abawbench.progress import Progress

Epochs = list[dict[str, float]]
"""Per epoch: ``epoch``, ``loss``, and ``held_out`` where subjects were held out."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a learner learns, by which protocol it is judged, and where it computes."""

    task: Task
    metric: Metric
    protocol: Protocol
    accelerator: Accelerator

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        device: torch.device = self.accelerator.device
        return device


class Learner(ABC):
    """Fits and predicts. Tracks that it predicts carry no labels, and those of the scored split never reach it."""

    model: Entrant
    network: nn.Module | None = None

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
        self.model.fit(self.setting.task, given, seed)
        return []

    def predict(self, inputs: Inputs, tracks: Sequence[Track], progress: Progress | None = None) -> list[Scores]:
        """Return the scores of each track. Raises PluginError when they have another shape than the contract's."""
        task, found = self.setting.task, []
        for track in (progress or Progress()).track(tracks, f"predict {task.name}", len(tracks), "track"):
            # a copy: whatever is noted on a track, nobody who predicts or scores it later is to find
            scores = np.array(self.model.predict(task, copy(track)), dtype=np.float64)
            wanted = (1 if task.level == "track" else track.n_frames, len(task.outputs))
            if scores.shape != wanted:
                raise PluginError(f"model '{self.model.name}' gave scores of shape {scores.shape}, not {wanted}")
            found.append(finish_scores(scores, np.arange(len(scores)), self.setting.protocol))
        return found


class NetworkLearner(Learner):
    """A network, of which the frozen part is computed once."""

    network: nn.Module

    def __init__(self, model: Model, network: nn.Module, setting: Setting) -> None:
        super().__init__(setting)
        self.model: Model = model
        self.network = network.to(setting.device)

    def embed(self, tracks: Sequence[Track], progress: Progress) -> Inputs:
        """Return the inputs of tracks, frozen parts computed or read from the cache."""
        where = (self.setting.device, progress)
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
        forward = forward or self.forward_on(inputs)
        clips = inputs.clips(tracks, self.model)
        batches = [clips[i : i + size] for i in range(0, len(clips), size)]
        scores = TrackScores(tracks, inputs, task)
        for chosen in (progress or Progress()).track(batches, f"predict {task.name}", len(batches), "batch"):
            with torch.inference_mode():
                scores.add(chosen, forward(chosen))
        return scores.finish(self.setting.protocol)

    def like(self, network: nn.Module, task: Task) -> "NetworkLearner":
        """Return a learner with another network for another task, and all else as here."""
        return NetworkLearner(self.model, network, replace(self.setting, task=task))

    def forward_on(self, inputs: Inputs) -> Forward:
        """Return the network in evaluation mode as a function of clips of these inputs."""
        module = BatchNetwork(self.network, self.model.clip).eval()
        return lambda clips: module(*send_to_device(inputs.batch(clips), self.setting.device))

    def fit(self, inputs: Inputs, tracks: Sequence[LabelledTrack], seed: int, progress: Progress) -> Epochs:
        """Train the network on the tracks, in place, and return a row per epoch.

        With ``recipe.holdout`` some subjects choose the epoch. A network without a trained part stays as it is. Raises
        UsageError when no clip is annotated, and when training diverges.
        """
        if not any(parameter.requires_grad for parameter in self.network.parameters()):
            return []
        recipe, task = self.model.settings, self.setting.task
        fitted, held_out = hold_out(tracks, recipe.holdout, seed)
        training = _Training(self, inputs, fitted, seed)
        epochs: Epochs = []
        best, waited = Best(), 0
        with progress.bar(f"fit {task.name}", recipe.epochs * training.steps, "step") as advance:
            for epoch in range(1, recipe.epochs + 1):
                self.network.train()
                row = {"epoch": epoch, "loss": training.run_epoch(advance)}
                epochs.append(row)
                if not math.isfinite(row["loss"]):
                    raise UsageError(
                        f"training of task '{task.name}' diverged in epoch {epoch}; try --set lr=... lower"
                    )
                if held_out:
                    scores = self.predict(inputs, [one.track for one in held_out])
                    row["held_out"] = self.value(held_out, scores)
                    merit = self.setting.metric.merit(row["held_out"])
                    waited = 0 if best.take(merit, self.network) else waited + 1
                    if waited >= recipe.patience:
                        break
        best.restore(self.network)
        return epochs


class _Batches:
    """Turns lists of clips into batches; a ``collate_fn`` for torch's DataLoader."""

    def __init__(self, inputs: Inputs, labels: ClipLabels) -> None:
        self._inputs, self._labels = inputs, labels

    def __call__(self, clips: Sequence[ClipIndex]) -> dict[str, Any]:
        units, index = self._inputs.batch(clips)
        targets, masks = zip(*(self._labels.of(clip) for clip in clips), strict=True)
        return {
            "units": units,
            "index": index,
            "target": torch.from_numpy(np.stack(targets)),
            "mask": torch.from_numpy(np.stack(masks)),
        }


class _Training:
    """The training of one network on some tracks: its batches, its loss and its steps."""

    def __init__(self, learner: NetworkLearner, inputs: Inputs, tracks: Sequence[LabelledTrack], seed: int) -> None:
        self._task, self._recipe = learner.setting.task, learner.model.settings
        self._accelerator = learner.setting.accelerator
        recipe = self._recipe
        labels = ClipLabels({inputs.number_of(one.track): one.known for one in tracks}, self._task)
        clips = labels.annotated(inputs.clips([one.track for one in tracks], learner.model))
        if not clips:
            raise UsageError(f"no training clip of task '{self._task.name}' is annotated")
        loader: Any = torch.utils.data.DataLoader(
            clips,  # type: ignore[arg-type]  # a list is a map-style dataset
            batch_size=recipe.batch,
            shuffle=True,
            collate_fn=_Batches(inputs, labels),
            generator=torch.Generator().manual_seed(seed),
        )
        module: nn.Module = BatchNetwork(learner.network, learner.model.clip)
        optimiser: Any = build_optimiser(learner.network, recipe)
        self._module, self._optimiser, self._loader = self._accelerator.prepare(module, optimiser, loader)
        self.steps = len(self._loader)
        self._schedule = build_schedule(self._optimiser, recipe, steps=recipe.epochs * self.steps)
        self._criterion: Loss = loss_of(self._task, recipe, [one.known for one in tracks])
        self._extra = learner.model.extra_loss(seed)
        if self._extra is not None and learner.model.inputs != ONE_TENSOR:
            raise PluginError(
                f"model '{learner.model.name}' adds a loss on images and sees more than frames; extra_loss() must then "
                "return None"
            )
        self._penalty = getattr(learner.network.get_submodule("head"), "penalty", None)

    def run_epoch(self, advance: Any) -> float:
        """Return the mean loss over the clips of an epoch."""
        losses, sizes = [], []
        for batch in self._loader:
            losses.append(self._step(batch))
            sizes.append(len(batch["mask"]))
            advance(1)
        return float(np.average(losses, weights=sizes))

    def _step(self, batch: Mapping[str, Any]) -> float:
        loss = self._loss(self._module(batch["units"], batch["index"]), batch["target"], batch["mask"])
        if self._penalty is not None and (own := self._penalty()) is not None:
            loss = loss + own
        if self._extra is not None:
            images, index = batch["units"]["frames"][0], batch["index"]["frames"]
            loss = loss + self._extra(ImageBatch(images, index, batch["target"], batch["mask"]), self._loss_on)
        self._optimiser.zero_grad()
        self._accelerator.backward(loss)
        if self._recipe.clip_norm:
            self._accelerator.clip_grad_norm_(self._module.parameters(), self._recipe.clip_norm)
        self._optimiser.step()
        self._schedule()
        return float(loss.item())

    def _loss(self, logits: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        return flat_loss(self._criterion, logits, target, mask, self._task)

    def _loss_on(self, batch: ImageBatch) -> Tensor:
        logits = self._module({"frames": (batch.images,)}, {"frames": batch.index})
        return self._loss(logits, batch.target, batch.mask)
