"""The optimisation of one network on some tracks: its batches in the order of each epoch, its loss and its steps."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Sampler

from abawbench.contracts import Clip, ImageBatch, LabelledTrack, PluginError, UsageError
from abawbench.harness.data.clips import ClipIndex, ClipLabels
from abawbench.harness.data.images import cut_windows
from abawbench.harness.data.inputs import Inputs
from abawbench.harness.data.loader import build_loader, iterate
from abawbench.harness.data.whole import ONE_TENSOR
from abawbench.harness.learn.augmentation import augment
from abawbench.harness.learn.forward import BatchNetwork
from abawbench.harness.learn.recipe import Loss, build_optimiser, build_schedule, flat_loss, loss_of

if TYPE_CHECKING:
    from abawbench.harness.learn.learner import NetworkLearner


class Optimisation:
    """The optimisation of one network on some tracks."""

    def __init__(self, learner: "NetworkLearner", inputs: Inputs, tracks: Sequence[LabelledTrack], seed: int) -> None:
        self._task, self.recipe = learner.setting.task, learner.model.settings
        self._accelerator = learner.setting.accelerator
        self._accelerator.free_memory()  # of the training of an earlier fold, which no checkpoint is to hold
        self.network, self._inputs, recipe = learner.network, inputs, self.recipe
        labels = ClipLabels({inputs.number_of(one.track): one.known for one in tracks}, self._task)
        if recipe.annotated_clips:
            clips = cut_annotated(inputs, tracks, learner.model.clip)
        else:
            clips = inputs.clips([one.track for one in tracks], learner.model, labels.annotated)
        if not clips:
            raise UsageError(f"no training clip of task '{self._task.name}' is annotated")
        order, read = Order(len(clips), seed), _Batches(inputs, labels)
        workers = inputs.workers(clips)
        largest = inputs.batch_bytes(recipe.batch, len(clips[0].frames)) if workers else 0
        loader: Any = build_loader(clips, read, workers, largest, batch_size=recipe.batch, sampler=order)
        module: nn.Module = BatchNetwork(learner.network, learner.model.clip)
        optimiser: Any = build_optimiser(learner.network, recipe)
        self._module, self._optimiser, self.loader = self._accelerator.prepare(module, optimiser, loader)
        self.steps = max(1, int(recipe.epoch_share * len(self.loader)))
        """Steps in an epoch."""
        self._schedule = build_schedule(self._optimiser, recipe, steps=recipe.epochs * self.steps)
        self._criterion: Loss = loss_of(self._task, recipe, [one.known for one in tracks])
        self._extra = learner.model.extra_loss(seed)
        if self._extra is not None and learner.model.inputs != ONE_TENSOR:
            raise PluginError(
                f"model '{learner.model.name}' adds a loss on images and sees more than frames; extra_loss() must then "
                "return None"
            )
        if recipe.augmentation and learner.model.inputs != ONE_TENSOR:
            raise UsageError(f"model '{learner.model.name}' sees more than frames; leave augmentation out")
        self._penalty = getattr(learner.network.get_submodule("head"), "penalty", None)

    def run_epoch(self, epoch: int, done: int) -> Iterator[tuple[float, int]]:
        """Yield the loss and the clips of each step of an epoch, counted from 1, after the first ``done`` of them."""
        self.loader.set_epoch(epoch - 1)
        loader = self._accelerator.skip_first_batches(self.loader, done) if done else self.loader
        for read in islice(iterate(loader), self.steps - done):
            batch = {**read, "units": self._inputs.finish(read["raw"], self._accelerator.device)}
            yield self._step(batch), len(batch["mask"])

    def state_dict(self) -> dict[str, Any]:
        """Return what ``accelerator`` does not know of the state."""
        stateful = hasattr(self._extra, "state_dict")
        return {
            "schedule": self._schedule.state_dict() if self._schedule else None,
            "extra": self._extra.state_dict() if stateful else None,  # type: ignore[union-attr]
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state_dict`` gave."""
        if self._schedule:
            self._schedule.load_state_dict(state["schedule"])
        if state["extra"] is not None:
            self._extra.load_state_dict(state["extra"])  # type: ignore[union-attr]

    def _step(self, batch: Mapping[str, Any]) -> float:
        if self.recipe.augmentation:
            images, *masks = batch["units"]["frames"]
            batch = {**batch, "units": {"frames": (augment(images, self.recipe.augmentation), *masks)}}
        loss = self._loss(self._module(batch["units"], batch["index"]), batch["target"], batch["mask"])
        if self._penalty is not None and (own := self._penalty()) is not None:
            loss = loss + own
        if self._extra is not None:
            images, index = batch["units"]["frames"][0], batch["index"]["frames"]
            loss = loss + self._extra(ImageBatch(images, index, batch["target"], batch["mask"]), self._loss_on)
        self._optimiser.zero_grad()
        self._accelerator.backward(loss)
        if self.recipe.clip_norm:
            self._accelerator.clip_grad_norm_(self._module.parameters(), self.recipe.clip_norm)
        self._optimiser.step()
        if self._schedule:
            self._schedule.step()
        return float(loss.item())

    def _loss(self, logits: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        return flat_loss(self._criterion, logits, target, mask, self._task)

    def _loss_on(self, batch: ImageBatch) -> Tensor:
        logits = self._module({"frames": (batch.images,)}, {"frames": batch.index})
        return self._loss(logits, batch.target, batch.mask)


def cut_annotated(inputs: Inputs, tracks: Sequence[LabelledTrack], clip: Clip) -> list[ClipIndex]:
    """Return clips of the annotated frames that have an image, one after the other; all of these at track level."""
    found = []
    for one in tracks:
        annotated, seen = one.known.annotated, inputs.images_of(one.track).rows
        kept = seen[np.broadcast_to(annotated, one.track.n_frames)[seen]]
        if len(kept):
            windows, real = cut_windows(len(kept), clip.length, clip.stride)
            number = inputs.number_of(one.track)
            found += [ClipIndex(number, kept[at], own) for at, own in zip(windows, real, strict=True)]
    return found


class Order(Sampler[int]):
    """The order in which an epoch sees the clips. Seed and epoch alone decide it, so that training can go on in any."""

    def __init__(self, clips: int, seed: int) -> None:
        self._clips, self._seed = clips, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; accelerate's loader calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._clips

    def __iter__(self) -> Iterator[int]:
        yield from np.random.default_rng((self._seed, self._epoch)).permutation(self._clips).tolist()


class _Batches:
    """Turns lists of clips into batches; a ``collate_fn`` for torch's DataLoader."""

    def __init__(self, inputs: Inputs, labels: ClipLabels) -> None:
        self._inputs, self._labels = inputs, labels

    def __call__(self, clips: Sequence[ClipIndex]) -> dict[str, Any]:
        raw, index = self._inputs.read(clips)
        targets, masks = zip(*(self._labels.of(clip) for clip in clips), strict=True)
        return {
            "raw": raw,
            "index": index,
            "target": torch.from_numpy(np.stack(targets)),
            "mask": torch.from_numpy(np.stack(masks)),
        }
